/** Starts programs, in a network namespace or beside it, and says what CPU they used. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from '../../../component-base/exec.ts'

/** The command that runs `command` in the namespace; `ip netns exec` would give it other mounts besides. */
export function inNamespace(namespace: string, command: readonly string[]): readonly string[] {
  return ['nsenter', `--net=/run/netns/${namespace}`, ...command]
}

/** Runs a command to its end and gives its standard output. */
export async function output(command: readonly string[], input?: string, timeoutMs = 120_000): Promise<string> {
  const [file = '', ...args] = command
  const { stdout } = await run(file, args, { timeoutMs, ...(input === undefined ? {} : { input }) })
  return stdout
}

/** A daemon that the bench started. */
export type Daemon = { readonly pid: number; readonly stop: () => Promise<void>; readonly isAlive: () => boolean }

/** Starts a daemon; with `log` its output is shown, with `logFile` it goes there. It ends with the bench. */
export function startDaemon(
  command: readonly string[],
  { log = false, logFile }: { readonly log?: boolean; readonly logFile?: string } = {},
): Daemon {
  const stdio = logFile === undefined ? (log ? 'inherit' : 'ignore') : openSync(logFile, 'a')
  const [file = '', ...args] = command
  const child = spawn(file, args, { stdio: ['ignore', stdio, stdio] })
  if (typeof stdio === 'number') closeSync(stdio)
  child.on('error', () => undefined)
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null && child.pid !== undefined
  return { pid: child.pid ?? 0, isAlive, stop: async () => await stop(child, isAlive) }
}

/** Starts a program and gives the lines that it prints, one after the other. */
export function linesOf(command: readonly string[]): AsyncIterator<string> {
  const [file = '', ...args] = command
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]()
}

/** This program itself, to be started once more with other flags. */
export function self(): readonly string[] {
  return [process.execPath, process.argv[1] ?? '']
}

async function stop(child: ChildProcess, isAlive: () => boolean): Promise<void> {
  if (!isAlive()) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const late = new AbortController()
  const killLater = delay(5_000, undefined, { signal: late.signal }).then(
    () => child.kill('SIGKILL'),
    () => false,
  )
  await gone
  late.abort()
  await killLater
}

/** Waits until `probe` gives something; an error that names `what` after `limitMs`. */
export async function until<T>(what: string, probe: () => Promise<T | undefined>, limitMs = 20_000): Promise<T> {
  const endMs = performance.now() + limitMs
  while (performance.now() < endMs) {
    const found = await probe().catch(() => undefined)
    if (found !== undefined) return found
    await delay(20)
  }
  throw new Error(`waited ${limitMs / 1000} s for ${what}`)
}

/** CPU seconds that a process has used, with the work of the kernel on its behalf. 0 when it is gone. */
export function cpuSecondsOf(pid: number): number {
  try {
    // Fields 14 and 15 count from before the name, which may hold spaces; clock ticks are hundredths on Linux.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')
    return (Number(fields?.[11]) + Number(fields?.[12])) / 100
  } catch {
    return 0
  }
}

/** CPU seconds in which the machine was not idle, whoever used them. */
export function busySeconds(): number {
  const [, user, nice, system, , , irq, softirq, steal] = (
    readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? ''
  ).split(/\s+/)
  return [user, nice, system, irq, softirq, steal].reduce((sum, ticks) => sum + Number(ticks), 0) / 100
}

/** Resident memory of a process in MB: now and at its highest; `undefined` when it is gone. */
export function memoryMbOf(pid: number): { readonly nowMb: number; readonly peakMb: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    const megabytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1]) / 1024
    return { nowMb: megabytes('VmRSS'), peakMb: megabytes('VmHWM') }
  } catch {
    return undefined
  }
}
