/**
 * The bench runs in network, mount and process namespaces of its own. Whatever it makes there (namespaces, devices, rules,
 * daemons) goes with its first process, however that ends, and the machine's own network is never touched.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Told to the inner run, so that it does not start another one. */
export const insideFlag = '--inside'

/** Runs this program once more inside; resolves with its exit code. */
export async function runInside(argv: readonly string[]): Promise<number> {
  const unshare = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const program = [process.execPath, ...process.execArgv, process.argv[1] ?? '', insideFlag, ...argv]
  const child = spawn('setpriv', ['--pdeathsig=KILL', ...unshare, ...program], { stdio: 'inherit' })
  const [code] = await once(child, 'exit')
  return typeof code === 'number' ? code : 1
}

/** As the first process of its namespace it is deaf to signals that it does not handle. */
export function endOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))
}
