import { expect, test } from 'vitest'
import {
  type Connections,
  type Draining,
  describeOperation,
  describeRefusal,
  diffVirtualServers,
  type IpvsChange,
  keyOf,
  parseKey,
  planDrain,
  type VirtualServer,
  type VirtualServers,
} from './ipvs.ts'

const make = (
  address: string,
  realServers: Readonly<Record<string, number>>,
  more: Partial<VirtualServer> = {},
): VirtualServer => ({
  ...{ protocol: 'tcp', address, scheduler: 'rr', schedulerFlags: '', persistentSeconds: 0 },
  realServers: new Map(Object.entries(realServers)),
  ...more,
})
const all = (...servers: readonly VirtualServer[]): VirtualServers =>
  new Map(servers.map((each) => [keyOf(each), each]))
const none: Draining = new Map()
const vip = '10.96.0.1:80'
/** In words, because they are easier to read. */
const told = ({ additions, removals, draining }: IpvsChange) => ({
  ...{ draining, additions: additions.map(describeOperation), removals: removals.map(describeOperation) },
})

test('diffVirtualServers() adds a virtual server before its real ones', () => {
  const wanted = all(make(vip, { '10.244.1.5:8080': 1, '10.244.1.6:8080': 1 }, { persistentSeconds: 10_800 }))
  expect(told(diffVirtualServers(all(), none, wanted))).toEqual({
    additions: [
      'add tcp 10.96.0.1:80 (rr persistent 10800)',
      'add tcp 10.96.0.1:80 -> 10.244.1.5:8080 weight 1',
      'add tcp 10.96.0.1:80 -> 10.244.1.6:8080 weight 1',
    ],
    removals: [],
    draining: none,
  })
})

test.each<[what: string, before: VirtualServer | undefined, after: VirtualServer, additions: readonly string[]]>([
  ['names IPv6 with brackets', undefined, make('[fd00::1]:80', {}), ['add tcp [fd00::1]:80 (rr)']],
  ['knows SCTP', undefined, make(vip, {}, { protocol: 'sctp' }), ['add sctp 10.96.0.1:80 (rr)']],
  [
    'gives flags to the scheduler',
    undefined,
    make(vip, {}, { scheduler: 'mh', schedulerFlags: 'mh-port' }),
    ['add tcp 10.96.0.1:80 (mh mh-port)'],
  ],
  [
    'edits a virtual server, which keeps its connections',
    make(vip, { a: 1 }),
    make(vip, { a: 1 }, { scheduler: 'wlc' }),
    ['set tcp 10.96.0.1:80 (wlc)'],
  ],
  ['corrects a weight', make(vip, { a: 5 }), make(vip, { a: 1 }), ['set tcp 10.96.0.1:80 -> a weight 1']],
  ['does nothing for what is equal', make(vip, { a: 1 }), make(vip, { a: 1 }), []],
])('diffVirtualServers() %s', (_, before, after, additions) => {
  expect(told(diffVirtualServers(before === undefined ? all() : all(before), none, all(after)))).toEqual({
    additions,
    removals: [],
    draining: none,
  })
})

test('diffVirtualServers() lets connections of TCP end, and removes others at once', () => {
  const udp = { protocol: 'udp' } as const
  const before = all(make(vip, { a: 1, b: 1 }), make(vip, { a: 1, b: 1 }, udp))
  expect(told(diffVirtualServers(before, none, all(make(vip, { b: 1 }), make(vip, { b: 1 }, udp))))).toEqual({
    additions: ['set tcp 10.96.0.1:80 -> a weight 0'],
    removals: ['delete udp 10.96.0.1:80 -> a'],
    draining: new Map([['tcp 10.96.0.1:80', new Set(['a'])]]),
  })
})

test('diffVirtualServers() takes back a real server that is draining', () => {
  const draining: Draining = new Map([['tcp 10.96.0.1:80', new Set(['a', 'c'])]])
  expect(told(diffVirtualServers(all(make(vip, { b: 1 })), draining, all(make(vip, { a: 1, b: 1 }))))).toEqual({
    additions: ['set tcp 10.96.0.1:80 -> a weight 1'],
    removals: [],
    draining: new Map([['tcp 10.96.0.1:80', new Set(['c'])]]),
  })
})

test('diffVirtualServers() goes on draining what an earlier process has begun to drain', () => {
  expect(told(diffVirtualServers(all(make(vip, { a: 0, b: 1 })), none, all(make(vip, { b: 1 }))))).toEqual({
    additions: [],
    removals: [],
    draining: new Map([['tcp 10.96.0.1:80', new Set(['a'])]]),
  })
})

test('diffVirtualServers() forgets what drains in a virtual server that goes', () => {
  const draining: Draining = new Map([['tcp 10.96.0.1:80', new Set(['a'])]])
  expect(told(diffVirtualServers(all(make(vip, { b: 1 })), draining, all()))).toEqual({
    additions: [],
    removals: ['delete tcp 10.96.0.1:80'],
    draining: none,
  })
})

test('parseKey() takes apart what keyOf() joined', () => {
  for (const protocol of ['tcp', 'udp', 'sctp'] as const) {
    for (const address of [vip, '[fd00::1]:80']) {
      expect(parseKey(keyOf({ protocol, address }))).toEqual({ protocol, address })
    }
  }
})

test('describeRefusal() names the servers and the reason', () => {
  const operation = { type: 'setRealServer', key: 'tcp 10.96.0.1:80', address: '10.244.1.5:8080', weight: 0 } as const
  expect(describeRefusal({ operation, code: 'ENOENT' })).toBe(
    'set tcp 10.96.0.1:80 -> 10.244.1.5:8080 weight 0: ENOENT',
  )
})

test('planDrain() removes what has no connection left and forgets what is gone', () => {
  const draining: Draining = new Map([
    ['tcp 10.96.0.1:80', new Set(['10.244.1.5:8080', '10.244.1.6:8080', '10.244.1.7:8080', 'gone'])],
    ['tcp 10.96.0.99:80', new Set(['gone'])],
  ])
  const connections: Connections = new Map([
    [
      'tcp 10.96.0.1:80',
      new Map([
        ['10.244.1.5:8080', { active: 2, inactive: 0 }],
        ['10.244.1.6:8080', { active: 0, inactive: 0 }],
        ['10.244.1.7:8080', { active: 0, inactive: 1 }],
      ]),
    ],
  ])
  expect(planDrain(draining, connections)).toEqual({
    removals: [{ type: 'deleteRealServer', key: 'tcp 10.96.0.1:80', address: '10.244.1.6:8080' }],
    draining: new Map([['tcp 10.96.0.1:80', new Set(['10.244.1.5:8080', '10.244.1.7:8080'])]]),
  })
})
