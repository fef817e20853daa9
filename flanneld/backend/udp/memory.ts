/**
 * One block of memory for everything that system calls read and write: packets, headers,
 * and the structures that point to them. It never moves and lives as long as the tunnel,
 * so an address taken once stays true; taken from short-lived buffers, addresses would
 * outlive them as soon as the optimizer sees that nobody reads the buffer any more.
 */
import { addressOf } from './libc.ts'

/** Sizes of the parts, in bytes. */
const packetBytes = 65_536 + 64
const headerBytes = 128
/** Segments of one packet: 64 KiB in pieces of the smallest useful size are more than any kernel sends. */
export const maxSegments = 1_024
const vectorBytes = 16

/** Offsets of the parts. Packets begin two bytes behind a multiple of four: a `virtio_net_hdr` of ten bytes makes the IP header aligned. */
const outgoing = 2
const incoming = 65_664
const headers = incoming + packetBytes + 64
const vectors = headers + headerBytes * (maxSegments + 1)
const message = vectors + vectorBytes * (2 * maxSegments + 2)
const control = message + 64
const senderAddress = control + 64
const size = senderAddress + 32

/** The block, its views, and where its parts are. */
export class TunnelMemory {
  readonly buffer = new ArrayBuffer(size)
  readonly u8 = new Uint8Array(this.buffer)
  readonly u16 = new Uint16Array(this.buffer)
  readonly u32 = new Uint32Array(this.buffer)
  readonly view = new DataView(this.buffer)
  /** Where the block is; user-space addresses are below 2^53. */
  readonly base = Number(addressOf(this.u8))
  readonly outgoing = outgoing
  readonly incoming = incoming
  readonly headers = headers
  readonly headerBytes = headerBytes
  readonly packetBytes = packetBytes
  readonly vectors = vectors
  readonly message = message
  readonly control = control
  readonly senderAddress = senderAddress

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
  setMessage(fields: {
    readonly name: number
    readonly firstVector: number
    readonly vectorCount: number
    readonly controlBytes: number
  }): void {
    this.#setAddress(message, fields.name)
    this.u32[(message >> 2) + 2] = 16
    this.#setAddress(message + 16, this.base + vectors + fields.firstVector * vectorBytes)
    this.#setNumber(message + 24, fields.vectorCount)
    if (fields.controlBytes === 0) this.#setNumber(message + 32, 0)
    else this.#setAddress(message + 32, this.base + control)
    this.#setNumber(message + 40, fields.controlBytes)
    this.#setNumber(message + 48, 0)
  }

  /** How many bytes of control data the last receive has left. */
  receivedControlBytes(): number {
    return this.u32[(message + 40) >> 2] ?? 0
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
