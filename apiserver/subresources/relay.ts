/** An answer's body onto a response. */
import type { Readable } from 'node:stream'
import type { ApiResponse } from '../http/api-request.ts'

/** Copies a stream to the response at the pace of the slower one; ends the response with it. */
export async function relay(from: Readable, to: ApiResponse, signal: AbortSignal): Promise<void> {
  const stop = (): void => {
    from.destroy()
  }
  signal.addEventListener('abort', stop, { once: true })
  to.once('close', stop)
  try {
    for await (const chunk of from) {
      if (!to.write(chunk)) await drained(to)
    }
  } catch (error) {
    // The head is out: all that is left to say is that it ends here.
    if (!signal.aborted && !to.headersSent) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    to.off('close', stop)
    to.end()
  }
}

async function drained(to: ApiResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      to.off('drain', done)
      to.off('close', done)
      resolve()
    }
    to.once('drain', done)
    to.once('close', done)
  })
}
