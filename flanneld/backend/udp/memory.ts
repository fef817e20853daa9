/**
 * One block of memory for everything that system calls read and write: packets, headers,
 * and the structures that point to them. It never moves and lives as long as the tunnel,
 * so an address taken once stays true; taken from short-lived buffers, addresses would
 * outlive them as soon as the optimizer sees that nobody reads the buffer any more.
 */
import { addressOf } from '../../../component-base/libc.ts'
import { linux } from './libc.ts'
import { createSummedMemory, type Sum } from './simd-sum.ts'

/** What one read or receive may bring: an IP packet has no more bytes, a `virtio_net_hdr` comes before it. */
const packetBytes = 65_536 + 64
/**
 * Packets that wait to be sent or joined together lie behind one another, up to here; the next is read behind them. A stream's
 * packet may be a little more than one send takes, so several share theirs.
 */
const waitingBytes = 4 * 65_536
const headerBytes = 128
/** Headers of the segments of packets that wait, at most, before those of another one are written. */
export const waitingHeaders = 512
/** Segments of one packet: 64 KiB in pieces of the smallest useful size are more than any kernel sends. */
export const maxSegments = 1_024
const vectorBytes = 16

/** Offsets of the parts. Packets begin two bytes behind a multiple of four: a `virtio_net_hdr` of ten bytes makes the IP header aligned. */
const outgoing = 2
const incoming = waitingBytes + packetBytes + 128
const headers = incoming + waitingBytes + packetBytes + 128
const vectors = headers + headerBytes * (waitingHeaders + maxSegments + 1)
const message = vectors + vectorBytes * (2 * maxSegments + 2)
const control = message + 64
const senderAddress = control + 64
const answer = senderAddress + 32
const polled = answer + 256
const size = polled + 32

/** The block, its views, and where its parts are. */
export class TunnelMemory {
  /** Sums up parts of the block; `undefined` where JavaScript has to. */
  readonly sum: Sum | undefined
  readonly u8: Uint8Array
  readonly u16: Uint16Array
  readonly u32: Uint32Array
  readonly view: DataView
  /** Where the block is; user-space addresses are below 2^53. */
  readonly base: number
  readonly outgoing = outgoing
  readonly waitingBytes: number
  readonly incoming = incoming
  readonly headers = headers
  readonly headerBytes = headerBytes
  readonly packetBytes = packetBytes
  readonly vectors = vectors
  readonly message = message
  readonly control = control
  readonly senderAddress = senderAddress
  /** Room for an ICMP error with its `virtio_net_hdr`. */
  readonly answer = answer
  readonly polled = polled

  /** With less room, packets wait less far behind one another: for tests. */
  constructor(room = waitingBytes) {
    this.waitingBytes = room
    const { buffer, sum } = createSummedMemory(size) ?? { buffer: new ArrayBuffer(size), sum: undefined }
    this.sum = sum
    this.u8 = new Uint8Array(buffer)
    this.u16 = new Uint16Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.view = new DataView(buffer)
    this.base = Number(addressOf(this.u8))
  }

  /** Fills the `struct iovec` number `index`. */
  setVector(index: number, offset: number, length: number): void {
    const word = (vectors >> 2) + index * 4
    const address = this.base + offset
    this.u32[word] = address >>> 0
    this.u32[word + 1] = Math.floor(address / 0x1_0000_0000)
    this.u32[word + 2] = length
    this.u32[word + 3] = 0
  }

  /** Fills the `struct msghdr`: where the other end's address, the vectors and the control data are. */
  setMessage(name: number, firstVector: number, vectorCount: number, controlBytes: number): void {
    this.#setAddress(message, name)
    this.u32[(message >> 2) + 2] = 16
    this.#setAddress(message + 16, this.base + vectors + firstVector * vectorBytes)
    this.#setNumber(message + 24, vectorCount)
    if (controlBytes === 0) this.#setNumber(message + 32, 0)
    else this.#setAddress(message + 32, this.base + control)
    this.#setNumber(message + 40, controlBytes)
    this.#setNumber(message + 48, 0)
  }

  /** Fills the control data of a send with one `struct cmsghdr`: the size of the datagrams that it is cut into. */
  setSegmentSize(bytes: number): void {
    this.view.setUint32(control, 18, true)
    this.view.setUint32(control + 4, 0, true)
    this.view.setUint32(control + 8, linux.SOL_UDP, true)
    this.view.setUint32(control + 12, linux.UDP_SEGMENT, true)
    this.view.setUint16(control + 16, bytes, true)
  }

  /** The size of the datagrams that the last receive has brought as one; 0 when it says nothing of it. */
  receivedSegmentSize(): number {
    const { view } = this
    if ((this.u32[(message + 40) >> 2] ?? 0) < 20) return 0
    const isGro =
      view.getUint32(control + 8, true) === linux.SOL_UDP && view.getUint32(control + 12, true) === linux.UDP_GRO
    return isGro ? view.getUint32(control + 16, true) : 0
  }

  /** Fills one `struct pollfd` that asks for input. */
  setPolled(index: number, fd: number): void {
    this.view.setInt32(polled + 8 * index, fd, true)
    this.view.setInt16(polled + 8 * index + 4, linux.POLLIN, true)
  }

  /** Whether poll() has found something at the `struct pollfd` number `index`. */
  isReady(index: number): boolean {
    return this.view.getInt16(polled + 8 * index + 6, true) !== 0
  }

  #setAddress(at: number, address: number): void {
    this.u32[at >> 2] = address >>> 0
    this.u32[(at >> 2) + 1] = Math.floor(address / 0x1_0000_0000)
  }

  #setNumber(at: number, value: number): void {
    this.u32[at >> 2] = value
    this.u32[(at >> 2) + 1] = 0
  }
}
