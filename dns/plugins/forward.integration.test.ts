/** `forward` against name servers on the loopback interface that behave in various ways. */
import { createSocket, type Socket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../component-base/clock.ts'
import { freePort } from '../../test/fixtures/port.ts'
import { decodeMessage, encodeMessage, type Message } from '../codec/message.ts'
import { record } from '../codec/record.ts'
import { DnsMetrics } from '../metrics.ts'
import { forward } from './forward.ts'
import { contextFor, linesOf, requestFor, show } from './harness.ts'
import type { Outcome } from './plugin.ts'

type Behaviour = (query: Message, transport: 'udp' | 'tcp') => Message | undefined

const answerWith =
  (address: string): Behaviour =>
  (query) => ({
    ...query,
    flags: 0x8180,
    answers: [record(query.questions[0]?.name ?? '.', 60, { type: 'A', address })],
    additionals: [],
  })
const code =
  (rcode: number): Behaviour =>
  (query) => ({ ...query, flags: 0x8180 | rcode, answers: [], additionals: [] })
const silent: Behaviour = () => undefined

/** A name server on UDP and TCP. */
class FakeServer {
  readonly #udp: Socket = createSocket('udp4')
  readonly #tcp: Server
  readonly ports = new Set<number>()
  behaviour: Behaviour
  asked = 0
  port = 0

  constructor(behaviour: Behaviour) {
    this.behaviour = behaviour
    this.#udp.on('message', (bytes, from) => {
      this.ports.add(from.port)
      const answer = this.#answer(bytes, 'udp')
      if (answer !== undefined) this.#udp.send(answer, from.port, from.address)
    })
    this.#tcp = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        const answer = this.#answer(chunk.subarray(2), 'tcp')
        if (answer === undefined) return
        const size = Buffer.alloc(2)
        size.writeUInt16BE(answer.length)
        socket.write(Buffer.concat([size, answer]))
      })
    })
  }

  #answer(bytes: Buffer, transport: 'udp' | 'tcp'): Buffer | undefined {
    const query = decodeMessage(bytes)
    if (query.questions[0]?.name !== '.') this.asked += 1
    const answer = this.behaviour(query, transport)
    return answer === undefined ? undefined : encodeMessage(answer)
  }

  async open(): Promise<this> {
    // The same port of both protocols: one that the kernel gives out for UDP may be taken in TCP.
    this.port = await freePort()
    await new Promise<void>((resolve) => this.#udp.bind(this.port, '127.0.0.1', resolve))
    await new Promise<void>((resolve) => this.#tcp.listen(this.port, '127.0.0.1', resolve))
    return this
  }

  close(): void {
    this.#udp.close()
    this.#tcp.close()
  }
}

describe('forward', () => {
  const cleanUps: (() => void)[] = []
  afterEach(() => {
    for (const clean of cleanUps.splice(0)) clean()
  })

  const server = async (behaviour: Behaviour): Promise<FakeServer> => {
    const made = await new FakeServer(behaviour).open()
    cleanUps.push(() => made.close())
    return made
  }
  const forwarding = (servers: readonly FakeServer[], options = '', metrics = new DnsMetrics(), from = '.') => {
    const to = servers.map(({ port }) => `127.0.0.1:${port}`).join(' ')
    const stop = new AbortController()
    const { wrap, task } = forward(
      linesOf(`forward ${from} ${to} {\n${options}\n}`),
      contextFor({ clock: systemClock, metrics }),
    )
    void task?.(stop.signal)
    cleanUps.push(() => stop.abort())
    const handler = wrap?.(() => undefined)
    return async (name = 'www.test.', change = {}): Promise<Outcome> => await handler?.(requestFor(name, 'A', change))
  }

  test('passes an answer on', async () => {
    const one = await server(answerWith('192.0.2.1'))
    expect(show(await forwarding([one])())).toBe('NOERROR | www.test. 60 A 192.0.2.1')
  })

  test('asks the next server when one is silent, and leaves it alone while its probes fail', async () => {
    const [dead, alive] = [await server(silent), await server(answerWith('192.0.2.2'))]
    const metrics = new DnsMetrics()
    const ask = forwarding([dead, alive], 'policy sequential\nread_timeout 1s\nmax_fails 1\nhealth_check 20ms', metrics)
    expect(show(await ask())).toBe('NOERROR | www.test. 60 A 192.0.2.2')
    const failures = metrics.count('coredns_proxy_healthcheck_failures_total', {
      proxy_name: 'forward',
      to: `127.0.0.1:${dead.port}`,
    })
    await expect.poll(() => failures.value, { timeout: 30_000 }).toBeGreaterThan(1)
    const before = dead.asked
    await ask('other.test.')
    expect(dead.asked).toBe(before)
    dead.behaviour = answerWith('192.0.2.1')
    await expect
      .poll(async () => show(await ask('again.test.')), { timeout: 30_000 })
      .toBe('NOERROR | again.test. 60 A 192.0.2.1')
  }, 90_000)

  test('answers SERVFAIL when nobody answers', async () => {
    const dead = await server(silent)
    const reply = await forwarding([dead], 'read_timeout 100ms')()
    expect(show(reply)).toBe('SERVFAIL')
    expect(reply?.error).toContain('i/o timeout')
  })

  test('takes servers in turn, or always the first', async () => {
    const servers = [await server(answerWith('192.0.2.1')), await server(answerWith('192.0.2.2'))]
    const turns = forwarding(servers, 'policy round_robin')
    for (let i = 0; i < 4; i += 1) await turns(`n${i}.test.`)
    expect(servers.map(({ asked }) => asked)).toEqual([2, 2])
    const first = forwarding(servers, 'policy sequential')
    for (let i = 0; i < 4; i += 1) await first(`m${i}.test.`)
    expect(servers.map(({ asked }) => asked)).toEqual([6, 2])
  })

  test('asks the next server after an answer that failover names', async () => {
    const servers = [await server(code(2)), await server(answerWith('192.0.2.2'))]
    expect(show(await forwarding(servers, 'policy sequential')())).toBe('SERVFAIL')
    expect(show(await forwarding(servers, 'policy sequential\nfailover SERVFAIL REFUSED')())).toBe(
      'NOERROR | www.test. 60 A 192.0.2.2',
    )
  })

  const cut: Behaviour = (query, transport) => {
    const whole = answerWith('192.0.2.9')(query, transport)
    return whole === undefined || transport === 'tcp' ? whole : { ...whole, flags: whole.flags | 0x0200, answers: [] }
  }

  test('tells the client that an answer was cut, and asks over TCP where the client does', async () => {
    const one = await server(cut)
    const ask = forwarding([one])
    expect((await ask())?.isTruncated).toBe(true)
    expect(show(await ask('www.test.', { transport: 'tcp' }))).toBe('NOERROR | www.test. 60 A 192.0.2.9')
  })

  test('asks over TCP by itself with prefer_udp, and always with force_tcp', async () => {
    const one = await server(cut)
    expect(show(await forwarding([one], 'prefer_udp')())).toBe('NOERROR | www.test. 60 A 192.0.2.9')
    expect(show(await forwarding([one], 'force_tcp')())).toBe('NOERROR | www.test. 60 A 192.0.2.9')
  })

  test('leaves names alone that are not its own', async () => {
    const one = await server(answerWith('192.0.2.1'))
    const ask = forwarding([one], 'except not.example.org', new DnsMetrics(), 'example.org')
    expect(show(await ask('www.example.org.'))).toMatch(/^NOERROR/)
    expect(show(await ask('www.not.example.org.'))).toBe('nothing')
    expect(show(await ask('example.com.'))).toBe('nothing')
  })

  test('asks once for all who ask the same, from a port of its own each time', async () => {
    const one = await server(answerWith('192.0.2.1'))
    const ask = forwarding([one])
    await Promise.all(Array.from({ length: 10 }, async () => await ask()))
    expect(one.asked).toBe(1)
    for (let i = 0; i < 20; i += 1) await ask(`n${i}.test.`)
    expect(one.ports.size).toBeGreaterThan(15)
  })

  test('refuses questions beyond max_concurrent', async () => {
    const one = await server(silent)
    const ask = forwarding([one], 'max_concurrent 1\nread_timeout 200ms\nmax_connect_attempts 1')
    const [first, second] = await Promise.all([ask('a.test.'), ask('b.test.')])
    expect([show(first), show(second)]).toEqual(['SERVFAIL', 'REFUSED'])
    expect(second?.error).toBe('concurrent queries exceeded maximum 1')
  })

  test('does not take an answer to another question, or with another id, for its own', async () => {
    const one = await server((query) => {
      const answer = answerWith('192.0.2.66')(query, 'udp')
      return answer === undefined ? undefined : { ...answer, id: (answer.id + 1) & 0xffff }
    })
    expect(show(await forwarding([one], 'read_timeout 100ms\nmax_connect_attempts 1')())).toBe('SERVFAIL')
    one.behaviour = (query) => {
      const answer = answerWith('192.0.2.66')(query, 'udp')
      return answer === undefined ? undefined : { ...answer, questions: [{ name: 'evil.test.', type: 1, class: 1 }] }
    }
    expect(show(await forwarding([one], 'read_timeout 100ms\nmax_connect_attempts 1')())).toBe('SERVFAIL')
  })

  test('keeps names in records readable that came compressed', async () => {
    const one = await server(answerWith('192.0.2.1'))
    one.behaviour = (query) => ({ ...query, flags: 0x8180, answers: [], additionals: [] })
    const stop = new AbortController()
    cleanUps.push(() => stop.abort())
    // www.test. MX 10 <pointer to the question's name>, as servers of old write it.
    const raw = createSocket('udp4')
    cleanUps.push(() => raw.close())
    raw.on('message', (bytes, from) => {
      const answer = Buffer.concat([
        bytes.subarray(0, 12),
        bytes.subarray(12),
        Buffer.from('c00c000f0001000000780004000ac00c', 'hex'),
      ])
      answer.writeUInt16BE(0x8180, 2)
      answer.writeUInt16BE(1, 6)
      raw.send(answer, from.port, from.address)
    })
    await new Promise<void>((resolve) => raw.bind(0, '127.0.0.1', resolve))
    const { wrap } = forward(linesOf(`forward . 127.0.0.1:${raw.address().port}`), contextFor({ clock: systemClock }))
    const reply = await wrap?.(() => undefined)(requestFor('www.test.', 'MX'))
    expect(show(reply)).toBe('NOERROR | www.test. 120 MX 000a03777777047465737400')
  })
})
