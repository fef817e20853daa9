/** `npm start`, `npm stop`, `npm run status`, and the supervisor that `npm start` leaves running. */
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../component-base/clock.ts'
import { FlagError, formatUsage, parseFlags } from '../../component-base/flags.ts'
import { createLogger } from '../../component-base/logger.ts'
import { localFlags, localOptions } from './options.ts'
import { createProgress, StepError } from './progress.ts'
import { install, start } from './start.ts'
import { status } from './status.ts'
import { stop } from './stop.ts'
import { supervise } from './supervisor.ts'

const bundle = fileURLToPath(import.meta.url)

async function main(command: string, argv: readonly string[], signal: AbortSignal): Promise<number> {
  const write = (text: string): void => {
    process.stdout.write(text)
  }
  if (command !== 'status' && process.getuid?.() !== 0)
    throw new StepError('kubets makes network namespaces and containers: run it as root.')
  if (process.platform !== 'linux') throw new StepError(`kubets runs on Linux, not on ${process.platform}.`)
  switch (command) {
    case 'start': {
      if (argv.includes('--help')) {
        write(formatUsage('npm start --', 'Starts a Kubernetes cluster on this machine.', localFlags))
        return 0
      }
      const options = localOptions(parseFlags(localFlags, argv).values)
      const paths = { node: process.execPath, dist: dirname(bundle) }
      await start({ options, paths, bundle, searchPath: process.env['PATH'] ?? '', clock: systemClock, write }, signal)
      return 0
    }
    case 'stop':
      await stop(systemClock, write, signal)
      return 0
    case 'install':
      await createProgress(write, systemClock.now).step('programs of the machine', async () => {
        await install(process.env['PATH'] ?? '', signal)
      })
      return 0
    case 'status':
      return (await status(write)) ? 0 : 1
    case 'supervise':
      await supervise(systemClock, createLogger({ name: 'supervisor' }), signal)
      return 0
    default:
      throw new FlagError(`unknown command "${command}": use start, stop or status`)
  }
}

const abort = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => abort.abort(new StepError(`Interrupted by ${name}. Remove what is there with: npm stop`)))
}
try {
  const [command = 'start', ...argv] = process.argv.slice(2)
  process.exitCode = await main(command, argv, abort.signal)
} catch (error) {
  if (!(error instanceof StepError || error instanceof FlagError)) throw error
  process.stderr.write(`\n${error.message}\n`)
  process.exitCode = 1
}
