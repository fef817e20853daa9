import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { join } from './join.ts'

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** Two ends of one TCP connection. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [Socket]
  server.close()
  sockets.push(near, far)
  return [near, far]
}

async function setUp() {
  const [user, client] = await pair()
  const [backend, kubelet] = await pair()
  const stop = new AbortController()
  const joined = join(client, backend, stop.signal)
  return { user, kubelet, joined, stop }
}

describe('join()', () => {
  it('carries bytes both ways', async () => {
    const { user, kubelet } = await setUp()
    user.write('to the kubelet')
    expect(String((await once(kubelet, 'data'))[0])).toBe('to the kubelet')
    kubelet.write('to the user')
    expect(String((await once(user, 'data'))[0])).toBe('to the user')
  })

  it('loses nothing of what the backend has sent before its end, however slow the client is', async () => {
    const received: string[] = []
    const client = new Duplex({
      read: () => {},
      write: (chunk, _encoding, done) => {
        setTimeout(() => {
          received.push(String(chunk))
          done()
        }, 20)
      },
      final: (done) => {
        client.push(null)
        done()
      },
    })
    const backend = new Duplex({ allowHalfOpen: false, read: () => {}, write: (_chunk, _encoding, done) => done() })
    const joined = join(client, backend, new AbortController().signal)
    for (const word of ['all', 'of', 'it']) backend.push(word)
    backend.push(null)
    await joined
    expect(received).toEqual(['all', 'of', 'it'])
  })

  it('ends the backend when the client goes away', async () => {
    const { user, kubelet, joined } = await setUp()
    kubelet.on('error', () => {})
    user.destroy()
    await joined
    if (!kubelet.closed) await once(kubelet.resume(), 'close')
  })

  it('ends both when it is told to stop', async () => {
    const { user, joined, stop } = await setUp()
    stop.abort()
    await joined
    if (!user.closed) await once(user.resume(), 'close')
  })
})
