import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../component-base/clock.ts'
import { selfSignedKeyPair } from '../../component-base/self-signed.ts'
import { hostPort, openRequest } from './kubelet-client.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listening(server: Server, host: string): Promise<number> {
  servers.push(server)
  server.listen(0, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('hostPort() puts IPv6 addresses in brackets', () => {
  expect(hostPort({ host: 'fd00::1', port: 80 })).toBe('[fd00::1]:80')
  expect(hostPort({ host: '10.0.0.1', port: 80 })).toBe('10.0.0.1:80')
})

test.each(['127.0.0.1', '::1'])(
  'openRequest() checks the certificate of a kubelet at %s against its address',
  async (host) => {
    const kubelet = await selfSignedKeyPair('kubelet', [host], systemClock.now())
    const names: unknown[] = []
    const server = createHttpsServer({ cert: kubelet.cert, key: kubelet.key }, (request, response) => {
      response.end(request.headers.host)
    })
    server.on('secureConnection', ({ servername }) => names.push(servername))
    const port = await listening(server, host)
    const identity = { preferredAddressTypes: [], ca: kubelet.cert }
    const { request, response } = openRequest(
      { protocol: 'https', host, port, identity },
      { method: 'GET', path: '/', headers: { host: hostPort({ host, port }) } },
      new AbortController().signal,
    )
    request.end()
    expect(await text(await response)).toBe(hostPort({ host, port }))
    // RFC 6066: an address is no server name.
    expect(names).toEqual([false])
    request.destroy()
  },
)

test('openRequest() reads an answer whose lines end with a bare line feed', async () => {
  const port = await listening(
    createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end('HTTP/1.0 200 OK\nContent-Type: text/plain\n\nhello\n'))
    }),
    '127.0.0.1',
  )
  const { request, response } = openRequest(
    { protocol: 'http', host: '127.0.0.1', port },
    { method: 'GET', path: '/', headers: {} },
    new AbortController().signal,
  )
  request.end()
  expect(await text(await response)).toBe('hello\n')
})
