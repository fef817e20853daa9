/** Runs ipvsadm. */
import { ExecError, type ExecOptions, type ExecResult, run } from '../component-base/exec.ts'
import { type Connections, parseConnections, parseVirtualServers, type VirtualServers } from './ipvs.ts'

/** Hundreds of thousands of servers take their time. */
const limitMs = 300_000

export type IpvsTimeouts = { readonly tcp: number; readonly tcpFin: number; readonly udp: number }
export type IpvsCommand = {
  /**
   * Runs the lines one after the other. A line that the kernel refuses does not stop the others, nor does it make the tool
   * fail: what it says about them comes back, and the caller has to look at it.
   */
  readonly restore: (script: string, signal: AbortSignal) => Promise<readonly string[]>
  readonly save: (signal: AbortSignal) => Promise<VirtualServers>
  /** Of one virtual server, named as by `keyOf`, or of all. */
  readonly connections: (key: string | undefined, signal: AbortSignal) => Promise<Connections>
  /** In seconds; 0 leaves one as it is. */
  readonly setTimeouts: (timeouts: IpvsTimeouts, signal: AbortSignal) => Promise<void>
}

/** The tool in the network namespace of this process, or in the one that `namespace` names. */
export function createIpvs(options: { readonly namespace?: string } = {}): IpvsCommand {
  const { namespace } = options
  const ipvsadm = async (
    args: readonly string[],
    rest: ExecOptions & { readonly signal: AbortSignal },
  ): Promise<ExecResult> =>
    namespace === undefined
      ? await run('ipvsadm', args, rest)
      : await run('ip', ['netns', 'exec', namespace, 'ipvsadm', ...args], rest)
  return {
    restore: async (script, signal) => {
      if (script === '') return []
      // The exit code is that of the last line.
      const { stderr } = await ipvsadm(['--restore'], { input: script, timeoutMs: limitMs, signal }).catch(
        (error: unknown) => {
          if (error instanceof ExecError && error.exitCode !== undefined && error.stderr !== '') return error
          throw error
        },
      )
      return stderr.split('\n').filter((line) => line !== '')
    },
    save: async (signal) =>
      parseVirtualServers((await ipvsadm(['--save', '--numeric'], { timeoutMs: limitMs, signal })).stdout),
    connections: async (key, signal) => {
      const args = ['--list', '--numeric', ...(key === undefined ? [] : key.split(' '))]
      return parseConnections((await ipvsadm(args, { timeoutMs: limitMs, signal })).stdout)
    },
    setTimeouts: async ({ tcp, tcpFin, udp }, signal) => {
      await ipvsadm(['--set', String(tcp), String(tcpFin), String(udp)], { signal })
    },
  }
}
