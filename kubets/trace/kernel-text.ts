/** Reads what iptables-save, nft and ip print about a node. Pure. */
import type { Family } from '../../netfilter/iptables.ts'
import type { NftChain } from '../../netfilter/nft.ts'
import type { Chains, Table } from '../../netfilter/ruleset.ts'
import type { TracedNftTable } from '../../netfilter/trace-nft.ts'
import { type Device, type NodeNetwork, type Route, type Tunnel, tunnelOf } from './network.ts'

export type SavedTables = {
  readonly tables: ReadonlyMap<Table, Chains>
  /** By `filter/FORWARD`. */
  readonly policies: ReadonlyMap<string, string>
}

/** Reads `iptables-save`. */
export function parseSavedTables(text: string): SavedTables {
  const tables = new Map<Table, Map<string, string[]>>()
  const policies = new Map<string, string>()
  let table: Table = 'filter'
  for (const line of text.split('\n')) {
    // The tool knows these tables and `security`, which nobody here uses.
    if (line.startsWith('*')) table = line.slice(1).trim() as Table
    const chains = tables.get(table) ?? new Map<string, string[]>()
    const [, chain = '', policy = ''] = /^:(\S+) (\S+)/.exec(line) ?? []
    if (chain !== '') {
      tables.set(table, chains.set(chain, []))
      if (policy !== '-') policies.set(`${table}/${chain}`, policy)
    }
    const [, of = '', rule = ''] = /^-A (\S+) (.*)$/.exec(line) ?? []
    if (of !== '') chains.get(of)?.push(rule.trimEnd())
  }
  tables.delete('security' as Table)
  return { tables, policies }
}

/** Reads `nft list ruleset`; tables that are iptables' own are left out, as its warnings name them. */
export function parseNftRuleset(text: string, warnings: string): readonly TracedNftTable[] {
  const own = new Set(
    [...`${text}\n${warnings}`.matchAll(/# Warning: table (\S+ \S+) is managed/g)].map(([, name]) => name),
  )
  return [...text.matchAll(/^table (\S+) (\S+) \{\n([\s\S]*?)^\}/gm)].flatMap(
    ([, family = '', name = '', body = '']) => {
      if (own.has(`${family} ${name}`)) return []
      const families: readonly Family[] =
        family === 'ip' || family === 'ip6' ? [family] : family === 'inet' ? ['ip', 'ip6'] : []
      const { chains, sets } = parseBody(body)
      return families.map((each) => ({ name, family: each, chains, sets }))
    },
  )
}

function parseBody(body: string): Pick<TracedNftTable, 'chains' | 'sets'> {
  const chains = new Map<string, NftChain>()
  const sets = new Map<string, { definition: string; elements: Map<string, string> }>()
  for (const [, kind, name = '', inner = ''] of body.matchAll(/^\t(chain|set|map) (\S+) \{\n([\s\S]*?)^\t\}/gm)) {
    if (kind === 'chain') chains.set(name, parseChain(inner))
    else sets.set(name, parseSet(inner))
  }
  return { chains, sets }
}

function parseChain(inner: string): NftChain {
  const lines = inner.split('\n').map((line) => line.trim())
  const hook = lines.find((line) => /^type \w+ hook /.test(line))
  const rules = lines.filter((line) => line !== '' && line !== hook && !/^comment "[^"]*"$/.test(line))
  return hook === undefined ? { rules } : { hook, rules }
}

function parseSet(inner: string): { definition: string; elements: Map<string, string> } {
  const [definition = '', list = ''] = inner.split(/\belements = \{/)
  const elements = new Map<string, string>()
  for (const element of splitElements(list.replace(/\}\s*$/, ''))) {
    const [, key = '', rest = ''] = /^(.*?)(?: ((?:comment|timeout|expires|counter|:) ?.*))?$/.exec(element) ?? []
    elements.set(key, rest)
  }
  return { definition: definition.replace(/\s+/g, ' ').trim(), elements }
}

/** At commas, but not at those inside quotes. */
function splitElements(list: string): readonly string[] {
  const parts = list.match(/(?:"[^"]*"|[^,"])+/g) ?? []
  return parts.map((part) => part.replace(/\s+/g, ' ').trim()).filter((part) => part !== '')
}

type JsonObject = Readonly<Record<string, unknown>>

function objectsIn(text: string): readonly JsonObject[] {
  const value: unknown = text.trim() === '' ? [] : JSON.parse(text)
  return Array.isArray(value) ? value.filter(isObject) : []
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export type NetworkTexts = {
  /** `ip -j -d addr`, `ip -j route` and `ip -j -6 route`. */
  readonly addresses: string
  readonly routes4: string
  readonly routes6: string
  /** `net.bridge.bridge-nf-call-iptables`; empty where there is none. */
  readonly bridgeCalls: string
}

/** Reads routes, addresses and devices. */
export function parseNetwork(texts: NetworkTexts): NodeNetwork {
  const devices = objectsIn(texts.addresses).map(deviceOf)
  return {
    source: 'kernel',
    addresses: devices.flatMap(({ addresses }) => addresses),
    routes: [...objectsIn(texts.routes4).flatMap(routeOf(false)), ...objectsIn(texts.routes6).flatMap(routeOf(true))],
    devices,
    seesBridged: texts.bridgeCalls.trim() === '1',
  }
}

const tunnelKinds: Readonly<Record<string, string>> = {
  tun: 'udp',
  vxlan: 'vxlan',
  ipip: 'ipip',
  wireguard: 'wireguard',
}

function deviceOf(link: JsonObject): Device {
  const info = isObject(link['linkinfo']) ? link['linkinfo'] : {}
  const kind = textOf(info['info_kind']) ?? ''
  const details = isObject(info['info_data']) ? info['info_data'] : {}
  const addresses = (Array.isArray(link['addr_info']) ? link['addr_info'] : []).flatMap((each: unknown) =>
    isObject(each) && typeof each['local'] === 'string' ? [each['local']] : [],
  )
  const name = textOf(link['ifname']) ?? ''
  // Other tunnels lead out of what a trace knows.
  const tunnel = name.startsWith('flannel') ? tunnelIn(tunnelKinds[kind], details) : undefined
  const type = kind === 'bridge' ? 'bridge' : name === 'lo' ? 'loopback' : tunnel === undefined ? 'other' : 'tunnel'
  return { name, type, addresses, tunnel }
}

function tunnelIn(backend: string | undefined, { port }: JsonObject): Tunnel | undefined {
  const tunnel = backend === undefined ? undefined : tunnelOf(backend)
  return tunnel !== undefined && typeof port === 'number' ? { ...tunnel, port } : tunnel
}

function routeOf(isV6: boolean): (route: JsonObject) => readonly Route[] {
  return (route) => {
    const [to, device] = [textOf(route['dst']), textOf(route['dev'])]
    if (to === undefined || device === undefined || (route['type'] ?? 'unicast') !== 'unicast') return []
    const source = textOf(route['prefsrc'])
    return [
      { to: to === 'default' ? (isV6 ? '::/0' : '0.0.0.0/0') : to, device, via: textOf(route['gateway']), source },
    ]
  }
}
