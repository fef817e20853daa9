/**
 * Memory for many datagrams: an array of `struct mmsghdr` whose parts point to buffers that are never freed.
 *
 *   mmsghdr (64 bytes): msg_name 0 · msg_namelen 8 · msg_iov 16 · msg_iovlen 24 · msg_control 32 · … · msg_len 56
 *   iovec (16 bytes):   iov_base 0 · iov_len 8
 */
import { addressOf } from '../../component-base/libc.ts'
import { socketAddressBytes } from '../../component-base/socket-address.ts'

const headerSize = 64
const vectorSize = 16

/** Datagrams in memory, for one call of `recvmmsg` or `sendmmsg`. */
export class Batch {
  readonly count: number
  /** Where the array starts. */
  readonly place: number
  readonly #size: number
  readonly #headers: Buffer
  readonly #vectors: Buffer
  readonly #names: readonly Buffer[]
  readonly #payloads: readonly Buffer[]

  constructor(count: number, size: number) {
    this.count = count
    this.#size = size
    this.#headers = Buffer.alloc(count * headerSize)
    this.#vectors = Buffer.alloc(count * vectorSize)
    this.#names = Array.from({ length: count }, () => Buffer.alloc(socketAddressBytes))
    this.#payloads = Array.from({ length: count }, () => Buffer.alloc(size))
    this.place = Number(addressOf(this.#headers))
    const vectors = addressOf(this.#vectors)
    for (let i = 0; i < count; i += 1) {
      this.#vectors.writeBigUInt64LE(addressOf(this.payload(i)), i * vectorSize)
      this.#vectors.writeBigUInt64LE(BigInt(size), i * vectorSize + 8)
      this.#headers.writeBigUInt64LE(addressOf(this.name(i)), i * headerSize)
      this.#headers.writeBigUInt64LE(vectors + BigInt(i * vectorSize), i * headerSize + 16)
      this.#headers.writeBigUInt64LE(1n, i * headerSize + 24)
    }
  }

  /** The buffer of a datagram. */
  payload(i: number): Buffer {
    return this.#payloads[i] ?? this.#headers
  }

  /** The buffer of its address. */
  name(i: number): Buffer {
    return this.#names[i] ?? this.#headers
  }

  /** Gives every datagram all of its room, for receiving. */
  makeRoom(): void {
    for (let i = 0; i < this.count; i += 1) {
      this.#headers.writeUInt32LE(socketAddressBytes, i * headerSize + 8)
      this.#vectors.writeUInt32LE(this.#size, i * vectorSize + 8)
    }
  }

  /** How long a received datagram is. */
  receivedSize(i: number): number {
    return this.#headers.readUInt32LE(i * headerSize + 56)
  }

  /** How long the address of a received datagram is. */
  nameSize(i: number): number {
    return this.#headers.readUInt32LE(i * headerSize + 8)
  }

  /** Says how long a datagram is that will be sent, and to whom. */
  address(i: number, size: number, name: Buffer, nameSize: number): void {
    name.copy(this.name(i), 0, 0, nameSize)
    this.#headers.writeUInt32LE(nameSize, i * headerSize + 8)
    this.#vectors.writeUInt32LE(size, i * vectorSize + 8)
  }
}
