#!/usr/bin/env node
/** The command-line program of the project; one folder for each subcommand. */
import { setMaxListeners } from 'node:events'
import { StatusError } from '../apimachinery/status.ts'
import { type Io, traceCommand } from './trace/command.ts'

const usage = `kubets looks into a Kubernetes cluster.

Usage:
  kubets COMMAND [arguments]

Commands:
  trace FROM TO[:PORT]    Tells which route, chain, rule, policy and endpoint a packet meets.

Use "kubets COMMAND --help" for more.
`
const commands: Readonly<Record<string, (argv: readonly string[], io: Io, signal: AbortSignal) => Promise<number>>> = {
  trace: traceCommand,
}

async function run(argv: readonly string[], io: Io, signal: AbortSignal): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    io.write(usage)
    return name === undefined ? 2 : 0
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    io.complain(`error: unknown command "${name}" for "kubets"\n`)
    return 2
  }
  try {
    return await command(rest, io, signal)
  } catch (error) {
    if (signal.aborted) return 130
    const isStatus = error instanceof StatusError
    io.complain(`${isStatus ? `Error from server (${error.reason})` : 'error'}: ${messageOf(error)}\n`)
    return 2
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause =
    error.cause instanceof Error && !error.message.includes(error.cause.message) ? `: ${error.cause.message}` : ''
  return `${error.message}${cause}`
}

// Every wait listens to one signal: many listeners are the design, not a leak.
setMaxListeners(0)
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error(`received ${name}`)))
const io: Io = {
  env: process.env,
  write: (text) => process.stdout.write(text),
  complain: (text) => process.stderr.write(text),
}
process.exitCode = await run(process.argv.slice(2), io, stop.signal)
