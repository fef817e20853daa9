/**
 * How every program starts and stops: flags, then `work` with a signal that aborts on SIGTERM or SIGINT.
 * Shutdown order inside `work` is the caller's: readiness off, stop accepting, end watches, drain, flush. Here: exit code,
 * an emptying event loop, a last-resort timer. A second signal exits at once.
 */
import { setMaxListeners } from 'node:events'
import { FlagError, type FlagSpecs, type FlagValues, formatUsage, parseFlags, withDoubleHyphens } from './flags.ts'
import { createLogger, type Logger, type LogLevel } from './logger.ts'
import { isAbortError } from './run.ts'
import { kubernetesVersion } from './version.ts'

export type Program<Specs extends FlagSpecs> = {
  readonly name: string
  /** One sentence for `--help`. */
  readonly purpose: string
  readonly flags: Specs
  readonly work: (input: ProgramInput<Specs>, signal: AbortSignal) => Promise<void>
  /** Whether one hyphen does where two are usual, as in programs that use Go's own flag package. */
  readonly takesSingleHyphens?: boolean
  /** How long the flags let it take to stop, on top of what every program may take. */
  readonly shutdownDelayMs?: (flags: FlagValues<Specs>) => number
}
export type ProgramInput<Specs extends FlagSpecs> = {
  readonly flags: FlagValues<Specs>
  /** Names that stood on the command line, so that a config file can fill the rest. */
  readonly given: ReadonlySet<string>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly logger: Logger
}

/** How long a program may take to stop before it is cut off. */
const shutdownLimitMs = 10_000

const commonFlags = {
  v: { type: 'number', default: 0, description: 'Log verbosity: 2 and above also shows debug lines.' },
  help: { type: 'boolean', default: false, description: 'Show this help.' },
  version: { type: 'boolean', default: false, description: 'Show the version and exit.' },
} as const

/** Runs a program to its end and sets the exit code: 0 after a clean stop, 1 after a failure, 2 for a wrong command line. */
export async function runMain<Specs extends FlagSpecs>(program: Program<Specs>): Promise<void> {
  // Every wait of a program listens to one signal: many listeners are the design, not a leak.
  setMaxListeners(0)
  const specs = { ...program.flags, ...commonFlags }
  try {
    const argv = process.argv.slice(2)
    const parsed = parseFlags(specs, program.takesSingleHyphens === true ? withDoubleHyphens(argv) : argv)
    // `specs` holds the program's flags and the common ones; the two views below are parts of the same values.
    const common = parsed.values as unknown as FlagValues<typeof commonFlags>
    if (common.help) process.stdout.write(formatUsage(program.name, program.purpose, specs))
    else if (common.version) process.stdout.write(`Kubernetes ${kubernetesVersion}\n`)
    else await runUntilSignalled(program, parsed.values as unknown as FlagValues<Specs>, parsed.given, common.v)
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    process.stderr.write(`Error: ${error.message}\n`)
    process.exitCode = 2
  }
}

async function runUntilSignalled<Specs extends FlagSpecs>(
  program: Program<Specs>,
  flags: FlagValues<Specs>,
  given: ReadonlySet<string>,
  verbosity: number,
): Promise<void> {
  const level: LogLevel = verbosity >= 2 ? 'debug' : 'info'
  const logger = createLogger({ name: program.name, level })
  const stop = new AbortController()
  const onSignal = (name: NodeJS.Signals): void => {
    if (stop.signal.aborted) process.exit(1)
    logger.info('Received signal', { signal: name })
    stop.abort(new Error(`received ${name}`))
    const limitMs = shutdownLimitMs + (program.shutdownDelayMs?.(flags) ?? 0)
    setTimeout(() => process.exit(process.exitCode ?? 1), limitMs).unref()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  try {
    await program.work({ flags, given, env: process.env, logger }, stop.signal)
    process.exitCode = 0
  } catch (error) {
    const clean = stop.signal.aborted && (error === stop.signal.reason || isAbortError(error))
    if (!clean) logger.error('Stopped', { error })
    process.exit(clean ? 0 : 1)
  } finally {
    process.off('SIGTERM', onSignal)
    process.off('SIGINT', onSignal)
  }
  // Sockets that keep the loop alive after a clean stop are nobody's any more.
  setTimeout(() => process.exit(), 500).unref()
}
