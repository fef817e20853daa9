import { expect, test } from 'vitest'
import type { Chains, Table } from './ruleset.ts'
import { isInside, type Packet, tracePacket } from './trace.ts'

const tables = (
  rules: Partial<Record<Table, Readonly<Record<string, readonly string[]>>>>,
): ReadonlyMap<Table, Chains> =>
  new Map(Object.entries(rules).map(([table, chains]) => [table as Table, new Map(Object.entries(chains))]))

const packet: Packet = { protocol: 'tcp', sourceIp: '10.1.0.5', destinationIp: '10.96.0.1', destinationPort: 443 }

test('tracePacket() follows jumps, translation and marks', () => {
  const trace = tracePacket(packet, {
    localAddresses: [],
    tables: tables({
      nat: {
        PREROUTING: ['-j S'],
        S: ['-m comment --comment "a b" -m tcp -p tcp -d 10.96.0.1 --dport 443 -j E'],
        E: ['! -s 10.2.0.0/16 -j M', '-m tcp -p tcp -j DNAT --to-destination 10.1.0.9:6443'],
        M: ['-j MARK --or-mark 0x4000'],
        POSTROUTING: ['-m mark ! --mark 0x4000/0x4000 -j RETURN', '-j MASQUERADE --random-fully'],
      },
    }),
  })
  expect(trace).toMatchObject({
    verdict: 'ACCEPT',
    destinationIp: '10.1.0.9',
    destinationPort: 6443,
    isMasqueraded: true,
  })
  expect(trace.path).toEqual(['nat/PREROUTING', 'nat/S', 'nat/E', 'nat/M', 'nat/POSTROUTING'])
})

test('tracePacket() stops at a verdict of the filter table', () => {
  const rules = tables({ filter: { FORWARD: ['-d 10.96.0.0/12 -j REJECT'] } })
  expect(tracePacket(packet, { tables: rules, localAddresses: [] }).verdict).toBe('REJECT')
})

test('tracePacket() refuses a match it does not know', () => {
  const rules = tables({ filter: { FORWARD: ['-m ttl --ttl-eq 1 -j DROP'] } })
  expect(() => tracePacket(packet, { tables: rules, localAddresses: [] })).toThrow('cannot trace match --ttl-eq')
})

const sets = new Map([
  ['PODS', { type: 'hash:ip', entries: new Set(['10.1.0.5']) }],
  ['NETS', { type: 'hash:net', entries: new Set(['10.96.0.0/12']) }],
  ['WEB', { type: 'hash:ip,port', entries: new Set(['10.96.0.1,tcp:443']) }],
])
test.each([
  { rule: '-m set --match-set PODS src -j DROP', want: 'DROP' },
  { rule: '-m set ! --match-set PODS src -j DROP', want: 'ACCEPT' },
  { rule: '-m set --match-set PODS dst -j DROP', want: 'ACCEPT' },
  { rule: '-m set --match-set PODS src -m set --match-set NETS dst -j DROP', want: 'DROP' },
  { rule: '-m set --match-set WEB dst,dst -j DROP', want: 'DROP' },
  { rule: '-p tcp -m multiport --dports 80,440:450 -j DROP', want: 'DROP' },
  { rule: '-p tcp -m multiport --dports 80,444:450 -j DROP', want: 'ACCEPT' },
])('tracePacket() gives $want for $rule', ({ rule, want }) => {
  const rules = tables({ mangle: { FORWARD: [rule] } })
  expect(tracePacket(packet, { tables: rules, sets, localAddresses: [] }).verdict).toBe(want)
})

test('tracePacket() returns from a chain entered by goto to the caller of the chain before', () => {
  const rules = tables({
    mangle: { FORWARD: ['-j A-1', '-d 10.96.0.1 -j DROP'], 'A-1': ['-g A-2', '-j ACCEPT'], 'A-2': ['-j RETURN'] },
  })
  expect(tracePacket(packet, { tables: rules, localAddresses: [] }).verdict).toBe('DROP')
})

test.each([
  ['10.1.2.3', '10.1.0.0/16', true],
  ['10.2.2.3', '10.1.0.0/16', false],
  ['10.1.2.3', '10.1.2.3', true],
  ['fd00::1:2', 'fd00::/64', true],
  ['fd01::1', 'fd00::/16', false],
  ['10.0.0.1', '0.0.0.0/0', true],
  ['fd00::1', '0.0.0.0/0', false],
])('isInside() says of %s in %s: %s', (ip, cidr, expected) => {
  expect(isInside(ip, cidr)).toBe(expected)
})

test('tracePacket() tells each rule that held, with its table and what it did', () => {
  const rules = tables({
    nat: { PREROUTING: ['-j S'], S: ['-p udp -j DROP', '-p tcp -j DNAT --to-destination 10.1.0.9:80'] },
    filter: { FORWARD: ['-d 10.1.0.9/32 -j DROP'] },
  })
  const { steps } = tracePacket(packet, { tables: rules, localAddresses: [] })
  expect(steps.map(({ hook, table, chain, verdict }) => `${hook} ${table} ${chain} ${verdict}`)).toEqual([
    'prerouting nat PREROUTING jump S',
    'prerouting nat S DNAT 10.1.0.9:80',
    'forward filter FORWARD DROP',
  ])
})

test('tracePacket() drops by the policy of a chain, and sends what a host says to itself to INPUT too', () => {
  const closed = tables({ filter: { INPUT: ['-p udp -j ACCEPT'] } })
  const policies = new Map([['filter/INPUT', 'DROP']])
  const own = { ...packet, sourceIp: '192.0.2.1', destinationIp: '192.0.2.1' }
  const options = { tables: closed, policies, localAddresses: ['192.0.2.1'] }
  expect(tracePacket(own, options)).toMatchObject({ verdict: 'DROP', steps: [{ rule: '-P INPUT DROP' }] })
  expect(tracePacket({ ...own, protocol: 'udp' }, options).verdict).toBe('ACCEPT')
})

test.each([
  ['-j MARK --set-xmark 0x4000/0x4000', 'DROP'],
  ['-j MARK --set-xmark 0x4000/0x0', 'DROP'],
  ['-j MARK --set-xmark 0x0/0x4000', 'ACCEPT'],
])('tracePacket() marks by %s', (rule, want) => {
  const rules = tables({ filter: { FORWARD: [rule, '-m mark --mark 0x4000/0x4000 -j DROP'] } })
  expect(tracePacket(packet, { tables: rules, localAddresses: [] }).verdict).toBe(want)
})

test('tracePacket() knows the interface by which a packet leaves', () => {
  const rules = tables({ filter: { FORWARD: ['-o flannel+ -j DROP'] } })
  const routeTo = (ip: string) => (ip === '10.96.0.1' ? 'flannel0' : 'eth0')
  expect(tracePacket(packet, { tables: rules, localAddresses: [], routeTo }).verdict).toBe('DROP')
})
