/** Runs `nft`; the only file about nftables that does anything. */
import { ExecError, run } from '../component-base/exec.ts'
import type { Family } from './iptables.ts'
import type { NftPresent, NftTable } from './nft-script.ts'

/** A first transaction of several hundred thousand elements takes its time. */
const applyLimitMs = 300_000

export type Nft = {
  /** Applies the script as one transaction. */
  readonly apply: (script: string, signal: AbortSignal) => Promise<void>
  /** The names in a table; `undefined` when there is no such table. */
  readonly present: (table: Pick<NftTable, 'family' | 'name'>, signal: AbortSignal) => Promise<NftPresent | undefined>
  /** Whether a chain is there and has rules. */
  readonly hasRules: (table: Pick<NftTable, 'family' | 'name'>, chain: string, signal: AbortSignal) => Promise<boolean>
  /** Removes a table, if it is there. */
  readonly deleteTable: (family: Family, name: string, signal: AbortSignal) => Promise<void>
  /** The version, such as `1.0.6`. */
  readonly version: (signal: AbortSignal) => Promise<string>
}

/** `nft` in the network namespace of this process or in the one that `namespace` names. */
export function createNft({ namespace }: { readonly namespace?: string } = {}): Nft {
  const execute = async (args: readonly string[], signal: AbortSignal, input?: string): Promise<string> => {
    const [file, rest] = namespace === undefined ? ['nft', args] : ['ip', ['netns', 'exec', namespace, 'nft', ...args]]
    const options = { signal, timeoutMs: applyLimitMs, ...(input === undefined ? {} : { input }) }
    return (await run(file, rest, options)).stdout
  }
  const list = async (args: readonly string[], signal: AbortSignal): Promise<string | undefined> => {
    try {
      return await execute(['--terse', 'list', ...args], signal)
    } catch (error) {
      if (error instanceof ExecError && error.stderr.includes('No such file or directory')) return undefined
      throw error
    }
  }
  return {
    apply: async (script, signal) => {
      await execute(['-f', '-'], signal, script)
    },
    present: async ({ family, name }, signal) => {
      const text = await list(['table', family, name], signal)
      return text === undefined ? undefined : parseTable(text)
    },
    hasRules: async ({ family, name }, chain, signal) => {
      const text = await list(['chain', family, name, chain], signal)
      // Braces of table and chain, and their ends: what is between is hook and rules.
      return text !== undefined && /^\t\t(?!type )\S/m.test(text)
    },
    deleteTable: async (family, name, signal) => {
      try {
        await execute(['delete', 'table', family, name], signal)
      } catch (error) {
        if (!(error instanceof ExecError && error.stderr.includes('No such file or directory'))) throw error
      }
    },
    version: async (signal) => /v(\d+(?:\.\d+)*)/.exec(await execute(['--version'], signal))?.[1] ?? '',
  }
}

/** Reads the names of chains, sets and maps from nft's own listing. */
export function parseTable(text: string): NftPresent {
  const chains: string[] = []
  const sets = new Map<string, 'set' | 'map'>()
  for (const [, type, name = ''] of text.matchAll(/^\t(chain|set|map) (\S+) \{/gm)) {
    if (type === 'chain') chains.push(name)
    else if (type === 'set' || type === 'map') sets.set(name, type)
  }
  return { chains, sets }
}
