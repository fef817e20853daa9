/** Two sockets as one. */
import type { Duplex } from 'node:stream'
import { forgiveLateWrites } from './late-writes.ts'

/**
 * Joins a client with a backend byte for byte until both are closed or `signal` aborts. When the backend is done, what it has
 * sent still goes out, however slow the client is and whatever it still writes; when the client is gone, nobody waits for the
 * backend.
 */
export async function join(client: Duplex, backend: Duplex, signal: AbortSignal): Promise<void> {
  const stop = (): void => {
    client.destroy()
    backend.destroy()
  }
  signal.addEventListener('abort', stop, { once: true })
  // A reset by either side is how these connections usually end; its close follows, and what came before still goes out.
  client.on('error', () => {})
  backend.on('error', () => {})
  forgiveLateWrites(backend)
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
