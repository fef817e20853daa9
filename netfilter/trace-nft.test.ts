import { expect, test } from 'vitest'
import type { NftBlocks, NftChain } from './nft.ts'
import type { Packet } from './trace.ts'
import { type NftTraceOptions, tableOf, traceNft } from './trace-nft.ts'

const packet: Packet = {
  protocol: 'tcp',
  sourceIp: '10.1.0.5',
  destinationIp: '10.96.0.1',
  destinationPort: 443,
  inInterface: 'cni0',
}
type Sets = Readonly<
  Record<string, { readonly definition: string; readonly elements: Readonly<Record<string, string>> }>
>

function trace(
  chains: Readonly<Record<string, NftChain>>,
  sets: Sets = {},
  options: Partial<NftTraceOptions> = {},
  sent: Partial<Packet> = {},
) {
  const blocks: NftBlocks = new Map([
    [
      'all',
      {
        chains: new Map(Object.entries(chains)),
        sets: new Map(Object.entries(sets).map(([name, { definition }]) => [name, { type: 'set', definition }])),
        elements: new Map(
          Object.entries(sets).map(([name, { elements }]) => [name, new Map(Object.entries(elements))]),
        ),
      },
    ],
  ])
  const tables = [tableOf('t', 'ip', blocks)]
  return traceNft({ ...packet, ...sent }, { tables, localAddresses: ['192.0.2.1'], ...options })
}

const filter = 'type filter hook forward priority 0'

test.each([
  ['ip saddr 10.1.0.5 drop', 'DROP'],
  ['ip saddr 10.1.0.0/16 drop', 'DROP'],
  ['ip saddr != 10.1.0.0/16 drop', 'ACCEPT'],
  ['ip6 saddr fd00::1 drop', 'ACCEPT'],
  ['ip6 saddr != fd00::1 drop', 'ACCEPT'],
  ['ip saddr { 10.2.0.0/16, 10.1.0.0/24 } drop', 'DROP'],
  ['ip saddr != { 10.2.0.0/16, 10.1.0.0/24 } drop', 'ACCEPT'],
  ['ip saddr { 10.1.0.4-10.1.0.6, 10.2.0.0/16 } drop', 'DROP'],
  ['ip saddr { 10.1.0.6-10.1.0.9 } drop', 'ACCEPT'],
  ['meta mark set meta mark | 0x00004000 meta mark & 0x00004000 != 0x00000000 drop', 'DROP'],
  ['tcp dport 443 drop', 'DROP'],
  ['udp dport 443 drop', 'ACCEPT'],
  ['tcp dport { 80, 440-450 } drop', 'DROP'],
  ['meta l4proto { tcp, udp } th dport 443 reject', 'REJECT'],
  ['ct state established,related drop', 'ACCEPT'],
  ['ct state new,related drop', 'DROP'],
  ['iifname "cni*" drop', 'DROP'],
  ['iifname != "cni0" drop', 'ACCEPT'],
  ['ip saddr . ip daddr @pairs drop', 'DROP'],
  ['ip daddr . meta l4proto . th dport @ports drop', 'DROP'],
  ['ip daddr @nets drop', 'DROP'],
  ['ip daddr vmap @verdicts', 'DROP'],
  ['ip saddr vmap @verdicts', 'ACCEPT'],
  ['counter packets 1 bytes 2 drop comment "why"', 'DROP'],
  ['fib daddr type local drop', 'ACCEPT'],
  ['mark set mark or 0x4000 mark and 0x4000 != 0 drop', 'DROP'],
  ['mark and 0x4000 != 0 drop', 'ACCEPT'],
])('traceNft() of %s gives %s', (rule, want) => {
  const sets: Sets = {
    pairs: { definition: 'type ipv4_addr . ipv4_addr;', elements: { '10.1.0.5 . 10.96.0.1': '' } },
    ports: {
      definition: 'type ipv4_addr . inet_proto . inet_service;',
      elements: { '10.96.0.1 . tcp . 443': '' },
    },
    nets: { definition: 'type ipv4_addr; flags interval;', elements: { '10.96.0.0/12': '' } },
    verdicts: { definition: 'type ipv4_addr : verdict;', elements: { '10.96.0.1': 'comment "a b" : jump end' } },
  }
  expect(trace({ forward: { hook: filter, rules: [rule] }, end: { rules: ['drop'] } }, sets).verdict).toBe(want)
})

test('traceNft() translates by a map with a random number, before routing, and masquerades after it', () => {
  const result = trace(
    {
      pre: { hook: 'type nat hook prerouting priority dstnat + 1', rules: ['jump services'] },
      services: {
        rules: [
          'meta l4proto tcp dnat ip addr . port to ip daddr . meta l4proto . th dport . numgen random mod 2 map @endpoints',
        ],
      },
      forward: { hook: filter, rules: ['ip daddr 10.96.0.1 drop', 'ct status dnat mark set 0x4000'] },
      post: {
        hook: 'type nat hook postrouting priority 100',
        rules: ['mark and 0x4000 != 0 mark set mark xor 0x4000 masquerade fully-random'],
      },
    },
    {
      endpoints: {
        definition: 'typeof x : y;',
        elements: {
          '10.96.0.1 . tcp . 443 . 0': ': 10.1.0.8 . 8080',
          '10.96.0.1 . tcp . 443 . 1': ': 10.1.0.9 . 8443',
        },
      },
    },
    { random: () => 1 },
  )
  expect(result).toMatchObject({
    verdict: 'ACCEPT',
    destinationIp: '10.1.0.9',
    destinationPort: 8443,
    isMasqueraded: true,
    path: ['t/pre', 't/services', 't/forward', 't/post'],
  })
})

test('traceNft() lets no chain save a packet from a later one, and goes by priority', () => {
  const chains = {
    late: { hook: filter, rules: ['drop'] },
    early: { hook: 'type filter hook forward priority -10', rules: ['accept'] },
  }
  const result = trace(chains)
  expect(result.verdict).toBe('DROP')
  expect(result.path).toEqual(['t/early', 't/late'])
})

test('traceNft() returns from goto to the caller of the chain before, and goes on after a jump', () => {
  const chains = {
    forward: { hook: filter, rules: ['jump a', 'reject'] },
    a: { rules: ['goto b', 'accept'] },
    b: { rules: ['return'] },
  }
  expect(trace(chains).verdict).toBe('REJECT')
})

test('traceNft() remembers what rules learn', () => {
  const sets: Sets = { seen: { definition: 'type ipv4_addr; flags dynamic,timeout;', elements: {} } }
  const chains = {
    forward: { hook: filter, rules: ['ip saddr @seen drop', 'update @seen { ip saddr timeout 10800s }'] },
  }
  const learned = new Map<string, Set<string>>()
  expect(trace(chains, sets, { learned }).verdict).toBe('ACCEPT')
  expect(trace(chains, sets, { learned }).verdict).toBe('DROP')
})

test('traceNft() sends packets for the node to input, and its own through output', () => {
  const chains = {
    input: { hook: 'type filter hook input priority 0', rules: ['drop'] },
    output: { hook: 'type filter hook output priority 0', rules: ['reject'] },
  }
  expect(trace(chains, {}, {}, { destinationIp: '192.0.2.1' }).verdict).toBe('DROP')
  const { inInterface: _, ...own } = packet
  expect(
    traceNft(
      { ...own, sourceIp: '192.0.2.1' },
      {
        tables: [tableOf('t', 'ip', new Map([['x', { chains: new Map(Object.entries(chains)) }]]))],
        localAddresses: ['192.0.2.1'],
      },
    ).verdict,
  ).toBe('REJECT')
})

test('traceNft() refuses words that it does not know', () => {
  expect(() => trace({ forward: { hook: filter, rules: ['ip ttl 1 drop'] } })).toThrow('cannot trace "ttl"')
  expect(() => trace({ forward: { hook: filter, rules: ['ip saddr @none drop'] } })).toThrow('no set none')
})
