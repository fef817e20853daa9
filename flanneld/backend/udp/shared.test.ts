import { expect, test } from 'vitest'
import { parseIpv4, parseSubnet } from '../../ipv4.ts'
import { leaseOf } from '../../testing.ts'
import { PeerTable } from './lookup.ts'
import {
  createCounterMemory,
  createPeerMemory,
  peerVersion,
  readCounters,
  readPeers,
  renderCounters,
  writePeers,
} from './shared.ts'
import { newDrops, peersOf } from './udp.ts'

const subnet = (text: string): { address: number; prefix: number } => parseSubnet(text) ?? { address: 0, prefix: 0 }
const address = (text: string): number => parseIpv4(text) ?? 0
const peers = [
  { subnet: subnet('10.244.1.0/24'), address: address('192.168.0.1') },
  { subnet: subnet('10.244.2.0/24'), address: address('200.1.1.1') },
  { subnet: subnet('10.244.2.128/25'), address: address('192.168.0.3') },
]

test('readPeers() reads what writePeers() wrote, and the version tells of it', () => {
  const memory = createPeerMemory()
  const before = peerVersion(new Int32Array(memory))
  writePeers(memory, peers)
  expect(readPeers(new Int32Array(memory))).toEqual(peers)
  expect(peerVersion(new Int32Array(memory))).not.toBe(before)
  writePeers(memory, peers.slice(0, 1))
  expect(readPeers(new Int32Array(memory))).toEqual(peers.slice(0, 1))
})

test('readPeers() gives nothing while the table is written', () => {
  const memory = createPeerMemory()
  new Int32Array(memory)[0] = 1
  expect(readPeers(new Int32Array(memory))).toBeUndefined()
})

test('PeerTable finds the longest prefix, and knows senders', () => {
  const table = new PeerTable(peers, (peer) => peer.address)
  expect(table.find(address('10.244.1.255'))).toBe(address('192.168.0.1'))
  expect(table.find(address('10.244.2.1'))).toBe(address('200.1.1.1'))
  expect(table.find(address('10.244.2.200'))).toBe(address('192.168.0.3'))
  expect(table.find(address('10.244.3.1'))).toBeUndefined()
  expect(table.knows(address('200.1.1.1'))).toBe(true)
  expect(table.knows(address('200.1.1.2'))).toBe(false)
})

test.each(['', 'udp'])('peersOf() takes hosts with an address, also those of type %j', (type) => {
  const lease = leaseOf(type, '10.244.1.0/24', { publicIp: '192.168.0.1' })
  expect(peersOf([lease, leaseOf(type, '10.244.2.0/24', { publicIp: 'x' })])).toEqual(peers.slice(0, 1))
})

test('readCounters() names every counter', () => {
  const memory = createCounterMemory()
  new Float64Array(memory)[0] = 7
  expect(readCounters(memory)).toMatchObject({ sent_packets: 7, icmp_sent: 0 })
})

test('renderCounters() tells drops by their reason, in one family', () => {
  const memory = createCounterMemory()
  new Float64Array(memory).fill(2, 4, 6)
  const text = renderCounters(readCounters(memory))
  expect(text).toContain('# TYPE flanneld_udp_sent_packets_total counter\nflanneld_udp_sent_packets_total 0\n')
  expect(text).toContain('flanneld_udp_dropped_packets_total{reason="no_route"} 2\n')
  expect(text.match(/# TYPE flanneld_udp_dropped_packets_total/g)).toHaveLength(1)
})

test('newDrops() names what was dropped since, and no other counters', () => {
  const before = readCounters(createCounterMemory())
  expect(newDrops(before, { ...before, sent_packets: 9, dropped_ttl: 3 })).toEqual({ dropped_ttl: 3 })
})
