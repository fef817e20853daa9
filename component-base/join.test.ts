import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { Worker } from 'node:worker_threads'
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

/** Answers what it gets and resets the connection, in a thread of its own; then sets `done`. */
const hastyServer = `
  const { createServer } = require('node:net')
  const { parentPort, workerData } = require('node:worker_threads')
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write('last words', () => socket.resetAndDestroy())
      server.close()
    })
    socket.once('close', () => {
      Atomics.store(workerData, 0, 1)
      Atomics.notify(workerData, 0)
    })
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

describe('join()', () => {
  it('loses nothing of what the backend has said before it hung up, whatever the client still writes', async () => {
    const done = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(hastyServer, { eval: true, workerData: done })
    const [port] = (await once(worker, 'message')) as [number]
    const backend = connect(port, '127.0.0.1')
    sockets.push(backend)
    await once(backend, 'connect')
    const received: string[] = []
    const client = new Duplex({
      read: () => {},
      write: (chunk, _encoding, then) => {
        received.push(String(chunk))
        then()
      },
      final: (then) => {
        client.push(null)
        then()
      },
    })
    const joined = join(client, backend, new AbortController().signal)
    backend.write('a question')
    // Nothing of ours runs until the backend is gone: its answer and its reset wait in the kernel.
    Atomics.wait(done, 0, 0, 60_000)
    client.push('too')
    client.push('late')
    await joined
    expect(received).toEqual(['last words'])
    await worker.terminate()
  })

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
