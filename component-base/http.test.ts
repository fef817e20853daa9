import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { listen } from './http.ts'

const server = createServer((_, response) => response.end('hello'))
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

test('listen() on 0.0.0.0 listens on every address of both families', async () => {
  const hasIpv6 = (networkInterfaces()['lo'] ?? []).some(({ address }) => address === '::1')
  await listen(server, 0, '0.0.0.0')
  const { port } = server.address() as AddressInfo
  for (const host of ['127.0.0.1', ...(hasIpv6 ? ['[::1]'] : [])]) {
    expect(await (await fetch(`http://${host}:${port}/`)).text()).toBe('hello')
  }
})
