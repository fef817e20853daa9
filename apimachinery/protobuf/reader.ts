/** Protobuf's wire format, read field by field: `next()`, then one of the readers or `skip()`. */

/** A body that is no protobuf, or not the expected one. */
export class ProtobufProblem extends Error {
  override readonly name = 'ProtobufProblem'
}

const varintType = 0
const fixed64Type = 1
const lengthType = 2
const fixed32Type = 5

export class ProtobufReader {
  readonly #bytes: Buffer
  #at = 0
  #wireType = varintType

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** Whether the field at hand is text, bytes, a message, or packed numbers. */
  get isLengthDelimited(): boolean {
    return this.#wireType === lengthType
  }

  /** The number of the next field; 0 at the end. */
  next(): number {
    if (this.isAtEnd) return 0
    const tag = this.varint()
    this.#wireType = tag & 7
    const number = Math.floor(tag / 8)
    if (number <= 0 || number > 0x1fffffff) throw new ProtobufProblem(`illegal tag ${number}`)
    return number
  }

  /** A number; 64-bit ones as the nearest double. */
  varint(): number {
    const first = this.#byte()
    if (first < 0x80) return first
    let low = first & 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.#byte()
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) return low
    }
    let high = 0n
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte()
      high |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number(BigInt.asIntN(64, high | BigInt(low)))
    }
    throw new ProtobufProblem('integer overflow')
  }

  double(): number {
    this.#need(8)
    this.#at += 8
    return this.#bytes.readDoubleLE(this.#at - 8)
  }

  bytes(): Buffer {
    if (this.#wireType !== lengthType) throw new ProtobufProblem(`wrong wireType = ${this.#wireType}`)
    const size = this.varint()
    this.#need(size)
    this.#at += size
    return this.#bytes.subarray(this.#at - size, this.#at)
  }

  text(): string {
    return this.bytes().toString('utf8')
  }

  skip(): void {
    if (this.#wireType === varintType) this.varint()
    else if (this.#wireType === fixed64Type) this.#skipBytes(8)
    else if (this.#wireType === fixed32Type) this.#skipBytes(4)
    else this.bytes()
  }

  #skipBytes(size: number): void {
    this.#need(size)
    this.#at += size
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new ProtobufProblem('unexpected EOF')
    return byte
  }

  #need(size: number): void {
    if (size < 0 || this.#at + size > this.#bytes.length) throw new ProtobufProblem('unexpected EOF')
  }
}
