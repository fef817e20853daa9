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

/**
 * Joins a client with a backend byte for byte until both are closed or `signal` aborts. When the backend is done, what it has
 * sent still goes out, however slow the client is; when the client is gone, nobody waits for the backend.
 */
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
  await Promise.all([
    closed(client, () => backend.destroy()),
    closed(backend, () => {
      client.end()
      // Reads on, so that the client's own end is seen.
      client.resume()
    }),
  ])
  signal.removeEventListener('abort', stop)
}

async function closed(socket: Duplex, then: () => void): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      then()
      resolve()
    }
    if (socket.closed) done()
    else socket.once('close', done)
  })
}
