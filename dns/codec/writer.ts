/** Builds a message: numbers, bytes and compressed names behind one another. */
import { labelsOf, lowerName } from './name.ts'

/** Pointers reach no further than this. */
const maxPointer = 0x3fff

/** A message never grows beyond what TCP can carry. */
const maxMessage = 65_535

/** A growing message. */
export class Writer {
  #bytes = Buffer.allocUnsafe(512)
  #names = new Map<string, number>()
  length = 0

  #room(size: number): void {
    if (this.length + size <= this.#bytes.length) return
    if (this.length + size > maxMessage) throw new RangeError('message is too long')
    const larger = Buffer.allocUnsafe(Math.min(maxMessage, Math.max(this.#bytes.length * 2, this.length + size)))
    this.#bytes.copy(larger, 0, 0, this.length)
    this.#bytes = larger
  }

  u8(value: number): void {
    this.#room(1)
    this.length = this.#bytes.writeUInt8(value, this.length)
  }

  u16(value: number): void {
    this.#room(2)
    this.length = this.#bytes.writeUInt16BE(value, this.length)
  }

  u32(value: number): void {
    this.#room(4)
    this.length = this.#bytes.writeUInt32BE(value >>> 0, this.length)
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length)
    this.#bytes.set(value, this.length)
    this.length += value.length
  }

  /** Writes a name; `isCompressed` lets its tail be a pointer to the same tail earlier on. */
  name(name: string, isCompressed = true): void {
    // Without regard to case, so that an answer's owner takes the spelling of the question.
    let rest = lowerName(name)
    for (const label of labelsOf(name)) {
      const known = isCompressed ? this.#names.get(rest) : undefined
      if (known !== undefined) {
        this.u16(0xc000 | known)
        return
      }
      if (this.length <= maxPointer && !this.#names.has(rest)) this.#names.set(rest, this.length)
      this.u8(label.length)
      this.bytes(label)
      rest = rest.slice(endOfLabel(rest))
    }
    this.u8(0)
  }

  /** Leaves room for a length of 16 bits, lets `content` write, and fills the length in. */
  sized(content: () => void): void {
    const at = this.length
    this.u16(0)
    content()
    this.#bytes.writeUInt16BE(this.length - at - 2, at)
  }

  /** A copy of what is written. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.length))
  }
}

function endOfLabel(name: string): number {
  for (let i = 0; i < name.length; i += 1) {
    if (name[i] === '\\') i += 1
    else if (name[i] === '.') return i + 1
  }
  return name.length
}
