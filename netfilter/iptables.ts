/** Runs the iptables tools of one family; the only file of this folder that does anything. */
import { ExecError, run } from '../component-base/exec.ts'
import type { Table } from './ruleset.ts'

export type Family = 'ip' | 'ip6'

const prefixes = { ip: 'iptables', ip6: 'ip6tables' } as const
/** How long to wait for another program that holds the lock. */
const lockSeconds = '5'
/** A restore of several hundred thousand lines takes its time. */
const restoreLimitMs = 300_000

export type Iptables = {
  readonly family: Family
  readonly tool: 'iptables' | 'ip6tables'
  /** Applies the script as one transaction, leaving alone what it does not name. */
  readonly restore: (script: string, signal: AbortSignal) => Promise<void>
  readonly save: (table: Table, signal: AbortSignal) => Promise<string>
  readonly hasChain: (table: Table, chain: string, signal: AbortSignal) => Promise<boolean>
  readonly deleteRule: (table: Table, chain: string, rule: readonly string[], signal: AbortSignal) => Promise<boolean>
}

/** The tools of a family, in the network namespace of this process or in the one that `namespace` names. */
export function createIptables(family: Family, options: { readonly namespace?: string } = {}): Iptables {
  const { namespace } = options
  const tool = prefixes[family]
  const execute: typeof run = async (file, args, rest) =>
    namespace === undefined
      ? await run(file, args, rest)
      : await run('ip', ['netns', 'exec', namespace, file, ...args], rest)
  const attempt = async (args: readonly string[], signal: AbortSignal): Promise<boolean> => {
    try {
      await execute(tool, ['-w', lockSeconds, ...args], { signal })
      return true
    } catch (error) {
      if (error instanceof ExecError && error.exitCode === 1) return false
      throw error
    }
  }
  return {
    family,
    tool,
    restore: async (script, signal) => {
      const args = ['-w', lockSeconds, '--noflush', '--counters']
      await execute(`${tool}-restore`, args, { input: script, timeoutMs: restoreLimitMs, signal })
    },
    save: async (table, signal) =>
      (await execute(`${tool}-save`, ['-t', table], { timeoutMs: restoreLimitMs, signal })).stdout,
    hasChain: async (table, chain, signal) => await attempt(['-t', table, '-S', chain, '1'], signal),
    deleteRule: async (table, chain, rule, signal) => await attempt(['-t', table, '-D', chain, ...rule], signal),
  }
}
