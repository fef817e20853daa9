/**
 * Protobuf's wire format, written from the end to the beginning: when the length of a nested message is needed, its bytes are
 * already there. Callers therefore write fields in reverse. Gogo-protobuf, which upstream uses, does the same.
 */

const firstSize = 1024

export class ReverseWriter {
  #buffer = Buffer.allocUnsafe(firstSize)
  #at = firstSize

  /** How many bytes there are so far. */
  get length(): number {
    return this.#buffer.length - this.#at
  }

  /** Everything written, in its own memory. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(this.#at))
  }

  /** A base-128 number; up to 2^53, negative ones as 64-bit two's complement. */
  varint(value: number): void {
    if (value >= 0 && value < 0x80) {
      this.#room(1)
      this.#buffer[--this.#at] = value
    } else if (value >= 0 && value <= 0x7fffffff) this.#small(value)
    else this.bigVarint(BigInt.asUintN(64, BigInt(value)))
  }

  bigVarint(value: bigint): void {
    const bytes: number[] = []
    let rest = value
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
    bytes.push(Number(rest))
    this.bytes(Uint8Array.from(bytes))
  }

  #small(value: number): void {
    let size = 1
    for (let rest = value >>> 7; rest !== 0; rest >>>= 7) size++
    this.#room(size)
    this.#at -= size
    let rest = value
    for (let i = 0; i < size; i++) {
      this.#buffer[this.#at + i] = i === size - 1 ? rest & 0x7f : (rest & 0x7f) | 0x80
      rest >>>= 7
    }
  }

  /** The number and wire type in front of a value: 0 varint, 1 eight bytes, 2 with length. */
  tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType)
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#at -= bytes.length
    this.#buffer.set(bytes, this.#at)
  }

  double(value: number): void {
    this.#room(8)
    this.#at -= 8
    this.#buffer.writeDoubleLE(value, this.#at)
  }

  /** A text without length or tag. */
  text(text: string): void {
    const size = Buffer.byteLength(text)
    this.#room(size)
    this.#at -= size
    this.#buffer.write(text, this.#at)
  }

  /** Closes what was written since `mark` (a former `length`) as the value of a field. */
  close(field: number, mark: number): void {
    this.varint(this.length - mark)
    this.tag(field, 2)
  }

  /** A text as the value of a field. */
  textField(field: number, text: string): void {
    const mark = this.length
    this.text(text)
    this.close(field, mark)
  }

  #room(size: number): void {
    if (this.#at >= size) return
    const used = this.length
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + size + firstSize))
    grown.set(this.#buffer.subarray(this.#at), grown.length - used)
    this.#at = grown.length - used
    this.#buffer = grown
  }
}
