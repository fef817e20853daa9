/** `/healthz`: the process runs. `/readyz`: rules and subnet.env are in place. `/metrics`: what the backend counts, if it does. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { serveHttp } from '../component-base/http.ts'
import type { Task } from '../component-base/run.ts'
import type { Flags } from './flags.ts'

/** Serves them on `--healthz-ip` and `--healthz-port`. */
export function healthTask(flags: Flags, isReady: () => boolean, metrics: () => string): Task {
  const handler = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const [status, text] = pathname === '/metrics' ? [200, metrics()] : answer(pathname, isReady())
    response.writeHead(status, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      // As Go's server for pages that are not there.
      ...(status === 404 && { 'X-Content-Type-Options': 'nosniff' }),
    })
    response.end(text)
  }
  return async (signal) => {
    await serveHttp({ address: flags['healthz-ip'], port: flags['healthz-port'], handler }, signal)
  }
}

function answer(path: string, isReady: boolean): readonly [number, string] {
  if (path === '/healthz') return [200, 'flanneld is running']
  if (path !== '/readyz') return [404, '404 page not found\n']
  return isReady ? [200, 'flanneld is ready'] : [503, 'flanneld is not ready yet']
}
