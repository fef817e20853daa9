/**
 * Keeps the programs of `cluster.json` running: whoever dies is started again, at once the first time and later with a growing
 * pause. Programs outlive the supervisor: a new one finds them by their pid files and starts only what is missing.
 */
import { spawn } from 'node:child_process'
import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { replaceFile } from '../../component-base/replace-file.ts'
import { clusterFile, marker, runDir, stateDir } from './layout.ts'
import { inNode } from './node-namespace.ts'
import type { ProgramSpec } from './programs.ts'

/** Programs of an earlier supervisor are looked at this often; our own children tell us when they end. */
const pollMs = 500
const maxPauseMs = 5_000
/** A program that ran this long is healthy: its next failure is the first again. */
const healthyMs = 10_000

/** What is known of a program between two looks. */
export type Attempt = { readonly startedMs: number; readonly failures: number }

/** Pure. How long to wait before the next start, counted from `nowMs`. */
export function pauseMs({ startedMs, failures }: Attempt, nowMs: number): number {
  if (failures === 0) return 0
  const pause = Math.min(100 * 2 ** (failures - 1), maxPauseMs)
  return Math.max(0, startedMs + pause - nowMs)
}

/** Pure. The attempt that a start now is. */
export function nextAttempt(before: Attempt | undefined, nowMs: number): Attempt {
  if (before === undefined) return { startedMs: nowMs, failures: 0 }
  return { startedMs: nowMs, failures: nowMs - before.startedMs >= healthyMs ? 1 : before.failures + 1 }
}

/** Runs until `signal` aborts. The programs stay. */
export async function supervise(clock: Clock, logger: Logger, signal: AbortSignal): Promise<void> {
  const attempts = new Map<string, Attempt>()
  const pids = new Map<string, string>()
  let version = 0
  let programs: readonly ProgramSpec[] = []
  let nap = new AbortController()
  const wake = (): void => nap.abort()
  signal.addEventListener('abort', wake, { once: true })
  while (!signal.aborted) {
    nap = new AbortController()
    const { mtimeMs } = await stat(clusterFile).catch(() => ({ mtimeMs: 0 }))
    if (mtimeMs !== version) {
      programs = await readPrograms()
      version = mtimeMs
    }
    for (const program of programs) {
      const known = pids.get(program.name) ?? (await readPid(program))
      pids.set(program.name, known)
      if (await isAlive(known)) continue
      const before = attempts.get(program.name)
      if (before !== undefined && pauseMs(before, clock.now()) > 0) continue
      const attempt = nextAttempt(before, clock.now())
      attempts.set(program.name, attempt)
      pids.delete(program.name)
      try {
        const pid = await startProgram(program, wake)
        logger.info('Started program', { program: program.name, pid, failures: attempt.failures })
      } catch (error) {
        // A full disk or too many processes may pass; the other programs still need somebody.
        logger.error('Program not started', { program: program.name, failures: attempt.failures, error })
      }
    }
    await clock.sleep(pollMs, nap.signal).catch(() => {})
  }
}

/** The programs that are to run; none when the cluster is being removed. */
export async function readPrograms(): Promise<readonly ProgramSpec[]> {
  const text = await readFile(clusterFile, 'utf8').catch(() => '[]')
  return JSON.parse(text) as readonly ProgramSpec[]
}

/** Replaces the list in one step. */
export async function writePrograms(programs: readonly ProgramSpec[]): Promise<void> {
  await replaceFile(clusterFile, JSON.stringify(programs, undefined, 1), 0o600)
}

/** Starts a program in its node, detached, with its log appended, and notes its pid. */
export async function startProgram(program: ProgramSpec, onExit: () => void): Promise<number> {
  const log = await open(program.log, 'a', 0o600)
  try {
    const [file = '', ...args] = program.node === undefined ? program.command : inNode(program.node, program.command)
    const env = { ...process.env, ...program.env, [marker]: stateDir, GOTRACEBACK: 'single' }
    const child = spawn(file, args, { detached: true, stdio: ['ignore', log.fd, log.fd], env, cwd: '/' })
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('spawn', () => resolve(child.pid ?? 0))
    })
    child.once('exit', onExit)
    child.unref()
    await notePid(program, pid)
    return pid
  } finally {
    await log.close()
  }
}

async function notePid(program: ProgramSpec, pid: number): Promise<void> {
  const file = pidFile(program)
  await mkdir(`${runDir}/pids`, { recursive: true })
  await writeFile(file, `${pid} ${await startTime(pid)}`)
}

/** The pid of the program if it runs. */
export async function runningPid(program: Pick<ProgramSpec, 'name'>): Promise<number | undefined> {
  const noted = await readPid(program)
  return (await isAlive(noted)) ? Number(noted.split(' ')[0]) : undefined
}

/** `pid start-time`, as it was noted when the program was started; '' when it never was. */
async function readPid(program: Pick<ProgramSpec, 'name'>): Promise<string> {
  return await readFile(pidFile(program), 'utf8').catch(() => '')
}

/** A pid that was given to another process since does not count. */
async function isAlive(noted: string): Promise<boolean> {
  const [pid = '', started = ''] = noted.split(' ')
  return pid !== '' && started !== '' && (await startTime(Number(pid))) === started
}

function pidFile({ name }: Pick<ProgramSpec, 'name'>): string {
  return `${runDir}/pids/${name.replace('/', '-')}`
}

/** Field 22 of `/proc/pid/stat`; '' when the process is gone or a zombie. Source: proc(5). */
export async function startTime(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? '' : (fields[19] ?? '')
}
