import { readFile } from 'node:fs/promises'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'

export type FollowOptions = {
  readonly path: string
  /** The content that is in use. */
  readonly text: string
  /** May refuse the new content; then the old one stays in use. */
  readonly onChange: (text: string, signal: AbortSignal) => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
}

/** Upstream notices at once and looks every minute besides; a small file is cheap to read. */
const intervalMs = 2_000

/** Tells of every change of a file, until `signal` aborts. The same bad content is refused once. */
export async function followFile(
  { path, text, onChange, clock, logger }: FollowOptions,
  signal: AbortSignal,
): Promise<void> {
  let seen = text
  for (;;) {
    await clock.sleep(intervalMs, signal)
    try {
      const content = await readFile(path, 'utf8')
      if (content === seen) continue
      seen = content
      await onChange(content, signal)
    } catch (error) {
      signal.throwIfAborted()
      logger.error('Could not reload a configuration file', { path, error })
    }
  }
}
