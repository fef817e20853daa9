/** Runs ipset. */
import { ExecError, type ExecOptions, run } from '../component-base/exec.ts'
import { type Ipsets, parseIpsets } from './ipset.ts'

/** Hundreds of thousands of entries take their time. */
const limitMs = 300_000

export type IpsetCommand = {
  /** What is there already, or gone already, is no error. */
  readonly restore: (script: string, signal: AbortSignal) => Promise<void>
  readonly save: (signal: AbortSignal) => Promise<Ipsets>
  /** Such as `ipset v7.17, protocol version: 7`; rejects when the tool or the kernel's part is missing. */
  readonly version: (signal: AbortSignal) => Promise<string>
}

/** The tool in the network namespace of this process, or in the one that `namespace` names. */
export function createIpset(options: { readonly namespace?: string } = {}): IpsetCommand {
  const { namespace } = options
  const ipset = async (
    args: readonly string[],
    rest: ExecOptions & { readonly signal: AbortSignal },
  ): Promise<string> =>
    namespace === undefined
      ? (await run('ipset', args, rest)).stdout
      : (await run('ip', ['netns', 'exec', namespace, 'ipset', ...args], rest)).stdout
  return {
    restore: async (script, signal) => {
      if (script !== '') await ipset(['-exist', 'restore'], { input: script, timeoutMs: limitMs, signal })
    },
    save: async (signal) => parseIpsets(await ipset(['save'], { timeoutMs: limitMs, signal })),
    version: async (signal) => (await ipset(['version'], { signal })).trim(),
  }
}

/** Whether the tool is not installed. */
export function isMissingTool(error: unknown): boolean {
  return error instanceof ExecError && error.exitCode === undefined && error.message.includes('ENOENT')
}
