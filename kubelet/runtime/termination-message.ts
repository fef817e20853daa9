/**
 * What a container says about its end: the file it wrote, or the last of its log. Source: the behaviour of upstream's
 * `getTerminationMessage` and `readLastStringFromContainerLogs`.
 */
import { readFile } from 'node:fs/promises'
import { parseLogLine } from '../server/logs.ts'
import type { Cri } from './cri.ts'
import { terminationMessagePathAnnotation, terminationMessagePolicyAnnotation } from './labels.ts'

/** Upstream's limits for a termination message. */
const maxMessageBytes = 4096
const maxLogBytes = 2048
const maxLogLines = 80
/** As much of a log's end as is looked at for the lines. */
const maxLogPartBytes = 1 << 16

/** The message of a container that has ended; empty: it says nothing. */
export async function terminationMessage(status: Cri<'ContainerStatus'>): Promise<string> {
  const path = status.annotations[terminationMessagePathAnnotation] ?? ''
  const file = status.mounts.find(({ containerPath }) => containerPath === path)?.hostPath
  const text = path === '' || file === undefined ? '' : (await readEnd(file, maxMessageBytes)).toString('utf8')
  if (text !== '') return text
  const isFallback = status.annotations[terminationMessagePolicyAnnotation] === 'FallbackToLogsOnError'
  if (!isFallback || status.exitCode === 0 || status.reason === 'ContainerCannotRun') return ''
  return lastOfLog(await readEnd(status.logPath, maxLogPartBytes))
}

/** The texts of the last lines of a CRI log. Only a line that was ended by the container ends here. */
export function lastOfLog(log: Buffer): string {
  const lines = log
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '')
  const texts = lines.slice(-maxLogLines).flatMap((line) => {
    const parsed = parseLogLine(Buffer.from(line, 'latin1'))
    return parsed === undefined ? [] : [parsed.content, Buffer.from(parsed.isPartial ? '' : '\n')]
  })
  return Buffer.concat(texts).subarray(-maxLogBytes).toString('utf8')
}

async function readEnd(path: string, bytes: number): Promise<Buffer> {
  const content = await readFile(path).catch(() => Buffer.alloc(0))
  return content.subarray(-bytes)
}
