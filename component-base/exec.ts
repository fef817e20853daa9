/** The only place that starts a process: argument arrays, never a shell; scripts go in by standard input. */
import { ExecaError, execa } from 'execa'

export type ExecOptions = {
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly timeoutMs?: number
}
export type ExecResult = { readonly stdout: string; readonly stderr: string }

/** A process that ended badly: `exitCode` is undefined when it was killed or could not be started. */
export class ExecError extends Error {
  override readonly name = 'ExecError'
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string

  constructor(
    message: string,
    result: { exitCode: number | undefined; stdout: string; stderr: string },
    cause: unknown,
  ) {
    super(message, { cause })
    this.exitCode = result.exitCode
    this.stdout = result.stdout
    this.stderr = result.stderr
  }
}

/** Output of a process is cut here, so that a chatty one cannot fill memory. */
const maxOutputBytes = 64 * 1024 * 1024

/**
 * Runs `file` to its end. Rejects with `ExecError` on a bad exit code, a signal, the time limit (default 60 s) or when it is
 * not there; with `signal.reason` when aborted.
 */
export async function run(
  file: string,
  args: readonly string[],
  options: ExecOptions & { readonly signal?: AbortSignal } = {},
): Promise<ExecResult> {
  const { input, env, cwd, timeoutMs = 60_000, signal } = options
  signal?.throwIfAborted()
  try {
    const { stdout, stderr } = await execa(file, [...args], {
      ...(input === undefined ? { stdin: 'ignore' } : { input }),
      ...(env === undefined ? {} : { env: { ...env } }),
      ...(cwd === undefined ? {} : { cwd }),
      ...(signal === undefined ? {} : { cancelSignal: signal }),
      timeout: timeoutMs,
      maxBuffer: maxOutputBytes,
      stripFinalNewline: false,
    })
    return { stdout: stdout ?? '', stderr: stderr ?? '' }
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason
    if (!(error instanceof ExecaError)) throw error
    const stderr = String(error.stderr ?? '')
    const why = stderr.trim().split('\n').at(-1) || error.shortMessage
    throw new ExecError(
      `run ${file} ${args.slice(0, 6).join(' ')}: ${why}`,
      { exitCode: error.exitCode, stdout: String(error.stdout ?? ''), stderr },
      error,
    )
  }
}
