/**
 * Memory that the main thread and the tunnel's worker share: the worker sits in
 * poll() and reads no messages, so peers go in and figures come out this way.
 *
 *   Int32  [0] version (odd while it is written)  [1] number of peers
 *          then per peer: subnet address, prefix length, host address
 */
import type { Subnet } from '../../ipv4.ts'

/** Another host: packets for `subnet` go to `address`. */
export type Peer = { readonly subnet: Subnet; readonly address: number }

/** Hosts of one network; etcd and the API would be slow long before. */
export const maxPeers = 65_536

const headerSize = 2
const peerSize = 3

/** Memory for a table of peers. */
export function createPeerMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer((headerSize + peerSize * maxPeers) * 4)
}

/** Replaces the table. One writer only. */
export function writePeers(memory: SharedArrayBuffer, peers: readonly Peer[]): void {
  const cells = new Int32Array(memory)
  Atomics.add(cells, 0, 1)
  peers.slice(0, maxPeers).forEach(({ subnet, address }, index) => {
    cells.set([subnet.address | 0, subnet.prefix, address | 0], headerSize + index * peerSize)
  })
  Atomics.store(cells, 1, Math.min(peers.length, maxPeers))
  Atomics.add(cells, 0, 1)
}

/** The version of the table in `cells`, which are all of the memory: tells a reader whether to read again. */
export function peerVersion(cells: Int32Array): number {
  return Atomics.load(cells, 0)
}

/** Reads the table; `undefined` while it is being written. */
export function readPeers(cells: Int32Array): readonly Peer[] | undefined {
  const before = Atomics.load(cells, 0)
  if (before % 2 !== 0) return undefined
  const peers = Array.from({ length: Atomics.load(cells, 1) }, (_, index) => {
    const [network = 0, prefix = 0, address = 0] = cells.subarray(headerSize + index * peerSize)
    return { subnet: { address: network >>> 0, prefix }, address: address >>> 0 }
  })
  return Atomics.load(cells, 0) === before ? peers : undefined
}

/** What the tunnel counts, in this order in the shared memory. */
export const counterNames = [
  'sent_packets',
  'sent_bytes',
  'received_packets',
  'received_bytes',
  'dropped_no_route',
  'dropped_ttl',
  'dropped_malformed',
  'dropped_ipv6',
  'dropped_unknown_sender',
  'dropped_send_error',
  'dropped_write_error',
  'icmp_sent',
  'icmp_suppressed',
  'plain_peers',
] as const

/** The name of a counter. */
export type CounterName = (typeof counterNames)[number]

/** What each counter stands at. */
export type Counters = Readonly<Record<CounterName, number>>

/** Memory for the counters, as doubles: one writer, readers that forgive a moment's delay. */
export function createCounterMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(counterNames.length * 8)
}

/** All counters by name. */
export function readCounters(memory: SharedArrayBuffer): Counters {
  const cells = new Float64Array(memory)
  // Every name is a key, because the entries are made from the names.
  return Object.fromEntries(counterNames.map((name, index) => [name, cells[index] ?? 0])) as Counters
}

/** The counters in Prometheus' text format. Upstream has none, so the names are ours. */
export function renderCounters(counters: Counters): string {
  const families = new Map<string, string[]>()
  for (const name of counterNames) {
    const reason = /^dropped_(.*)$/.exec(name)?.[1]
    const family = `flanneld_udp_${reason === undefined ? name : 'dropped_packets'}_total`
    const label = reason === undefined ? '' : `{reason="${reason}"}`
    families.set(family, [...(families.get(family) ?? []), `${family}${label} ${counters[name]}`])
  }
  return [...families].flatMap(([family, lines]) => [`# TYPE ${family} counter`, ...lines, '']).join('\n')
}

/** Index of each counter, for the writer. */
export const counterIndex = Object.fromEntries(counterNames.map((name, index) => [name, index])) as Readonly<
  Record<CounterName, number>
>
