import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../component-base/clock.ts'
import { parseFlags } from '../component-base/flags.ts'
import { silentLogger } from '../component-base/logger.ts'
import { decodeMessage, encodeMessage, rcodes } from './codec/message.ts'
import { record } from './codec/record.ts'
import { serveCluster } from './dns.ts'
import { FakeCluster, sampleRecords } from './fixtures.ts'
import { flags } from './flags.ts'

const execute = promisify(execFile)

describe('a DNS server, asked by dig', () => {
  const stop = new AbortController()
  const cluster = new FakeCluster()
  const upstream = new FakeUpstream()
  let port = 0
  let served: Promise<void> = Promise.resolve()

  beforeAll(async () => {
    const upstreamPort = await upstream.open()
    const args = ['--bind-address=127.0.0.1', '--port=0', '--health-port=0', '--ready-port=0', '--metrics-port=0']
    const { values } = parseFlags(flags, [...args, `--upstream=127.0.0.1:${upstreamPort}`, '--upstream-timeout=2s'])
    await new Promise<void>((resolve) => {
      const input = { flags: values, clock: systemClock, logger: silentLogger, environment: {} }
      served = serveCluster(input, cluster, stop.signal, (listening) => {
        port = listening
        resolve()
      })
    })
  })
  afterAll(async () => {
    stop.abort()
    await served
    upstream.close()
  })
  beforeEach(() => {
    cluster.synced = true
    cluster.change(sampleRecords)
  })

  const dig = async (...words: readonly string[]): Promise<string> => {
    const { stdout } = await execute('dig', ['@127.0.0.1', '-p', String(port), '+tries=1', '+time=20', ...words])
    return stdout
  }
  const short = async (...words: readonly string[]): Promise<readonly string[]> => {
    return (await dig('+short', ...words))
      .trim()
      .split('\n')
      .filter((line) => line !== '')
  }

  test('answers for a Service with an authoritative record of 30 seconds', async () => {
    const text = await dig('kubernetes.default.svc.cluster.local')
    expect(text).toMatch(/status: NOERROR/)
    expect(text).toMatch(/flags: qr aa rd;/)
    expect(text).toMatch(/^kubernetes\.default\.svc\.cluster\.local\.\s+30\s+IN\s+A\s+10\.96\.0\.1$/m)
  })

  test('answers the same a second time, over TCP and without EDNS', async () => {
    for (const options of [['+tcp'], ['+noedns'], ['+noedns', '+tcp'], ['+noedns'], ['+bufsize=1232']]) {
      expect(await short(...options, 'kubernetes.default.svc.cluster.local')).toEqual(['10.96.0.1'])
    }
  })

  test('answers a known question with the EDNS record of each client', async () => {
    for (const options of [['+nocookie'], ['+nocookie', '+dnssec'], ['+nocookie', '+bufsize=512'], ['+cookie']]) {
      const text = await dig(...options, 'kubernetes.default.svc.cluster.local')
      const size = options.includes('+bufsize=512') ? 512 : 1232
      expect(text).toMatch(
        new RegExp(`EDNS: version: 0, flags:${options.includes('+dnssec') ? ' do' : ''}; udp: ${size}`),
      )
      expect(text).toMatch(/ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1/)
      expect(text).toMatch(/\s10\.96\.0\.1$/m)
    }
  })

  test('keeps the spelling of the question', async () => {
    await short('+noedns', 'KUBERNETES.default.svc.cluster.local')
    expect(await dig('+noedns', 'kuberNETES.Default.svc.cluster.local')).toMatch(
      /^kuberNETES\.Default\.svc\.cluster\.local\.\s+30/m,
    )
  })

  test('hands out the addresses of a headless Service in changing order', async () => {
    const firsts = new Set<string | undefined>()
    for (let i = 0; i < 20; i += 1) {
      const answers = await short('+noedns', 'web.default.svc.cluster.local')
      expect([...answers].sort()).toEqual(['10.244.1.5', '10.244.2.6', '10.244.2.7'])
      firsts.add(answers[0])
    }
    expect(firsts.size).toBeGreaterThan(1)
  })

  test('answers SRV with its targets’ addresses', async () => {
    const text = await dig('SRV', '_http._tcp.web.default.svc.cluster.local')
    expect(text).toMatch(/SRV\s+0 33 80 web-0\.web\.default\.svc\.cluster\.local\./)
    expect(text).toMatch(
      /ADDITIONAL SECTION:[\s\S]*web-0\.web\.default\.svc\.cluster\.local\.\s+30\s+IN\s+A\s+10\.244\.1\.5/,
    )
  })

  test('answers PTR for Services and endpoints', async () => {
    expect(await short('-x', '10.96.0.10')).toEqual(['kube-dns.kube-system.svc.cluster.local.'])
    expect(await short('-x', '10.244.1.5')).toEqual(['web-0.web.default.svc.cluster.local.'])
  })

  test('tells its version', async () => {
    expect(await short('TXT', 'dns-version.cluster.local')).toEqual(['"1.1.0"'])
  })

  test('tells a name without records from one that does not exist, both with the SOA', async () => {
    const soa =
      /AUTHORITY SECTION:\ncluster\.local\.\s+30\s+IN\s+SOA\s+ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\. \d+ 7200 1800 86400 30/
    const noData = await dig('AAAA', 'kubernetes.default.svc.cluster.local')
    expect(noData).toMatch(/status: NOERROR[\s\S]*ANSWER: 0/)
    expect(noData).toMatch(soa)
    const absent = await dig('absent.default.svc.cluster.local')
    expect(absent).toMatch(/status: NXDOMAIN/)
    expect(absent).toMatch(soa)
  })

  test('sees a Service as soon as it is there, and forgets it', async () => {
    const name = 'late.default.svc.cluster.local'
    expect(await short('+noedns', name)).toEqual([])
    const late = {
      kind: 'clusterIp',
      addresses: ['10.96.1.2'],
      ports: [{ name: '', protocol: 'TCP', port: 1 }],
    } as const
    cluster.change({ ...sampleRecords, services: { ...sampleRecords.services, 'default/late': late } })
    expect(await short('+noedns', name)).toEqual(['10.96.1.2'])
    cluster.change(sampleRecords)
    expect(await short('+noedns', name)).toEqual([])
  })

  test('answers SERVFAIL for the cluster while its caches are not filled', async () => {
    cluster.synced = false
    expect(await dig('kubernetes.default.svc.cluster.local', '+bufsize=1400')).toMatch(/status: SERVFAIL/)
  })

  test('cuts an answer that is too long for UDP, and gives all of it over TCP', async () => {
    const endpoints = Array.from({ length: 100 }, (_, i) => ({
      hostname: `h${i}`,
      address: `10.244.3.${i}`,
      ports: [],
    }))
    cluster.change({ ...sampleRecords, endpoints: { 'default/web': endpoints } })
    expect(await dig('+noedns', '+ignore', 'web.default.svc.cluster.local')).toMatch(/flags: qr aa tc rd;/)
    expect(await short('web.default.svc.cluster.local')).toHaveLength(100)
    expect(await short('+noedns', 'web.default.svc.cluster.local')).toHaveLength(100)
  })

  test('asks upstream for other names, once, and lowers their time to live', async () => {
    const before = upstream.asked
    const first = await dig('www.example.com')
    expect(first).toMatch(/^www\.example\.com\.\s+30\s+IN\s+A\s+192\.0\.2\.80$/m)
    await dig('www.example.com')
    expect(upstream.asked).toBe(before + 1)
  })

  test('passes on that a name outside does not exist', async () => {
    expect(await dig('absent.example.com')).toMatch(/status: NXDOMAIN/)
  })

  test('follows an ExternalName to the outside', async () => {
    expect(await short('outside.default.svc.cluster.local')).toEqual(['www.example.com.', '192.0.2.80'])
  })

  test('answers SERVFAIL when no upstream answers', async () => {
    expect(await dig('silent.example.com')).toMatch(/status: SERVFAIL/)
  })

  test('answers NOTIMP, REFUSED and BADVERS to what it does not do', async () => {
    expect(await dig('+opcode=NOTIFY', 'cluster.local')).toMatch(/status: NOTIMP/)
    expect(await dig('CH', 'TXT', 'version.bind')).toMatch(/status: REFUSED/)
    expect(await dig('+edns=1', '+noednsneg', 'cluster.local')).toMatch(/status: BADVERS/)
  })

  test('drops or refuses rubbish and goes on', async () => {
    const socket = createSocket('udp4')
    for (const size of [0, 1, 11, 12, 13, 40]) socket.send(Buffer.alloc(size, 0xff), port, '127.0.0.1')
    socket.send(Buffer.from('000100000001000000000000ff', 'hex'), port, '127.0.0.1')
    const answer = await new Promise<Buffer>((resolve) => socket.once('message', resolve))
    socket.close()
    expect((answer[3] ?? 0) & 15).toBe(rcodes.formatError)
    expect(await short('kubernetes.default.svc.cluster.local')).toEqual(['10.96.0.1'])
  })
})

/** A name server that knows www.example.com, and keeps silent about silent.example.com. */
class FakeUpstream {
  readonly #socket = createSocket('udp4')
  asked = 0

  async open(): Promise<number> {
    this.#socket.on('message', (query, from) => {
      const message = decodeMessage(query)
      const [question] = message.questions
      if (question === undefined || question.name.startsWith('silent')) return
      this.asked += 1
      const isKnown = question.name.toLowerCase() === 'www.example.com.'
      const answers = isKnown ? [record(question.name, 3600, { type: 'A', address: '192.0.2.80' })] : []
      const flags = 0x8180 | (isKnown ? 0 : rcodes.nameError)
      this.#socket.send(encodeMessage({ ...message, flags, answers, additionals: [] }), from.port, from.address)
    })
    await new Promise<void>((resolve) => this.#socket.bind(0, '127.0.0.1', resolve))
    return this.#socket.address().port
  }

  close(): void {
    this.#socket.close()
  }
}
