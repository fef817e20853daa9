import { expect, test } from 'vitest'
import {
  type Draining,
  diffVirtualServers,
  keyOf,
  parseConnections,
  parseVirtualServers,
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

test('diffVirtualServers() adds a virtual server before its real ones', () => {
  const wanted = all(make(vip, { '10.244.1.5:8080': 1, '10.244.1.6:8080': 1 }, { persistentSeconds: 10_800 }))
  expect(diffVirtualServers(all(), none, wanted)).toEqual({
    additions: [
      '-A -t 10.96.0.1:80 -s rr -p 10800',
      '-a -t 10.96.0.1:80 -r 10.244.1.5:8080 -m -w 1',
      '-a -t 10.96.0.1:80 -r 10.244.1.6:8080 -m -w 1',
      '',
    ].join('\n'),
    removals: '',
    draining: none,
  })
})

test.each<[what: string, before: VirtualServer | undefined, after: VirtualServer, additions: string]>([
  ['names IPv6 with brackets', undefined, make('[fd00::1]:80', {}), '-A -t [fd00::1]:80 -s rr\n'],
  ['knows SCTP', undefined, make(vip, {}, { protocol: 'sctp' }), '-A --sctp-service 10.96.0.1:80 -s rr\n'],
  [
    'gives flags to the scheduler',
    undefined,
    make(vip, {}, { scheduler: 'mh', schedulerFlags: 'mh-port' }),
    '-A -t 10.96.0.1:80 -s mh -b mh-port\n',
  ],
  [
    'edits a virtual server, which keeps its connections',
    make(vip, { a: 1 }),
    make(vip, { a: 1 }, { scheduler: 'wlc' }),
    '-E -t 10.96.0.1:80 -s wlc\n',
  ],
  ['corrects a weight', make(vip, { a: 5 }), make(vip, { a: 1 }), '-e -t 10.96.0.1:80 -r a -m -w 1\n'],
  ['does nothing for what is equal', make(vip, { a: 1 }), make(vip, { a: 1 }), ''],
])('diffVirtualServers() %s', (_, before, after, additions) => {
  expect(diffVirtualServers(before === undefined ? all() : all(before), none, all(after))).toEqual({
    additions,
    removals: '',
    draining: none,
  })
})

test('diffVirtualServers() lets connections of TCP end, and removes others at once', () => {
  const udp = { protocol: 'udp' } as const
  const before = all(make(vip, { a: 1, b: 1 }), make(vip, { a: 1, b: 1 }, udp))
  expect(diffVirtualServers(before, none, all(make(vip, { b: 1 }), make(vip, { b: 1 }, udp)))).toEqual({
    additions: '-e -t 10.96.0.1:80 -r a -m -w 0\n',
    removals: '-d -u 10.96.0.1:80 -r a\n',
    draining: new Map([['-t 10.96.0.1:80', new Set(['a'])]]),
  })
})

test('diffVirtualServers() takes back a real server that is draining', () => {
  const draining: Draining = new Map([['-t 10.96.0.1:80', new Set(['a', 'c'])]])
  expect(diffVirtualServers(all(make(vip, { b: 1 })), draining, all(make(vip, { a: 1, b: 1 })))).toEqual({
    additions: '-e -t 10.96.0.1:80 -r a -m -w 1\n',
    removals: '',
    draining: new Map([['-t 10.96.0.1:80', new Set(['c'])]]),
  })
})

test('diffVirtualServers() goes on draining what an earlier process has begun to drain', () => {
  expect(diffVirtualServers(all(make(vip, { a: 0, b: 1 })), none, all(make(vip, { b: 1 })))).toEqual({
    additions: '',
    removals: '',
    draining: new Map([['-t 10.96.0.1:80', new Set(['a'])]]),
  })
})

test('diffVirtualServers() forgets what drains in a virtual server that goes', () => {
  const draining: Draining = new Map([['-t 10.96.0.1:80', new Set(['a'])]])
  expect(diffVirtualServers(all(make(vip, { b: 1 })), draining, all())).toEqual({
    additions: '',
    removals: '-D -t 10.96.0.1:80\n',
    draining: none,
  })
})

const saved = `-A -t 10.96.0.1:80 -s rr -p 10800
-a -t 10.96.0.1:80 -r 10.244.1.5:8080 -m -w 1
-a -t 10.96.0.1:80 -r 10.244.1.6:8080 -m -w 0
-A -t [fd00::1]:80 -s mh -b mh-port
-a -t [fd00::1]:80 -r [fd00:1::5]:8080 -m -w 1
-A -u 10.96.0.10:53 -s wlc
-A -f 7 -s rr
`

test('parseVirtualServers() reads what ipvsadm prints', () => {
  expect(parseVirtualServers(saved)).toEqual(
    all(
      make(vip, { '10.244.1.5:8080': 1, '10.244.1.6:8080': 0 }, { persistentSeconds: 10_800 }),
      make('[fd00::1]:80', { '[fd00:1::5]:8080': 1 }, { scheduler: 'mh', schedulerFlags: 'mh-port' }),
      make('10.96.0.10:53', {}, { protocol: 'udp', scheduler: 'wlc' }),
    ),
  )
})

test('parseVirtualServers() reads back what diffVirtualServers() writes', () => {
  const wanted = parseVirtualServers(saved)
  expect(parseVirtualServers(diffVirtualServers(all(), none, wanted).additions)).toEqual(wanted)
})

const listed = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.96.0.1:80 rr persistent 10800
  -> 10.244.1.5:8080              Masq    0      2          1
  -> 10.244.1.6:8080              Masq    0      0          0
TCP  [fd00::1]:80 rr
  -> [fd00:1::5]:8080             Masq    1      0          4
UDP  10.96.0.10:53 rr
`

test('parseConnections() counts active connections and others', () => {
  expect(parseConnections(listed)).toEqual(
    new Map([
      [
        '-t 10.96.0.1:80',
        new Map([
          ['10.244.1.5:8080', 3],
          ['10.244.1.6:8080', 0],
        ]),
      ],
      ['-t [fd00::1]:80', new Map([['[fd00:1::5]:8080', 4]])],
      ['-u 10.96.0.10:53', new Map()],
    ]),
  )
})

test('planDrain() removes what has no connection left and forgets what is gone', () => {
  const draining: Draining = new Map([
    ['-t 10.96.0.1:80', new Set(['10.244.1.5:8080', '10.244.1.6:8080', 'gone'])],
    ['-t 10.96.0.99:80', new Set(['gone'])],
  ])
  expect(planDrain(draining, parseConnections(listed))).toEqual({
    removals: '-d -t 10.96.0.1:80 -r 10.244.1.6:8080\n',
    draining: new Map([['-t 10.96.0.1:80', new Set(['10.244.1.5:8080'])]]),
  })
})
