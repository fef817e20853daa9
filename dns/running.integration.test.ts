/** Configurations that change while questions come in, and the threads of the UDP socket. */

import { createSocket } from 'node:dgram'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../component-base/clock.ts'
import { silentLogger } from '../component-base/logger.ts'
import { freePort } from '../test/fixtures/port.ts'
import { decodeMessage, encodeMessage, rcodeName } from './codec/message.ts'
import { types } from './codec/record.ts'
import { FakeCluster, sampleRecords } from './fixtures.ts'
import { DnsMetrics } from './metrics.ts'
import { configure } from './plugins/harness.ts'
import { Resolver } from './resolver.ts'
import { DnsServer } from './running.ts'
import { openThreaded, type ThreadedSocket } from './udp/threads.ts'

/** Asks over UDP; the code, and the first address. Nothing for very long is `silence`. */
async function ask(port: number, name: string, flags = 0x0100): Promise<string> {
  const socket = createSocket('udp4')
  try {
    const query = encodeMessage({
      id: 7,
      flags,
      questions: [{ name, type: types.A, class: 1 }],
      answers: [],
      authorities: [],
      additionals: [],
    })
    return await new Promise<string>((resolve) => {
      const limit = AbortSignal.timeout(20_000)
      limit.addEventListener('abort', () => resolve('silence'))
      socket.on('error', () => resolve('refused'))
      socket.on('message', (bytes) => {
        const { flags: answered, answers, questions, id } = decodeMessage(bytes)
        const [first] = answers
        const value = first?.data.type === 'A' ? ` ${first.data.address}` : ''
        const isOwn = id === 7 && questions[0]?.name === name
        resolve(isOwn ? `${rcodeName(answered & 15)}${value}` : 'foreign')
      })
      socket.connect(port, '127.0.0.1', () => socket.send(query))
    })
  } finally {
    socket.close()
  }
}

describe('DnsServer.change()', () => {
  const cluster = new FakeCluster()
  const metrics = new DnsMetrics()
  let server: DnsServer | undefined
  let port = 0
  let other = 0
  const source = (text: string) => ({ file: 'Corefile', text, importFiles: () => [] })
  const block = (key: string, address: string) => `${key} {\n hosts {\n  ${address} a.test\n }\n}\n`

  beforeAll(async () => {
    ;[port, other] = [await freePort(), await freePort()]
    server = new DnsServer({
      flags: { address: '127.0.0.1', port, healthPort: 0, readyPort: 0, metricsPort: 0, udpThreads: 0 },
      environment: {},
      cluster,
      clock: systemClock,
      logger: silentLogger,
      metrics,
      serviceAddresses: [],
      ownAddresses: [],
      onListening: () => {},
    })
    await server.start(source(block('.', '192.0.2.1')))
  })
  afterAll(async () => await server?.stop())

  test('takes a new configuration over on the open sockets', async () => {
    expect(await ask(port, 'a.test.')).toBe('NOERROR 192.0.2.1')
    await server?.change(source(block('.', '192.0.2.2')))
    expect(await ask(port, 'a.test.')).toBe('NOERROR 192.0.2.2')
  })

  test('stays with the old one when the new one is wrong', async () => {
    const failed = metrics.count('coredns_reload_failed_total', {})
    const before = failed.value
    for (const wrong of ['. {\n bogus\n}', '. {\n errors', '. {\n forward . nowhere\n}', '']) {
      await server?.change(source(wrong))
      expect(await ask(port, 'a.test.')).toBe('NOERROR 192.0.2.2')
    }
    expect(failed.value).toBe(before + 4)
  })

  test('opens and closes sockets as blocks come and go', async () => {
    await server?.change(source(block('.', '192.0.2.3') + block(`test:${other}`, '192.0.2.4')))
    expect(await ask(port, 'a.test.')).toBe('NOERROR 192.0.2.3')
    expect(await ask(other, 'a.test.')).toBe('NOERROR 192.0.2.4')
    expect(await ask(other, 'a.org.')).toBe('REFUSED')
    await server?.change(source(block('.', '192.0.2.5')))
    expect(await ask(port, 'a.test.')).toBe('NOERROR 192.0.2.5')
    expect(await ask(other, 'a.test.')).not.toMatch(/NOERROR/)
  })

  test('stays with the old one when a socket cannot be opened', async () => {
    const taken = createSocket('udp4')
    await new Promise<void>((resolve) => taken.bind(other, '127.0.0.1', resolve))
    await server?.change(source(block('.', '192.0.2.6') + block(`.:${other}`, '192.0.2.6')))
    expect(await ask(port, 'a.test.')).toBe('NOERROR 192.0.2.5')
    taken.close()
  })

  test('answers every question during changes', async () => {
    const asked = Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        if (i % 4 === 0) await server?.change(source(block('.', `192.0.2.${100 + i}`)))
        return await ask(port, 'a.test.')
      }),
    )
    for (const answer of await asked) expect(answer).toMatch(/^NOERROR 192\.0\.2\.\d+$/)
  })
})

describe('openThreaded()', () => {
  const cluster = new FakeCluster()
  const metrics = new DnsMetrics()
  const stop = new AbortController()
  const workerFile = join(import.meta.dirname, `../dist/test-packets-${process.pid}.worker.mjs`)
  let socket: ThreadedSocket | undefined
  let served: Promise<void> = Promise.resolve()

  beforeAll(async () => {
    // Beside the built programs, so that koffi is found.
    await build({
      entryPoints: [join(import.meta.dirname, 'udp/packets.worker.ts')],
      outfile: workerFile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['koffi'],
    })
    const text = '. {\n kubernetes cluster.local {\n  ttl 30\n }\n loadbalance\n}'
    const configuration = configure(text, { cluster, metrics })
    const [listener] = configuration.listeners.values()
    if (listener === undefined) throw new Error('no listener')
    const resolver = new Resolver(listener, { metrics, clock: systemClock, logger: silentLogger })
    cluster.onChange(() => resolver.forget())
    socket = await openThreaded({
      address: '127.0.0.1',
      port: 0,
      threads: 2,
      resolver,
      logger: silentLogger,
      workerFile,
    })
    served = socket?.serve(stop.signal) ?? Promise.resolve()
  })
  afterAll(async () => {
    stop.abort()
    await served
    await rm(workerFile, { force: true })
  })

  test('begins to answer', async () => {
    await expect
      .poll(async () => await ask(socket?.port ?? 0, 'kubernetes.default.svc.cluster.local.'), { timeout: 45_000 })
      .toMatch(/NOERROR/)
  })

  test('answers again and again, each with the spelling of the question', async () => {
    for (const name of ['kubernetes.default.svc.cluster.local.', 'KUBERNETES.default.svc.Cluster.local.']) {
      for (let i = 0; i < 20; i += 1) expect(await ask(socket?.port ?? 0, name)).toBe('NOERROR 10.96.0.1')
    }
  })

  test('counts what the threads have answered', async () => {
    const text = await metrics.read()
    const [, count] = /coredns_dns_responses_total\{[^}]*rcode="NOERROR",plugin="kubernetes"\} (\d+)/.exec(text) ?? []
    expect(Number(count)).toBeGreaterThanOrEqual(40)
  })

  test('never answers with what has changed', async () => {
    const name = 'late.default.svc.cluster.local.'
    for (let round = 0; round < 20; round += 1) {
      expect(await ask(socket?.port ?? 0, name)).toBe('NXDOMAIN')
      const address = `10.96.9.${round + 1}`
      const late = { kind: 'clusterIp', addresses: [address], ports: [{ name: '', protocol: 'TCP', port: 1 }] } as const
      cluster.change({ ...sampleRecords, services: { ...sampleRecords.services, 'default/late': late } })
      expect(await ask(socket?.port ?? 0, name)).toBe(`NOERROR ${address}`)
      expect(await ask(socket?.port ?? 0, name)).toBe(`NOERROR ${address}`)
      cluster.change(sampleRecords)
    }
  })

  test('goes on after rubbish', async () => {
    const rubbish = createSocket('udp4')
    for (const size of [0, 1, 11, 12, 17, 40, 600, 5000])
      rubbish.send(Buffer.alloc(size, 0x3f), socket?.port ?? 0, '127.0.0.1')
    rubbish.send(Buffer.from('0001000000010000000000003f', 'hex'), socket?.port ?? 0, '127.0.0.1')
    rubbish.send(Buffer.from('000100000001000000000000c00c00010001', 'hex'), socket?.port ?? 0, '127.0.0.1')
    expect(await ask(socket?.port ?? 0, 'kubernetes.default.svc.cluster.local.')).toBe('NOERROR 10.96.0.1')
    rubbish.close()
  })
})
