/** Joins a client's upgraded connection with the runtime's streaming server, byte for byte. */
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { join } from '../../component-base/join.ts'

/** Headers that belong to the hop and not to the stream. */
const hopHeaders = new Set(['host', 'authorization', 'content-length', 'transfer-encoding'])

/** Sends the same upgrade request to `url` and pipes both ways. The runtime's answer goes to the client as it is. */
export function tunnelUpgrade(request: IncomingMessage, client: Duplex, head: Buffer, url: URL): void {
  const upstream = connect({ host: url.hostname, port: Number(url.port || 80) })
  upstream.setNoDelay(true)
  upstream.write(requestHead(request, url))
  if (head.length > 0) upstream.write(head)
  // Ends with the connections; errors are theirs.
  void join(client, upstream, new AbortController().signal)
}

function requestHead(request: IncomingMessage, url: URL): string {
  const lines = [`${request.method ?? 'POST'} ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`]
  const raw = request.rawHeaders
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? ''
    if (!hopHeaders.has(name.toLowerCase())) lines.push(`${name}: ${raw[at + 1] ?? ''}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}
