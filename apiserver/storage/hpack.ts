/**
 * Header blocks of HTTP/2 without a dynamic table: we send literals only, and tell the other side that its table has no room
 * (SETTINGS_HEADER_TABLE_SIZE 0), so that every block can be read by itself.
 *
 *   1xxxxxxx indexed   01xxxxxx, 0000xxxx, 0001xxxx literals (name by index, or 0 and a string)   001xxxxx table size
 *   string = Huffman (1 bit)  length (7-bit prefix)  bytes
 *
 * Source: RFC 7541 §5, §6, appendices A and B.
 */

/** A header block that cannot be read; the connection is lost with it. */
export class HeaderBlockError extends Error {
  override readonly name = 'HeaderBlockError'
}

/** Encodes headers as literals that nobody remembers. */
export function encodeHeaders(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    headers.flatMap(([name, value]) => [Buffer.of(0), ...encodeString(name), ...encodeString(value)]),
  )
}

function encodeString(value: string): readonly Buffer[] {
  const bytes = Buffer.from(value)
  return [Buffer.from(encodeInteger(bytes.length, 7)), bytes]
}

function encodeInteger(value: number, prefixBits: number): readonly number[] {
  const limit = 2 ** prefixBits - 1
  if (value < limit) return [value]
  const bytes = [limit]
  let left = value - limit
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128)
  return [...bytes, left]
}

/** `:status` by its index in the static table. */
const statusByIndex = new Map([200, 204, 206, 304, 400, 404, 500].map((status, at) => [at + 8, String(status)]))

/** Reads the status and all headers whose names are written out; those named by the static table have no part in gRPC. */
export function decodeHeaders(block: Buffer): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  const reader = new BlockReader(block)
  while (!reader.done) {
    const first = reader.peek()
    if (first >= 0x80) {
      const status = statusByIndex.get(reader.integer(7))
      if (status !== undefined) headers.set(':status', status)
    } else if (first >= 0x20 && first < 0x40) {
      if (reader.integer(5) > 0) throw new HeaderBlockError('a dynamic table was asked for')
    } else {
      const index = reader.integer(first >= 0x40 ? 6 : 4)
      const name = index === 0 ? reader.string() : statusByIndex.has(index) ? ':status' : ''
      const value = reader.string()
      if (name !== '') headers.set(name, value)
    }
  }
  return headers
}

class BlockReader {
  readonly #block: Buffer
  #at = 0

  constructor(block: Buffer) {
    this.#block = block
  }

  get done(): boolean {
    return this.#at >= this.#block.length
  }

  peek(): number {
    return this.#block[this.#at] ?? 0
  }

  #next(): number {
    const byte = this.#block[this.#at++]
    if (byte === undefined) throw new HeaderBlockError('a header block ends too early')
    return byte
  }

  integer(prefixBits: number): number {
    const limit = 2 ** prefixBits - 1
    let value = this.#next() & limit
    if (value < limit) return value
    for (let scale = 1; scale <= 128 ** 3; scale *= 128) {
      const byte = this.#next()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw new HeaderBlockError('an integer is too large')
  }

  string(): string {
    const isHuffman = this.peek() >= 0x80
    const length = this.integer(7)
    const end = this.#at + length
    if (end > this.#block.length) throw new HeaderBlockError('a header block ends too early')
    const bytes = this.#block.subarray(this.#at, end)
    this.#at = end
    return isHuffman ? decodeHuffman(bytes) : bytes.toString('latin1')
  }
}

/** Lengths in bits of the codes of bytes 0 to 255; the code is canonical, so that they say it all. */
const codeLengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26,
]

type HuffmanNode = { readonly children: [HuffmanNode | undefined, HuffmanNode | undefined]; byte: number }

const huffmanRoot = buildHuffmanTree()

/** Canonical: codes count up within a length, in the order of the bytes, and are shifted when the length grows. */
function buildHuffmanTree(): HuffmanNode {
  const root: HuffmanNode = { children: [undefined, undefined], byte: -1 }
  const byLength = codeLengths
    .map((length, byte) => ({ length, byte }))
    .sort((a, b) => a.length - b.length || a.byte - b.byte)
  let code = 0
  let bits = 0
  for (const { length, byte } of byLength) {
    code *= 2 ** (length - bits)
    bits = length
    addCode(root, code, length, byte)
    code += 1
  }
  return root
}

function addCode(root: HuffmanNode, code: number, length: number, byte: number): void {
  let node = root
  for (let shift = length - 1; shift >= 0; shift--) {
    const bit = (code >>> shift) & 1
    node.children[bit] ??= { children: [undefined, undefined], byte: -1 }
    node = node.children[bit] ?? node
  }
  node.byte = byte
}

function decodeHuffman(bytes: Buffer): string {
  const decoded: number[] = []
  let node = huffmanRoot
  for (const byte of bytes) {
    for (let shift = 7; shift >= 0; shift--) {
      const next = node.children[(byte >>> shift) & 1]
      if (next === undefined) throw new HeaderBlockError('a string has an unknown code')
      node = next
      if (node.byte !== -1) {
        decoded.push(node.byte)
        node = huffmanRoot
      }
    }
  }
  // What is left are at most seven ones, the beginning of the end mark.
  return Buffer.from(decoded).toString('latin1')
}
