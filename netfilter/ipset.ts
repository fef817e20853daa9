/**
 * Sets of addresses and ports that rules refer to (ipset), as data and as the text that `ipset restore` takes and `ipset save` gives. A
 * restore is no transaction: additions go before the rules that need them, removals after the rules that used them.
 */
import type { Family } from './iptables.ts'

export type IpsetType = 'hash:ip' | 'hash:net' | 'hash:ip,port' | 'hash:ip,port,ip' | 'hash:ip,port,net' | 'bitmap:port'

export type Ipset = {
  /** At most 31 characters. */
  readonly name: string
  readonly type: IpsetType
  readonly family: Family
  /** In ipset's words, as `ipset save` prints them: `10.0.0.1,tcp:80`. */
  readonly entries: ReadonlySet<string>
}
export type Ipsets = ReadonlyMap<string, Ipset>

/** The longest name that the kernel takes (IPSET_MAXNAMELEN with its final zero). */
export const maxIpsetName = 31
/** Upstream's and the kernel's default. A set that needs more is made with room for twice its entries. */
const defaultMaxEntries = 65_536
const inetNames = { ip: 'inet', ip6: 'inet6' } as const

/** What leads from one state to another, in two scripts; an empty text is nothing to do. */
export type IpsetChange = {
  /** Sets and entries that are missing: before the rules. */
  readonly additions: string
  /** Entries and sets that are not wanted any more: after the rules. */
  readonly removals: string
}

/** The change from `applied` to `wanted`. A set that is the same object in both is not looked into. */
export function diffIpsets(applied: Ipsets, wanted: Ipsets): IpsetChange {
  const additions: string[] = []
  const removals: string[] = []
  for (const set of wanted.values()) {
    const before = applied.get(set.name)
    if (before === set) continue
    if (before === undefined) additions.push(create(set))
    // Full sets refuse entries; the kernel cannot enlarge one, but it can swap two.
    else if (isOutgrown(before, set)) additions.push(...enlarge(set))
    for (const entry of set.entries) if (before?.entries.has(entry) !== true) additions.push(`add ${set.name} ${entry}`)
    for (const entry of before?.entries ?? []) if (!set.entries.has(entry)) removals.push(`del ${set.name} ${entry}`)
  }
  for (const name of applied.keys()) if (!wanted.has(name)) removals.push(`destroy ${name}`)
  return { additions: script(additions), removals: script(removals) }
}

function script(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

function maxEntriesFor({ entries }: Ipset): number {
  return entries.size <= defaultMaxEntries ? defaultMaxEntries : 2 ** Math.ceil(Math.log2(entries.size * 2))
}

function isOutgrown(before: Ipset, after: Ipset): boolean {
  return after.type !== 'bitmap:port' && after.entries.size > maxEntriesFor(before)
}

function create(set: Ipset, name = set.name): string {
  if (set.type === 'bitmap:port') return `create ${name} bitmap:port range 0-65535`
  return `create ${name} ${set.type} family ${inetNames[set.family]} hashsize 1024 maxelem ${maxEntriesFor(set)}`
}

/** The new set takes the name of the old one, and all rules with it. */
function enlarge(set: Ipset): readonly string[] {
  const other = `${set.name.slice(0, maxIpsetName - 1)}+`
  return [
    create(set, other),
    ...[...set.entries].map((entry) => `add ${other} ${entry}`),
    `swap ${set.name} ${other}`,
    `destroy ${other}`,
  ]
}

/** Reads what `ipset save` printed. */
export function parseIpsets(text: string): Ipsets {
  const sets = new Map<string, Ipset & { readonly entries: Set<string> }>()
  for (const line of text.split('\n')) {
    const [verb, name = '', rest = ''] = line.split(' ', 3)
    if (verb === 'create') {
      // The boundary to the tool: sets of further types belong to others and are only carried by name.
      const type = rest as IpsetType
      sets.set(name, { name, type, family: line.includes(' family inet6 ') ? 'ip6' : 'ip', entries: new Set() })
    } else if (verb === 'add') sets.get(name)?.entries.add(rest)
  }
  return sets
}
