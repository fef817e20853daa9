import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { addressOf } from '../../../component-base/libc.ts'
import { Incoming } from './incoming.ts'
import { libc, linux, socketAddress } from './libc.ts'
import { type Loop, openLoop } from './loop.ts'
import { TunnelMemory } from './memory.ts'
import { Outgoing } from './outgoing.ts'
import { checksum } from './packet.ts'
import { type SampleFields, samplePacket } from './sample-packet.ts'
import { type CounterName, counterIndex } from './shared.ts'
import { AnswerBudget, vnet, vnetHeaderBytes } from './tunnel.ts'
import { warmUp, withHeader } from './warm-up.ts'

const ladder = [
  { name: 'TCP and UDP offloads', headroom: vnetHeaderBytes, mergesUdp: true, sendsMany: true },
  { name: 'TCP offloads', headroom: vnetHeaderBytes, mergesUdp: false, sendsMany: true },
  { name: 'offloads of the device only', headroom: vnetHeaderBytes, mergesUdp: true, sendsMany: false },
  { name: 'offloads of the socket only', headroom: 0, mergesUdp: false, sendsMany: true },
  { name: 'one packet a call', headroom: 0, mergesUdp: false, sendsMany: false },
] as const

const open: Loop[] = []
afterEach(() => {
  for (const loop of open.splice(0)) loop.close()
})

/** A tunnel to itself and both its ways. */
function openTunnel(step: Omit<(typeof ladder)[number], 'name'> = ladder[0], memory = new TunnelMemory()) {
  let nowMs = 1_000_000
  const loop = openLoop({ ...step, now: () => nowMs })
  open.push(loop)
  const outgoing = new Outgoing(loop.tunnel, memory)
  const incoming = new Incoming(loop.tunnel, memory)
  const room = Buffer.alloc(70_000)
  const read = (): readonly Uint8Array[] => {
    const found: Uint8Array[] = []
    for (let size = 0; size >= 0; ) {
      size = libc.read(loop.deviceFd, room, room.length)
      if (size >= 0) found.push(Uint8Array.from(room.subarray(0, size)))
    }
    return found
  }
  const counter = (name: CounterName): number => loop.tunnel.counters[counterIndex[name]] ?? 0
  return {
    ...{ loop, read, counter },
    write: (bytes: Uint8Array) => libc.write(loop.deviceFd, bytes, bytes.length),
    out: () => outgoing.pump(loop.peers, 64),
    in: () => incoming.pump(loop.peers, 64),
    later: (ms: number) => {
      nowMs += ms
    },
    dropped: () =>
      Object.entries(counterIndex)
        .filter(([name]) => name.startsWith('dropped_'))
        .reduce((sum, [, index]) => sum + (loop.tunnel.counters[index] ?? 0), 0),
  }
}

const sum16 = (bytes: Uint8Array): number => checksum(bytes, 0, bytes.length)

/** Bytes as text of one character each: compared and joined much faster than lists of numbers. */
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

type Payload = { readonly flow: string; readonly payload: string }

/** Protocol, port and payload of what the device was given; throws for what a kernel would refuse. */
function payloadOf(bytes: Uint8Array, headroom: number): Payload {
  const packet = bytes.subarray(headroom)
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length)
  const protocol = packet[9] === 6 ? 6 : 17
  const headerLength = protocol === 6 ? 20 + ((packet[32] ?? 0) >> 4) * 4 : 28
  expect(sum16(packet.slice(0, 20))).toBe(0)
  expect(view.getUint16(2)).toBe(packet.length)
  if (protocol === 17) expect(view.getUint16(24)).toBe(packet.length - 20)
  const pseudo = Uint8Array.from([
    ...packet.subarray(12, 20),
    0,
    protocol,
    (packet.length - 20) >> 8,
    packet.length - 20,
  ])
  const field = protocol === 6 ? 36 : 26
  const isOpen = headroom > 0 && bytes[0] === vnet.needsChecksum
  // An open checksum holds the sum of the pseudo header; a finished one makes the whole come out even.
  if (isOpen) expect(view.getUint16(field)).toBe(~sum16(pseudo) & 0xffff)
  else expect(sum16(Buffer.concat([pseudo, packet.subarray(20)]))).toBe(0)
  return { flow: `${protocol}:${view.getUint16(20)}`, payload: textOf(packet.subarray(headerLength)) }
}

function byFlow(found: readonly Payload[]): Readonly<Record<string, string>> {
  const flows: Record<string, string> = {}
  for (const { flow, payload } of found) flows[flow] = (flows[flow] ?? '') + payload
  return flows
}

const traffic = fc.array(
  fc.record({
    protocol: fc.constantFrom(6 as const, 17 as const),
    port: fc.constantFrom(1000, 2000),
    size: fc.oneof(fc.integer({ min: 1, max: 1_400 }), fc.constantFrom(64, 100, 1_000)),
    segments: fc.constantFrom(1, 1, 2, 7),
    flags: fc.constantFrom(0x10, 0x18, 0x11),
    mayBeFragmented: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
)

for (const { name, ...step } of ladder) {
  test(`a tunnel with ${name} brings all that it was given, in order, unchanged`, () => {
    const tunnel = openTunnel(step)
    fc.assert(
      fc.property(traffic, (packets) => {
        const sequence: Record<string, number> = {}
        const given = packets.map(({ protocol, port, size, segments, flags, mayBeFragmented }, index) => {
          const flow = `${protocol}:${port}`
          const pieces = step.headroom === 0 || (protocol === 17 && !step.mergesUdp) ? 1 : segments
          const payload = Uint8Array.from({ length: size * pieces }, (_, i) => (i * 7 + index) & 0xff)
          const at = sequence[flow] ?? 0xffff_ff00
          sequence[flow] = (at + payload.length) >>> 0
          const fields = { ports: [port, 80], sequence: at, flags, mayBeFragmented, identification: index } as const
          const gso = pieces === 1 ? vnet.gsoNone : protocol === 6 ? vnet.gsoTcp4 : vnet.gsoUdp
          const bytes = withHeader(step.headroom, samplePacket(protocol, payload, fields), {
            gso,
            segmentPayload: size,
          })
          return { bytes, flow, payload: textOf(payload) }
        })
        const found: Uint8Array[] = []
        for (const { bytes } of given) {
          expect(tunnel.write(bytes)).toBe(bytes.length)
        }
        tunnel.out()
        for (let i = 0; i < 20; i += 1) {
          tunnel.in()
          found.push(...tunnel.read())
        }
        expect(tunnel.dropped()).toBe(0)
        expect(byFlow(found.map((bytes) => payloadOf(bytes, step.headroom)))).toEqual(byFlow(given))
        expect(found.every((bytes) => bytes[step.headroom + 8] === 62)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  test(`a tunnel with ${name} counts what it cannot use, whatever comes out of the network`, () => {
    const tunnel = openTunnel(step)
    const { socketFd } = tunnel.loop.tunnel
    const own = Buffer.alloc(16)
    libc.getsockname(socketFd, own, Buffer.from([16, 0, 0, 0]))
    const sender = libc.socket(2, 2, 0)
    expect(libc.bind(sender, socketAddress(0x7f000001, 0), 16)).toBe(0)
    let sent = 0
    try {
      fc.assert(
        fc.property(fc.array(strangeBytes(), { maxLength: 6 }), (datagrams) => {
          const forward = (): void => {
            tunnel.in()
            tunnel.read()
          }
          let waiting = 0
          for (const bytes of datagrams) {
            // More than the socket's buffer holds would be dropped by the kernel, uncounted.
            if (waiting + bytes.length > 65_536) {
              forward()
              waiting = 0
            }
            waiting += bytes.length
            if (sendTo(sender, bytes, own)) sent += 1
          }
          forward()
          expect(tunnel.counter('received_packets') + tunnel.dropped()).toBe(sent)
        }),
        { numRuns: 100 },
      )
    } finally {
      libc.close(sender)
    }
  })

  test(`a tunnel with ${name} counts what it cannot use, whatever comes out of the device`, () => {
    const tunnel = openTunnel(step)
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: step.headroom, maxLength: step.headroom }),
        strangeBytes(),
        (head, bytes) => {
          const before = tunnel.counter('sent_packets') + tunnel.dropped()
          const device = Uint8Array.from([...head, ...bytes])
          if (device.length === 0) return
          tunnel.write(device)
          expect(tunnel.out()).toBe(1)
          expect(tunnel.counter('sent_packets') + tunnel.dropped()).toBeGreaterThan(before)
          tunnel.in()
          tunnel.read()
        },
      ),
      { numRuns: 100 },
    )
  })

  test(`warmUp() of a tunnel with ${name} ends and leaves nothing open`, () => {
    const highest = libc.eventfd(0, 0)
    warmUp({ ...step, now: () => Date.now() }, new TunnelMemory())
    const next = libc.eventfd(0, 0)
    for (const fd of [highest, next]) libc.close(fd)
    expect(next).toBe(highest + 1)
  })
}

/** Bytes that nobody should send: noise, and packets with one thing wrong. */
function strangeBytes(): fc.Arbitrary<Uint8Array> {
  const sample = fc.record({
    protocol: fc.constantFrom(6 as const, 17 as const),
    size: fc.integer({ min: 0, max: 1_500 }),
    options: fc.constantFrom(0, 12, 40),
    at: fc.nat(60),
    byte: fc.nat(255),
    cut: fc.nat(80),
  })
  const broken = sample.map(({ protocol, size, options, at, byte, cut }) => {
    const bytes = samplePacket(protocol, size, { options })
    bytes[at] = byte
    return bytes.slice(0, Math.max(0, bytes.length - (cut > 40 ? 0 : cut)))
  })
  const large = fc.integer({ min: 1_500, max: 65_400 }).map((size) => samplePacket(17, size))
  const ipv6 = fc.uint8Array({ minLength: 40, maxLength: 80 }).map((bytes) => Uint8Array.from([0x60, ...bytes]))
  return fc.oneof(fc.uint8Array({ maxLength: 100 }), broken, broken, large, ipv6)
}

function sendTo(fd: number, bytes: Uint8Array, address: Uint8Array): boolean {
  return libc.sendto(fd, bytes, bytes.length, 0, address, 16) === bytes.length
}

test('IPv6 packets are counted as such', () => {
  const tunnel = openTunnel()
  tunnel.write(withHeader(vnetHeaderBytes, Uint8Array.from([0x60, ...new Uint8Array(47)]), {}))
  tunnel.out()
  expect([tunnel.counter('dropped_ipv6'), tunnel.counter('dropped_malformed')]).toEqual([1, 0])
})

test('a packet to nowhere is answered with net unreachable, one whose time is over with time exceeded', () => {
  for (const [fields, type, name] of [
    [{ destination: 0x0b000001 }, 3, 'dropped_no_route'],
    [{ ttl: 1 }, 11, 'dropped_ttl'],
  ] as const) {
    const tunnel = openTunnel()
    tunnel.write(withHeader(vnetHeaderBytes, samplePacket(17, 30, fields), {}))
    tunnel.out()
    const [answer = new Uint8Array()] = tunnel.read()
    expect([answer[19], answer[30], answer[31]]).toEqual([1, type, 0])
    expect([tunnel.counter(name), tunnel.counter('icmp_sent')]).toEqual([1, 1])
  }
})

test('a packet whose time ends behind the tunnel is answered as well', () => {
  const tunnel = openTunnel()
  tunnel.write(withHeader(vnetHeaderBytes, samplePacket(17, 30, { ttl: 2 }), {}))
  tunnel.out()
  tunnel.in()
  expect(tunnel.read()[0]?.[30]).toBe(11)
})

test('a flood to nowhere is not answered by a flood', () => {
  const tunnel = openTunnel()
  const flood = (packets: number): void => {
    for (let i = 0; i < packets; i += 1) {
      tunnel.write(withHeader(vnetHeaderBytes, samplePacket(17, 30, { destination: 0x0b000001 }), {}))
      tunnel.out()
      tunnel.read()
    }
  }
  flood(60)
  expect([tunnel.counter('icmp_sent'), tunnel.counter('icmp_suppressed')]).toEqual([50, 10])
  tunnel.later(5)
  flood(10)
  expect([tunnel.counter('icmp_sent'), tunnel.counter('icmp_suppressed')]).toEqual([55, 15])
})

test('AnswerBudget has no more after a long while than at the start', () => {
  const budget = new AnswerBudget()
  budget.take(1)
  const taken = Array.from({ length: 60 }, () => budget.take(1e9)).filter((isTaken) => isTaken)
  expect(taken).toHaveLength(50)
})

test('datagrams of hosts without a lease are counted, each of them', () => {
  const tunnel = openTunnel()
  makeBusy(tunnel)
  const packet = withHeader(vnetHeaderBytes, samplePacket(17, 30), {})
  for (let i = 0; i < 5; i += 1) tunnel.write(packet)
  tunnel.out()
  const nobody = { find: () => undefined, knows: () => false } as unknown as typeof tunnel.loop.peers
  new Incoming(tunnel.loop.tunnel, new TunnelMemory()).pump(nobody, 64)
  expect(tunnel.counter('dropped_unknown_sender')).toBe(5)
})

/** Lets the tunnel see traffic, so that packets wait for one another. */
function makeBusy(tunnel: ReturnType<typeof openTunnel>): void {
  for (let i = 0; i < 2; i += 1) tunnel.write(withHeader(vnetHeaderBytes, samplePacket(17, 30), {}))
  tunnel.out()
  tunnel.in()
  tunnel.read()
}

test('packets of one size to one peer leave with one call, and come with one', () => {
  const tunnel = openTunnel()
  makeBusy(tunnel)
  for (let i = 0; i < 8; i += 1)
    tunnel.write(withHeader(vnetHeaderBytes, samplePacket(17, 30, { identification: i }), {}))
  tunnel.out()
  expect(tunnel.counter('sent_packets')).toBe(2 + 8)
  expect(tunnel.in()).toBe(1)
  const found = tunnel.read()
  expect(found.map((bytes) => [bytes[1], bytes.length])).toEqual([[vnet.gsoUdp, vnetHeaderBytes + 28 + 8 * 30]])
})

/** A stream's packet as the kernel hands it over: more segments than one send takes. */
const streamPacket = (index: number, flags = 0x10): Uint8Array =>
  withHeader(vnetHeaderBytes, samplePacket(6, bytesOfStream(index), { sequence: 1 + index * 65_320, flags }), {
    gso: vnet.gsoTcp4,
    segmentPayload: 1_420,
  })
const bytesOfStream = (index: number): Uint8Array =>
  Uint8Array.from({ length: 46 * 1_420 }, (_, i) => (i * 7 + index) & 0xff)

test('segments that one send does not take leave with those of the next packet', () => {
  const tunnel = openTunnel()
  makeBusy(tunnel)
  for (const index of [0, 1]) tunnel.write(streamPacket(index))
  tunnel.out()
  // 44 and 44 and 4: none has room for more than 65,507 bytes.
  expect(tunnel.in()).toBe(3)
  expect(tunnel.counter('sent_packets')).toBe(2 + 92)
})

test('segments of one packet reach the device as that packet, in however many receives they came', () => {
  for (const isPushed of [false, true]) {
    const tunnel = openTunnel()
    makeBusy(tunnel)
    for (const index of [0, 1]) tunnel.write(streamPacket(index, isPushed ? 0x18 : 0x10))
    tunnel.out()
    tunnel.in()
    const found = tunnel.read()
    expect(found.map((bytes) => bytes.length - vnetHeaderBytes - 52)).toEqual([65_320, 65_320])
    const payload = found.map((bytes) => payloadOf(bytes, vnetHeaderBytes).payload).join('')
    expect(payload === textOf(bytesOfStream(0)) + textOf(bytesOfStream(1))).toBe(true)
    expect(tunnel.dropped()).toBe(0)
  }
})

for (const room of [1, 66_000, 130_000]) {
  test(`packets wait for one another in a memory of ${room} bytes and come unchanged`, () => {
    const tunnel = openTunnel(ladder[0], new TunnelMemory(room))
    const buffer = Buffer.alloc(4)
    buffer.writeInt32LE(212_992)
    libc.setsockopt(tunnel.loop.tunnel.socketFd, linux.SOL_SOCKET, linux.SO_RCVBUF, buffer, 4)
    makeBusy(tunnel)
    let found = ''
    let given = ''
    for (let index = 0; index < 6; index += 1) {
      tunnel.write(streamPacket(index))
      given += textOf(bytesOfStream(index))
      if (index % 3 !== 2) continue
      tunnel.out()
      tunnel.in()
      for (const bytes of tunnel.read()) found += payloadOf(bytes, vnetHeaderBytes).payload
    }
    expect(tunnel.dropped()).toBe(0)
    expect(found === given).toBe(true)
  })
}

/** Hands packets to the tunnel's socket as one receive, each in as many bytes as the largest has. */
function receiveTogether(tunnel: ReturnType<typeof openTunnel>, packets: readonly Uint8Array[]): readonly Uint8Array[] {
  const size = Math.max(...packets.map(({ length }) => length))
  const bytes = new Uint8Array(size * packets.length)
  for (const [index, packet] of packets.entries()) bytes.set(packet, index * size)
  const own = Buffer.alloc(16)
  libc.getsockname(tunnel.loop.tunnel.socketFd, own, Buffer.from([16, 0, 0, 0]))
  const sender = libc.socket(2, 2, 0)
  const segment = Buffer.alloc(4)
  segment.writeUInt32LE(size)
  libc.bind(sender, socketAddress(0x7f000001, 0), 16)
  libc.setsockopt(sender, 17, 103, segment, 4)
  expect(sendTo(sender, bytes, own)).toBe(true)
  libc.close(sender)
  expect(tunnel.in()).toBe(1)
  return tunnel.read()
}

const udpWith = (fields: SampleFields, size = 100): Uint8Array => samplePacket(17, size, fields)
const tcpWith = (fields: SampleFields): Uint8Array => samplePacket(6, 100, fields)
const broken = udpWith({ identification: 2 })
broken[60] = 0
const bundles = [
  { what: 'datagrams of one flow', packets: [udpWith({}), udpWith({})], counts: [2] },
  {
    what: 'datagrams that may be fragmented, numbered in a row',
    packets: [65_535, 0, 1].map((identification) => udpWith({ identification, mayBeFragmented: true })),
    counts: [3],
  },
  {
    what: 'datagrams that may be fragmented, numbered otherwise',
    packets: [5, 7].map((identification) => udpWith({ identification, mayBeFragmented: true })),
    counts: [1, 1],
  },
  { what: 'datagrams of two flows', packets: [udpWith({}), udpWith({ ports: [1, 2] })], counts: [1, 1] },
  { what: 'a datagram with a wrong checksum', packets: [udpWith({}), broken, udpWith({})], counts: [1, 1, 1] },
  { what: 'a shorter datagram between others', packets: [udpWith({}), udpWith({}, 60), udpWith({})], counts: [2, 1] },
  { what: 'segments in a row', packets: [tcpWith({ sequence: 1 }), tcpWith({ sequence: 101 })], counts: [2] },
  { what: 'segments with a gap', packets: [tcpWith({ sequence: 1 }), tcpWith({ sequence: 102 })], counts: [1, 1] },
  {
    what: 'segments of which the first asks to be delivered',
    packets: [tcpWith({ sequence: 1, flags: 0x18 }), tcpWith({ sequence: 101 })],
    counts: [1, 1],
  },
  { what: 'TCP behind UDP', packets: [udpWith({}, 124), tcpWith({})], counts: [1, 1] },
]
for (const { what, packets, counts } of bundles) {
  test(`${what} reach the device in ${counts.length} of ${packets.length} pieces`, () => {
    const found = receiveTogether(openTunnel(), packets)
    const headerLength = (bytes: Uint8Array): number => (bytes[vnetHeaderBytes + 9] === 6 ? 52 : 28)
    const payloads = found.map((bytes) => bytes.length - vnetHeaderBytes - headerLength(bytes))
    const sizes = packets.map((packet) => packet.length - (packet[9] === 6 ? 52 : 28))
    const wanted: number[] = []
    let at = 0
    for (const count of counts) {
      wanted.push(sizes.slice(at, at + count).reduce((sum, size) => sum + size, 0))
      at += count
    }
    expect(payloads).toEqual(wanted)
  })
}

test('a peer to which a segmented send is refused gets single datagrams from then on', () => {
  const tunnel = openTunnel()
  const target = { socketAddress: socketAddress(0x7f000001, 9), place: 0, isPlain: false }
  target.place = Number(addressOf(target.socketAddress))
  const peers = { find: () => target, knows: () => true } as unknown as typeof tunnel.loop.peers
  const refusing = { ...tunnel.loop.tunnel, socketFd: noSegments() }
  const outgoing = new Outgoing(refusing, new TunnelMemory())
  for (let round = 0; round < 2; round += 1) {
    for (let i = 0; i < 2; i += 1) tunnel.write(withHeader(vnetHeaderBytes, samplePacket(17, 600), {}))
    outgoing.pump(peers, 64)
  }
  expect([target.isPlain, tunnel.counter('sent_packets'), tunnel.counter('plain_peers')]).toEqual([true, 4, 1])
  libc.close(refusing.socketFd)
})

/** A socket that sends datagrams but does not cut: checksums off, which segmentation needs (udp_send_skb). */
function noSegments(): number {
  const fd = libc.socket(2, 2, 0)
  const soNoCheck = 11
  libc.setsockopt(fd, 1, soNoCheck, Buffer.from([1, 0, 0, 0]), 4)
  return fd
}
