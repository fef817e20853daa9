import { expect, test } from 'vitest'
import { diffIpsets, type Ipset, type Ipsets, parseIpsets } from './ipset.ts'

const make = (name: string, entries: readonly string[], more: Partial<Ipset> = {}): Ipset => ({
  ...{ name, type: 'hash:ip,port', family: 'ip' },
  entries: new Set(entries),
  ...more,
})
const all = (...sets: readonly Ipset[]): Ipsets => new Map(sets.map((set) => [set.name, set]))

test('diffIpsets() makes a set before its entries', () => {
  expect(diffIpsets(all(), all(make('A', ['10.0.0.1,tcp:80'])))).toEqual({
    additions: 'create A hash:ip,port family inet hashsize 1024 maxelem 65536\nadd A 10.0.0.1,tcp:80\n',
    removals: '',
  })
})

test.each([
  ['bitmap:port', 'ip', 'create A bitmap:port range 0-65535\n'],
  ['hash:ip', 'ip6', 'create A hash:ip family inet6 hashsize 1024 maxelem 65536\n'],
] as const)('diffIpsets() makes %s of family %s', (type, family, additions) => {
  expect(diffIpsets(all(), all(make('A', [], { type, family }))).additions).toBe(additions)
})

test('diffIpsets() names only what differs, and removes last', () => {
  const same = make('B', ['x'])
  expect(diffIpsets(all(make('A', ['1', '2']), same, make('C', ['9'])), all(make('A', ['2', '3']), same))).toEqual({
    additions: 'add A 3\n',
    removals: 'del A 1\ndestroy C\n',
  })
})

test('diffIpsets() swaps a set that has become too small for a larger one', () => {
  const entries = Array.from({ length: 70_000 }, (_, index) => `e${index}`)
  const { additions } = diffIpsets(all(make('A', entries.slice(0, 10))), all(make('A', entries)))
  expect(additions).toMatch(/^create A\+ hash:ip,port family inet hashsize 1024 maxelem 262144\n/)
  expect(additions).toContain('\nswap A A+\ndestroy A+\n')
})

test('parseIpsets() reads what ipset prints', () => {
  const text = [
    'create KUBE-CLUSTER-IP hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1',
    'add KUBE-CLUSTER-IP 10.96.0.1,tcp:443',
    'create KUBE-6-IPVS-IPS hash:ip family inet6 hashsize 1024 maxelem 65536 bucketsize 12 initval 0x2',
    'add KUBE-6-IPVS-IPS fd00:10:96::1',
    'create PORTS bitmap:port range 0-65535',
    'add PORTS 30080',
    '',
  ].join('\n')
  expect([...parseIpsets(text).values()]).toEqual([
    make('KUBE-CLUSTER-IP', ['10.96.0.1,tcp:443']),
    make('KUBE-6-IPVS-IPS', ['fd00:10:96::1'], { type: 'hash:ip', family: 'ip6' }),
    make('PORTS', ['30080'], { type: 'bitmap:port' }),
  ])
})

test('diffIpsets() finds nothing to do in what it has led to', () => {
  const wanted = all(make('A', ['1,tcp:2']), make('B', ['7'], { type: 'bitmap:port' }))
  const { additions } = diffIpsets(all(), wanted)
  // What ipset prints begins like what it is given.
  expect(diffIpsets(parseIpsets(additions), wanted)).toEqual({
    additions: '',
    removals: '',
  })
})
