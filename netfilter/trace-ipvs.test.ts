import { expect, test } from 'vitest'
import { parseVirtualServers } from '../test/fixtures/ipvsadm.ts'
import { iptablesChains, type Packet } from './trace.ts'
import { ipvsChains } from './trace-ipvs.ts'
import { followPath } from './trace-path.ts'

const servers = parseVirtualServers(`-A -t 10.96.0.1:80 -s rr
-a -t 10.96.0.1:80 -r 10.1.0.5:8080 -m -w 1
-a -t 10.96.0.1:80 -r 10.1.0.6:8080 -m -w 3
-a -t 10.96.0.1:80 -r 10.1.0.7:8080 -m -w 0
-A -t 10.96.0.2:80 -s rr
`)
const packet: Packet = {
  ...{ protocol: 'tcp', sourceIp: '10.1.0.9', destinationIp: '10.96.0.1', destinationPort: 80 },
  inInterface: 'cni0',
}
const localAddresses = ['192.0.2.1', '10.96.0.1', '10.96.0.2']
const follow = (sent: Packet, rules: Readonly<Record<string, readonly string[]>> = {}, choice = 0) =>
  followPath(
    sent,
    [
      ...iptablesChains({ tables: new Map([['filter', new Map(Object.entries(rules))]]), localAddresses }),
      ...ipvsChains({ servers, choose: () => choice }),
    ],
    { localAddresses },
  )

test('ipvsChains() sends to a real server that has weight, by chance', () => {
  expect(follow(packet)).toMatchObject({ verdict: 'ACCEPT', destinationIp: '10.1.0.5', destinationPort: 8080 })
  expect(follow(packet, {}, 1).destinationIp).toBe('10.1.0.6')
})

test('ipvsChains() refuses where there is no real server, and lets other packets pass', () => {
  expect(follow({ ...packet, destinationIp: '10.96.0.2' }).verdict).toBe('REJECT')
  expect(follow({ ...packet, destinationPort: 81 })).toMatchObject({ verdict: 'ACCEPT', destinationIp: '10.96.0.1' })
  expect(follow({ ...packet, protocol: 'udp' }).destinationIp).toBe('10.96.0.1')
})

test.each([
  ['what comes in meets INPUT before', { INPUT: ['-d 10.96.0.1 -j DROP'] }, packet],
  ['what comes in meets OUTPUT after', { OUTPUT: ['-d 10.1.0.5 -j DROP'] }, packet],
  [
    'what the host sends meets OUTPUT with the server that took it',
    { OUTPUT: ['-m ipvs --vaddr 10.96.0.1 --vproto tcp --vport 80 -j DROP'] },
    { protocol: 'tcp', sourceIp: '10.96.0.1', destinationIp: '10.96.0.1', destinationPort: 80 } satisfies Packet,
  ],
])('ipvsChains(): %s', (_, rules, sent) => {
  expect(follow(sent, rules).verdict).toBe('DROP')
})

test('ipvsChains(): what was sent on does not meet FORWARD', () => {
  expect(follow(packet, { FORWARD: ['-j DROP'] }).verdict).toBe('ACCEPT')
})
