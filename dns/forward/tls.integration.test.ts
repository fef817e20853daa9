/** `forward . tls://…` against name servers on the loopback interface: whom it believes, and how long it stays connected. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../component-base/clock.ts'
import { createAuthority, type Issued, type TestAuthority } from '../../test/fixtures/certificates.ts'
import { decodeMessage, encodeMessage } from '../codec/message.ts'
import { record } from '../codec/record.ts'
import { DnsMetrics } from '../metrics.ts'
import { forward } from '../plugins/forward.ts'
import { contextFor, linesOf, requestFor, show } from '../plugins/harness.ts'
import type { Outcome } from '../plugins/plugin.ts'

let authority: TestAuthority
let stranger: TestAuthority
let named: Issued
let addressed: Issued
let client: Issued

beforeAll(async () => {
  ;[authority, stranger] = [await createAuthority('dns'), await createAuthority('stranger')]
  named = await authority.issue('dns.test', [], ['dns.test'])
  addressed = await authority.issue('127.0.0.1', [], ['127.0.0.1'])
  client = await authority.issue('client')
})

const cleanUps: (() => void)[] = []
afterEach(() => {
  for (const clean of cleanUps.splice(0)) clean()
})

/** A name server over TLS that answers every question with one address, a byte at a time. */
class TlsNameServer {
  readonly #server: Server
  readonly open = new Set<TLSSocket>()
  readonly address: string
  connections = 0
  asked = 0
  isSilent = false

  constructor(address: string, options: TlsOptions) {
    this.address = address
    this.#server = createServer(options, (socket) => this.#converse(socket))
    this.#server.on('tlsClientError', () => {})
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    cleanUps.push(() => this.stop())
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  hangUp(): void {
    for (const socket of this.open) socket.destroy()
  }

  stop(): void {
    this.#server.close()
    this.hangUp()
  }

  #converse(socket: TLSSocket): void {
    this.connections += 1
    this.open.add(socket)
    let received = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('close', () => this.open.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0)
        this.#answer(socket, received.subarray(2, end))
        received = received.subarray(end)
      }
    })
  }

  #answer(socket: TLSSocket, bytes: Buffer): void {
    const query = decodeMessage(bytes)
    const name = query.questions[0]?.name ?? '.'
    if (name !== '.') this.asked += 1
    if (this.isSilent) return
    const answers = [record(name, 60, { type: 'A', address: this.address })]
    const answer = encodeMessage({ ...query, flags: 0x8180, answers, additionals: [] })
    for (const byte of [answer.length >> 8, answer.length & 255, ...answer]) socket.write(Buffer.of(byte))
  }
}

const server = async (issued: Issued, address = '192.0.2.1', options: TlsOptions = {}): Promise<TlsNameServer> =>
  await new TlsNameServer(address, { ...issued, ...options }).listen()

type Forwarding = {
  readonly ask: (name?: string) => Promise<Outcome>
  readonly counted: (what: 'hits' | 'misses') => number
  readonly stop: () => void
}

// A busy machine takes its time for a handshake.
const trusted = 'tls ca.pem\ntls_servername dns.test\nread_timeout 5s'

function forwarding(servers: readonly TlsNameServer[], options: string, clock: Clock = systemClock): Forwarding {
  const to = servers.map(({ port }) => `127.0.0.1:${port}`)
  const metrics = new DnsMetrics()
  const files = {
    ...{ 'ca.pem': authority.cert, 'stranger.pem': stranger.cert },
    ...{ 'client.pem': client.cert, 'client.key': client.key },
  }
  const text = `forward . ${to.map((one) => `tls://${one}`).join(' ')} {\npolicy sequential\n${options}\n}`
  const { wrap, task } = forward(linesOf(text), contextFor({ clock, metrics, files }))
  const stop = new AbortController()
  void task?.(stop.signal)
  cleanUps.push(() => stop.abort())
  const handler = wrap?.(() => undefined)
  return {
    ask: async (name = 'www.test.') => await handler?.(requestFor(name)),
    counted: (what) =>
      metrics.count(`coredns_proxy_conn_cache_${what}_total`, {
        ...{ proxy_name: 'forward', to: `tls://${to[0]}`, proto: 'tcp-tls' },
      }).value,
    stop: () => stop.abort(),
  }
}

const answered = 'NOERROR | www.test. 60 A 192.0.2.1'

test('forward asks a server whose certificate has the name of tls_servername', async () => {
  expect(show(await forwarding([await server(named)], trusted).ask())).toBe(answered)
})

test('forward checks the certificate against the address where there is no tls_servername', async () => {
  expect(show(await forwarding([await server(addressed)], 'tls ca.pem').ask())).toBe(answered)
  const reply = await forwarding([await server(named)], 'tls ca.pem').ask()
  expect(show(reply)).toBe('SERVFAIL')
  expect(reply?.error).toContain("Hostname/IP does not match certificate's altnames: IP: 127.0.0.1")
})

test.each([
  ['of another name', 'tls ca.pem\ntls_servername other.test', "Host: other.test. is not in the cert's altnames"],
  ['of another authority', 'tls stranger.pem\ntls_servername dns.test', 'unable to verify the first certificate'],
  [
    'of an authority that the machine does not know',
    'tls_servername dns.test',
    'unable to verify the first certificate',
  ],
])('forward tells a server with a certificate %s nothing', async (_, options, why) => {
  const one = await server(named)
  const reply = await forwarding([one], options).ask()
  expect(show(reply)).toBe('SERVFAIL')
  expect(reply?.error).toContain(why)
  expect(one.asked).toBe(0)
})

test('forward shows its own certificate to a server that asks for one', async () => {
  const strict = { requestCert: true, rejectUnauthorized: true, ca: authority.cert }
  const one = await server(named, '192.0.2.1', strict)
  const own = 'tls client.pem client.key ca.pem\ntls_servername dns.test'
  expect(show(await forwarding([one], own).ask())).toBe(answered)
  expect(show(await forwarding([one], `${trusted}\nmax_connect_attempts 1`).ask())).toBe('SERVFAIL')
})

test('forward asks one question after the other on one connection, and several at once on several', async () => {
  const one = await server(named)
  const { ask, counted } = forwarding([one], trusted)
  for (let i = 0; i < 10; i += 1) await ask(`n${i}.test.`)
  expect([one.connections, counted('misses'), counted('hits')]).toEqual([1, 1, 9])
  await Promise.all(Array.from({ length: 5 }, async (_, i) => await ask(`m${i}.test.`)))
  expect([one.connections, counted('misses'), counted('hits')]).toEqual([5, 5, 10])
})

test('forward asks anew when the server has closed the connection meanwhile', async () => {
  const one = await server(named)
  const { ask } = forwarding([one], trusted)
  for (let i = 0; i < 5; i += 1) {
    expect(show(await ask(`n${i}.test.`))).toMatch(/^NOERROR/)
    one.hangUp()
  }
  expect(one.connections).toBe(5)
})

test('forward closes a connection that was not used for the time of expire', async () => {
  const one = await server(named)
  const { ask } = forwarding([one], `${trusted}\nexpire 100ms`)
  await ask()
  await expect.poll(() => one.open.size, { timeout: 20_000 }).toBe(0)
  expect(show(await ask())).toBe(answered)
  expect(one.connections).toBe(2)
})

test('forward keeps no connection with expire 0s, and none longer than max_age', async () => {
  const one = await server(named)
  const none = forwarding([one], `${trusted}\nexpire 0s`)
  for (let i = 0; i < 3; i += 1) await none.ask(`n${i}.test.`)
  expect(one.connections).toBe(3)
  let nowMs = 0
  const aged = forwarding([one], `${trusted}\nmax_age 1m`, { now: () => nowMs, sleep: systemClock.sleep })
  for (nowMs of [0, 59_999, 60_000, 60_001]) await aged.ask(`at${nowMs}.test.`)
  expect(one.connections).toBe(5)
})

test('forward keeps no more idle connections than max_idle_conns', async () => {
  const one = await server(named)
  const { ask } = forwarding([one], `${trusted}\nmax_idle_conns 2`)
  await Promise.all(Array.from({ length: 6 }, async (_, i) => await ask(`n${i}.test.`)))
  expect(one.connections).toBe(6)
  await expect.poll(() => one.open.size, { timeout: 20_000 }).toBe(2)
})

test('forward asks the next server when one cannot be trusted, is silent, or is gone', async () => {
  const [false_, silent, good] = [
    await server(await stranger.issue('dns.test', [], ['dns.test'])),
    await server(named, '192.0.2.2'),
    await server(named),
  ]
  silent.isSilent = true
  expect(show(await forwarding([false_, good], trusted).ask())).toBe(answered)
  expect(show(await forwarding([silent, good], `${trusted}\nread_timeout 1s`).ask())).toBe(answered)
  const { ask } = forwarding([silent, good], `${trusted}\nmax_fails 0`)
  silent.isSilent = false
  expect(show(await ask('first.test.'))).toContain('192.0.2.2')
  silent.stop()
  expect(show(await ask())).toBe(answered)
})

test('forward closes what it keeps when its configuration ends, and after questions that are still on their way', async () => {
  const one = await server(named)
  const { ask, stop } = forwarding([one], trusted)
  await ask()
  expect(one.open.size).toBe(1)
  stop()
  await expect.poll(() => one.open.size, { timeout: 20_000 }).toBe(0)
  expect(show(await ask())).toBe(answered)
  await expect.poll(() => one.open.size, { timeout: 20_000 }).toBe(0)
})
