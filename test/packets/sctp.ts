/** SCTP by way of socat, because Node has no sockets for it: one process for each question. */
import { type ChildProcess, spawn } from 'node:child_process'
import { ExecError, run } from '../../component-base/exec.ts'
import { formatAddress, parseAddress } from '../../component-base/ip-address.ts'
import type { Outcome } from './prober.ts'
import { serverPort, type Testbed } from './testbed.ts'

/** Serves SCTP on a machine, both families, until the processes are ended; answers as the other servers do. */
export function listenSctp(bed: Testbed, machine: string): readonly ChildProcess[] {
  const listeners = [
    `SCTP4-LISTEN:${serverPort},fork,reuseaddr`,
    `SCTP6-LISTEN:${serverPort},fork,reuseaddr,ipv6only=1`,
  ]
  return listeners.map((listener) =>
    spawn('ip', [
      ...['netns', 'exec', bed.namespace(machine), 'socat', listener],
      `SYSTEM:read line; echo ${machine} $SOCAT_PEERADDR`,
    ]),
  )
}

/** What comes back. */
export async function askSctp(
  bed: Testbed,
  { from, ip, port }: { readonly from: string; readonly ip: string; readonly port: number },
  timeoutMs: number,
): Promise<Outcome> {
  const seconds = Math.ceil(timeoutMs / 1_000)
  const target = ip.includes(':') ? `SCTP6:[${ip}]:${port}` : `SCTP4:${ip}:${port}`
  try {
    const args = [
      'netns',
      'exec',
      bed.namespace(from),
      'socat',
      `-T${seconds}`,
      '-',
      `${target},connect-timeout=${seconds}`,
    ]
    const { stdout } = await run('ip', args, { input: 'hello\n', timeoutMs: 3 * timeoutMs })
    const [by = '', source = ''] = stdout.trim().split(' ')
    return by === '' ? { verdict: 'dropped' } : { verdict: 'delivered', by, source: plain(source) }
  } catch (error) {
    if (!(error instanceof ExecError)) throw error
    return error.stderr.includes('refused') ? { verdict: 'refused' } : { verdict: 'dropped' }
  }
}

/** socat writes `[fd00:0010:…]`. */
function plain(source: string): string {
  const address = parseAddress(source.replace(/^\[|\]$/g, ''))
  return address === undefined ? source : formatAddress(address)
}
