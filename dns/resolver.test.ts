import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../component-base/clock.ts'
import { silentLogger } from '../component-base/logger.ts'
import { decodeMessage, encodeMessage, headerBits } from './codec/message.ts'
import { record } from './codec/record.ts'
import { CorefileError } from './corefile/tokens.ts'
import { FakeCluster, sampleRecords } from './fixtures.ts'
import { DnsMetrics } from './metrics.ts'
import { configure } from './plugins/harness.ts'
import { Resolver } from './resolver.ts'

function resolverFor(text: string, cluster = new FakeCluster()): Resolver {
  const metrics = new DnsMetrics()
  const [listener] = configure(text, { cluster, metrics }).listeners.values()
  if (listener === undefined) throw new Error('no listener')
  return new Resolver(listener, { metrics, clock: systemClock, logger: silentLogger })
}

const corefile = `. {
 loadbalance
 rewrite name suffix .alias. .svc.cluster.local. answer auto
 hosts {
  192.0.2.1 a.test
  fallthrough
 }
 kubernetes cluster.local in-addr.arpa ip6.arpa {
  pods insecure
  fallthrough in-addr.arpa
 }
 whoami
}`
const client = { address: '10.244.1.9', port: 4321 }
const { signal } = new AbortController()

/** A query as bytes, written by hand: header, name, type, class (RFC 1035, 4.1). */
function query(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
}

describe('Resolver.answer()', () => {
  const resolver = resolverFor(corefile)

  test('writes the bytes that RFC 1035 asks for', async () => {
    const asked = query('1234 0100 0001 0000 0000 0000  01 61 04 74657374 00 0001 0001')
    const answer = await resolver.answer(asked, 'udp', client, signal)
    // QR and AA with the client's RD; one answer, whose name points to the question at 12; 3600 seconds.
    expect(answer?.toString('hex')).toBe(
      query(
        '1234 8500 0001 0001 0000 0000  01 61 04 74657374 00 0001 0001  c00c 0001 0001 00000e10 0004 c0000201',
      ).toString('hex'),
    )
  })

  test('answers any bytes with nothing, or with the query’s id and the bit of an answer', async () => {
    const start = fc.constantFrom(
      '',
      '000001000001000000000000',
      '000000000001000000000001',
      '000001000001000000000000c00c',
    )
    await fc.assert(
      fc.asyncProperty(start, fc.uint8Array({ maxLength: 80 }), async (head, tail) => {
        const bytes = Buffer.concat([Buffer.from(head, 'hex'), tail])
        for (const transport of ['udp', 'tcp'] as const) {
          const answer = await resolver.answer(Buffer.from(bytes), transport, client, signal)
          if (answer === undefined) continue
          expect(answer.subarray(0, 2)).toEqual(bytes.subarray(0, 2))
          expect(answer.readUInt16BE(2) & headerBits.response).not.toBe(0)
          decodeMessage(answer)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('gives the same answer the first time and later', async () => {
    const labels = [
      'kubernetes',
      'web',
      'default',
      'svc',
      'cluster',
      'local',
      'KUBERNETES',
      '_tcp',
      'pod',
      '10-1-2-3',
      'alias',
    ]
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...labels), { minLength: 1, maxLength: 6 }),
        fc.constantFrom(1, 5, 6, 12, 16, 28, 33, 255),
        fc.boolean(),
        async (parts, type, hasEdns) => {
          const options = hasEdns
            ? [
                {
                  name: '.',
                  class: 1232,
                  ttlSeconds: 0,
                  data: { type: 'raw', number: 41, bytes: new Uint8Array(0) },
                } as const,
              ]
            : []
          const bytes = encodeMessage({
            id: 9,
            flags: 0x0100,
            questions: [{ name: `${parts.join('.')}.`, type, class: 1 }],
            answers: [],
            authorities: [],
            additionals: options,
          })
          const sorted = async (): Promise<unknown> => {
            const answer = await resolver.answer(bytes, 'udp', client, signal)
            if (answer === undefined) return undefined
            const message = decodeMessage(answer)
            return { ...message, answers: message.answers.map((item) => JSON.stringify(item)).toSorted() }
          }
          resolver.forget()
          expect(await sorted()).toEqual(await sorted())
        },
      ),
      { numRuns: 200 },
    )
  })

  test('cuts even what TCP cannot carry', async () => {
    const cluster = new FakeCluster()
    const endpoints = Array.from({ length: 6_000 }, (_, i) => ({
      hostname: `h${i}`,
      address: `10.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`,
      ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
    }))
    cluster.records = { ...sampleRecords, endpoints: { 'default/web': endpoints } }
    const large = resolverFor(corefile, cluster)
    for (const type of [1, 33]) {
      const question = { name: 'web.default.svc.cluster.local.', type, class: 1 }
      const bytes = encodeMessage({
        id: 1,
        flags: 0,
        questions: [question],
        answers: [],
        authorities: [],
        additionals: [],
      })
      for (let again = 0; again < 2; again += 1) {
        const answer = await large.answer(bytes, 'tcp', client, signal)
        expect(answer?.length).toBeLessThanOrEqual(65_535)
        expect((answer?.readUInt16BE(2) ?? 0) & headerBits.truncated).not.toBe(0)
      }
    }
  })

  test('refuses more records than a query has reason to carry', async () => {
    const extra = record('a.test.', 1, { type: 'A', address: '192.0.2.1' })
    const question = { name: 'a.test.', type: 1, class: 1 }
    const base = { id: 1, flags: 0, questions: [question], answers: [], authorities: [], additionals: [] }
    const wrong = [
      { ...base, answers: [extra, extra] },
      { ...base, additionals: [extra, extra, extra] },
      { ...base, questions: [question, question] },
      { ...base, questions: [] },
    ]
    for (const message of wrong) {
      const answer = await resolver.answer(encodeMessage(message), 'udp', client, signal)
      expect((answer?.[3] ?? 0) & 15).toBe(1)
    }
  })
})

test('configure() refuses any text with CorefileError, and nothing else', () => {
  const word = fc.constantFrom(
    '{',
    '}',
    '\n',
    '.',
    'errors',
    'cache',
    'forward',
    '1.1.1.1',
    'kubernetes',
    'pods',
    'import',
    '(a)',
    'a',
    '"',
    '#',
    '30',
    'rewrite',
    'name',
    'log',
    'hosts',
    'acl',
    'template',
    'IN',
    'A',
    ',',
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 25 }), (words) => {
      try {
        configure(words.join(' '))
      } catch (error) {
        expect(error).toBeInstanceOf(CorefileError)
      }
    }),
    { numRuns: 500 },
  )
})
