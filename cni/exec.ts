/**
 * Starts the few tools that the plugins need. Not component-base's exec: a plugin
 * process lives for milliseconds, so it loads nothing that it can do without.
 */
import { execFile } from 'node:child_process'

/** A tool that ended with a failure; `stderr` is what it said. */
export class ToolError extends Error {
  override readonly name = 'ToolError'
  readonly stderr: string
  /** The tool itself is not there. */
  readonly isMissing: boolean

  constructor(file: string, stderr: string, cause: unknown) {
    super(`${file}: ${stderr.trim() === '' ? String(cause) : stderr.trim()}`, { cause })
    this.stderr = stderr
    this.isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
  }
}

/** How long any tool may run; the runtime gives up on a plugin much later. */
const timeoutMs = 20_000

/** Options of `runTool`. */
export type ToolOptions = { readonly input?: string; readonly env?: Readonly<Record<string, string>> }

/** Runs a tool with `input` on its stdin and resolves with its stdout. */
export function runTool(
  file: string,
  args: readonly string[],
  options: ToolOptions,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const { input, env } = options
    const settings = { signal, timeout: timeoutMs, encoding: 'utf8', maxBuffer: 32 << 20, ...(env && { env }) } as const
    const child = execFile(file, args, settings, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new ToolError(file, stderr === '' ? stdout : stderr, error))
    })
    // A tool that ends before it has read everything closes the pipe; its exit code tells the story.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input ?? '')
  })
}

/** Runs lines of `ip -batch` here, or inside the namespace at `netns`. */
export async function ipBatch(lines: readonly string[], netns: string | undefined, signal: AbortSignal): Promise<void> {
  if (lines.length === 0) return
  const input = `${lines.join('\n')}\n`
  if (netns === undefined) await runTool('ip', ['-batch', '-'], { input }, signal)
  else await runTool('nsenter', [`--net=${netns}`, 'ip', '-batch', '-'], { input }, signal)
}

/** The JSON answer of one `ip -json` query, here or inside a namespace. */
export async function ipQuery(
  args: readonly string[],
  netns: string | undefined,
  signal: AbortSignal,
): Promise<unknown> {
  const text =
    netns === undefined
      ? await runTool('ip', ['-json', ...args], {}, signal)
      : await runTool('nsenter', [`--net=${netns}`, 'ip', '-json', ...args], {}, signal)
  return text.trim() === '' ? [] : JSON.parse(text)
}

/** Lines of `bridge -batch`, for VLANs. */
export async function bridgeBatch(lines: readonly string[], signal: AbortSignal): Promise<void> {
  if (lines.length > 0) await runTool('bridge', ['-batch', '-'], { input: `${lines.join('\n')}\n` }, signal)
}

/** The VLANs of a port. */
export async function bridgeVlans(port: string, signal: AbortSignal): Promise<unknown> {
  return JSON.parse(await runTool('bridge', ['-json', 'vlan', 'show', 'dev', port], {}, signal))
}
