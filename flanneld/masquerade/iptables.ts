/** Our chains in iptables and ip6tables. */
import { ExecError, run } from '../../component-base/exec.ts'
import { type Family, families, familyFacts } from '../family.ts'
import type { ChainRules } from './rules.ts'
import type { Firewall } from './sync.ts'

/** Names are upstream's. */
const chains = {
  masquerade: { table: 'nat', chain: 'FLANNEL-POSTRTG', from: 'POSTROUTING', comment: 'flanneld masq' },
  forward: { table: 'filter', chain: 'FLANNEL-FWD', from: 'FORWARD', comment: 'flanneld forward' },
} as const

type Kind = ChainRules['kind']

/** How long to wait for another program that holds the lock. */
const lockSeconds = '5'

/** Chains of iptables, each with a jump to it. */
export const iptablesFirewall: Firewall = {
  list: async ({ family, kind }, signal) => {
    const { table, chain } = chains[kind]
    const listing = await unlessAbsent(async () => await iptables(family, ['-t', table, '-S', chain], signal))
    if (listing === undefined) return { rules: [], isReached: false }
    return { rules: rulesOf(listing, chain), isReached: await hasJump(family, kind, signal) }
  },
  write: async ({ family, kind }, rules, signal) => {
    const script = renderChain(kind, rules, await hasJump(family, kind, signal))
    await restore(family, script, signal)
  },
  cleanUp: async (signal) => {
    for (const family of families) {
      for (const kind of ['masquerade', 'forward'] as const) await removeChain(family, kind, signal)
    }
  },
}

/** A script for iptables-restore that fills our chain, and adds the jump where it is missing. Pure. */
export function renderChain(kind: Kind, rules: readonly string[], isJumpThere: boolean): string {
  const { table, chain, from, comment } = chains[kind]
  return [
    `*${table}`,
    `:${chain} - [0:0]`,
    ...rules.map((rule) => `-A ${chain} ${rule}`),
    ...(isJumpThere ? [] : [`-A ${from} -m comment --comment "${comment}" -j ${chain}`]),
    'COMMIT',
    '',
  ].join('\n')
}

/** The rules of a chain in what `iptables -S` prints. Pure. */
export function rulesOf(listing: string, chain: string): readonly string[] {
  const start = `-A ${chain} `
  return listing.split('\n').flatMap((line) => (line.startsWith(start) ? [line.slice(start.length).trimEnd()] : []))
}

async function iptables(family: Family, args: readonly string[], signal: AbortSignal): Promise<string> {
  return (await run(familyFacts[family].iptables, ['-w', lockSeconds, ...args], { signal })).stdout
}

async function restore(family: Family, input: string, signal: AbortSignal): Promise<void> {
  await run(`${familyFacts[family].iptables}-restore`, ['-w', lockSeconds, '--noflush'], { input, signal })
}

async function hasJump(family: Family, kind: Kind, signal: AbortSignal): Promise<boolean> {
  const { table, chain, from, comment } = chains[kind]
  const args = ['-t', table, '-C', from, '-m', 'comment', '--comment', comment, '-j', chain]
  return (await unlessAbsent(async () => await iptables(family, args, signal))) !== undefined
}

async function removeChain(family: Family, kind: Kind, signal: AbortSignal): Promise<void> {
  const { table, chain, from, comment } = chains[kind]
  const listing = await unlessAbsent(async () => await iptables(family, ['-t', table, '-S', chain], signal))
  if (listing === undefined) return
  const jump = `-D ${from} -m comment --comment "${comment}" -j ${chain}`
  const lines = [`*${table}`, `:${chain} - [0:0]`, ...((await hasJump(family, kind, signal)) ? [jump] : [])]
  await restore(family, [...lines, `-X ${chain}`, 'COMMIT', ''].join('\n'), signal)
}

async function unlessAbsent<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    // iptables answers 1 for a rule that is not there, and 2 for one that jumps to a chain that is not.
    const isAbsent = error instanceof ExecError && (error.exitCode === 1 || error.stderr.includes('does not exist'))
    if (isAbsent) return undefined
    throw error
  }
}
