/** Joining streams: an answer onto a response, two sockets with each other. */
import type { Duplex, Readable } from 'node:stream'
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

/** Joins two sockets byte for byte until one of them is closed or `signal` aborts. */
export async function join(client: Duplex, backend: Duplex, signal: AbortSignal): Promise<void> {
  const stop = (): void => {
    client.destroy()
    backend.destroy()
  }
  signal.addEventListener('abort', stop, { once: true })
  // A reset by either side is how these connections usually end.
  client.on('error', stop)
  backend.on('error', stop)
  client.pipe(backend)
  backend.pipe(client)
  await Promise.all([closed(client, backend), closed(backend, client)])
  signal.removeEventListener('abort', stop)
}

async function closed(socket: Duplex, other: Duplex): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.once('close', () => {
      other.destroy()
      resolve()
    })
  })
}
