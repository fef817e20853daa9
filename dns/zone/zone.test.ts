import { expect, test } from 'vitest'
import type { ResourceRecord } from '../codec/record.ts'
import { types } from '../codec/record.ts'
import { sampleRecords, viewOfRecords } from '../fixtures.ts'
import { reverseAddress, reverseRecords } from './reverse.ts'
import { answerZone, type ZoneConfig } from './zone.ts'

const zone: ZoneConfig = {
  domain: 'cluster.local.',
  ttlSeconds: 30,
  serial: 1,
  serviceAddresses: ['10.96.0.10'],
  ownAddresses: ['172.31.240.11'],
  pods: 'insecure',
  hasEndpoints: true,
  isEmptyIgnored: false,
}
const view = viewOfRecords(sampleRecords)

function describeRecord({ name, data }: ResourceRecord): string {
  const owner = name.replace('.cluster.local.', '')
  if (data.type === 'A' || data.type === 'AAAA') return `${owner} ${data.type} ${data.address}`
  if (data.type === 'SRV')
    return `${owner} SRV ${data.weight} ${data.port} ${data.target.replace('.cluster.local.', '')}`
  if (data.type === 'TXT') return `${owner} TXT ${data.texts.join()}`
  if (data.type === 'SOA') return `${owner} SOA ${data.primary}`
  return 'target' in data ? `${owner} ${data.type} ${data.target}` : 'raw'
}

const web = ['10.244.1.5', '10.244.2.6', '10.244.2.7']
const { A, AAAA, SRV, TXT, CNAME, NS, SOA, MX } = types
const none: readonly string[] = []
const table = [
  { name: 'kubernetes.default.svc', type: A, want: ['kubernetes.default.svc A 10.96.0.1'] },
  { name: 'kubernetes.default.svc', type: AAAA, want: none },
  { name: 'kubernetes.default.svc', type: MX, want: none },
  { name: 'dual.default.svc', type: AAAA, want: ['dual.default.svc AAAA fd00::7'] },
  { name: 'web.default.svc', type: A, want: web.map((address) => `web.default.svc A ${address}`) },
  { name: 'web-1.web.default.svc', type: A, want: ['web-1.web.default.svc A 10.244.2.6'] },
  { name: '10-244-2-7.web.default.svc', type: A, want: ['10-244-2-7.web.default.svc A 10.244.2.7'] },
  {
    name: '172-31-240-1.kubernetes.default.svc',
    type: A,
    want: ['172-31-240-1.kubernetes.default.svc A 172.31.240.1'],
  },
  { name: 'web-9.web.default.svc', type: A, want: undefined },
  { name: 'nobody.default.svc', type: A, want: undefined },
  { name: 'absent.default.svc', type: A, want: undefined },
  { name: 'kubernetes.absent.svc', type: A, want: undefined },
  { name: 'default.svc', type: A, want: none },
  { name: 'absent.svc', type: A, want: undefined },
  { name: 'svc', type: A, want: none },
  { name: 'else', type: A, want: undefined },
  { name: 'a.b.c.kubernetes.default.svc', type: A, want: undefined },
  {
    name: '_https._tcp.kubernetes.default.svc',
    type: SRV,
    want: ['_https._tcp.kubernetes.default.svc SRV 100 443 kubernetes.default.svc'],
  },
  { name: '_https._udp.kubernetes.default.svc', type: SRV, want: undefined },
  {
    name: '_m3ua._sctp.dual.default.svc',
    type: SRV,
    want: ['_m3ua._sctp.dual.default.svc SRV 100 2905 dual.default.svc'],
  },
  { name: '_m3ua._tcp.dual.default.svc', type: SRV, want: undefined },
  { name: '_http._tcp.kubernetes.default.svc', type: SRV, want: undefined },
  {
    name: '_http._tcp.web.default.svc',
    type: SRV,
    want: ['web-0', 'web-1', '10-244-2-7'].map(
      (host) => `_http._tcp.web.default.svc SRV 33 80 ${host}.web.default.svc`,
    ),
  },
  {
    name: 'kube-dns.kube-system.svc',
    type: SRV,
    want: ['kube-dns.kube-system.svc SRV 100 53 kube-dns.kube-system.svc'],
  },
  { name: 'outside.default.svc', type: CNAME, want: ['outside.default.svc CNAME www.example.com.'] },
  { name: 'outside.default.svc', type: TXT, want: none },
  {
    name: 'inside.default.svc',
    type: A,
    want: ['inside.default.svc CNAME kubernetes.default.svc.cluster.local.', 'kubernetes.default.svc A 10.96.0.1'],
  },
  { name: 'circle.default.svc', type: A, want: ['circle.default.svc CNAME circle.default.svc.cluster.local.'] },
  { name: 'number.default.svc', type: A, want: undefined },
  { name: '10-1-2-3.default.pod', type: A, want: ['10-1-2-3.default.pod A 10.1.2.3'] },
  { name: 'fd00--1.default.pod', type: AAAA, want: ['fd00--1.default.pod AAAA fd00::1'] },
  { name: '10-1-2-3.default.pod', type: AAAA, want: none },
  { name: '10-1-2-3.absent.pod', type: A, want: undefined },
  { name: '10-1-2-999.default.pod', type: A, want: undefined },
  { name: 'default.pod', type: A, want: none },
  { name: 'pod', type: A, want: none },
  { name: 'dns-version', type: TXT, want: ['dns-version TXT 1.1.0'] },
  { name: 'dns-version', type: A, want: none },
  { name: 'ns.dns', type: A, want: ['ns.dns A 10.96.0.10'] },
]

for (const { name, type, want } of table) {
  const outcome = want === undefined ? 'does not exist' : want.length === 0 ? 'has no records' : 'is answered'
  test(`answerZone() says that ${name}, type ${type}, ${outcome}`, () => {
    const { exists, answers } = answerZone(zone, view, `${name}.cluster.local.`, type)
    expect(exists ? answers.map(describeRecord) : undefined).toEqual(want)
  })
}

test('answerZone() names itself at the apex, with its address', () => {
  const { answers, additionals } = answerZone(zone, view, 'cluster.local.', NS)
  expect(answers.map(({ data }) => data)).toEqual([{ type: 'NS', target: 'ns.dns.cluster.local.' }])
  expect(additionals.map(describeRecord)).toEqual(['ns.dns A 10.96.0.10'])
  expect(answerZone(zone, view, 'cluster.local.', SOA).answers).toHaveLength(1)
})

test('answerZone() adds the addresses of what SRV points to', () => {
  const { additionals } = answerZone(zone, view, '_http._tcp.web.default.svc.cluster.local.', SRV)
  expect(additionals.map(describeRecord)).toEqual([
    'web-0.web.default.svc A 10.244.1.5',
    'web-1.web.default.svc A 10.244.2.6',
    '10-244-2-7.web.default.svc A 10.244.2.7',
  ])
})

test('answerZone() leaves the target of an ExternalName outside the cluster to the caller', () => {
  const { answers, alias } = answerZone(zone, view, 'outside.default.svc.cluster.local.', A)
  expect(answers.map(describeRecord)).toEqual(['outside.default.svc CNAME www.example.com.'])
  expect(alias).toBe('www.example.com.')
})

const reverse = [
  { address: '10.96.0.10', want: ['kube-dns.kube-system.svc.cluster.local.'] },
  { address: '10.244.1.5', want: ['web-0.web.default.svc.cluster.local.'] },
  { address: '10.244.2.7', want: ['10-244-2-7.web.default.svc.cluster.local.'] },
  { address: '192.0.2.1', want: [] },
]
for (const { address, want } of reverse) {
  test(`reverseRecords() knows ${want.length} names of ${address}`, () => {
    const records = reverseRecords(zone, view, 'x.in-addr.arpa.', address)
    expect(records.map(({ data }) => (data.type === 'PTR' ? data.target : ''))).toEqual(want)
  })
}

const reverseNames = [
  { name: '10.0.96.10.in-addr.arpa.', want: '10.96.0.10' },
  { name: '0.96.10.in-addr.arpa.', want: undefined },
  { name: '300.0.96.10.in-addr.arpa.', want: undefined },
  { name: `${'7.0.0.0.'.repeat(1)}${'0.'.repeat(24)}0.0.d.f.ip6.arpa.`, want: 'fd00::7' },
  { name: 'web.default.svc.cluster.local.', want: undefined },
]
for (const { name, want } of reverseNames) {
  test(`reverseAddress() reads ${name} as ${want}`, () => expect(reverseAddress(name)).toBe(want))
}
