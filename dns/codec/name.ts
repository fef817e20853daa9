/**
 * Domain names on the wire (RFC 1035, 3.1 and 4.1.4): labels with a length byte, ended by an
 * empty one, or by a pointer to an earlier place. In the program a name is a text with a dot
 * at its end; bytes that would be misread stand there as `\.` or `\DDD`.
 */

/** Bytes that are no DNS message. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
}

/** Longest name on the wire, with all length bytes. */
const maxNameBytes = 255
const maxLabelBytes = 63

/** A name, and the offset of the first byte behind it. */
export type DecodedName = { readonly name: string; readonly end: number }

/** Reads the name at `at`. Pointers must lead backwards, so a loop cannot be written. */
export function decodeName(bytes: Uint8Array, at: number): DecodedName {
  let text = ''
  let length = 1
  let end: number | undefined
  let limit = at
  let from = at
  for (;;) {
    const size = bytes[from]
    if (size === undefined) throw new FormatError('name runs past the end')
    if (size === 0) return { name: text === '' ? '.' : text, end: end ?? from + 1 }
    if (size >= 0xc0) {
      const low = bytes[from + 1]
      if (low === undefined) throw new FormatError('pointer runs past the end')
      const target = ((size & 0x3f) << 8) | low
      if (target >= limit) throw new FormatError('pointer does not lead backwards')
      end ??= from + 2
      limit = target
      from = target
      continue
    }
    if (size > maxLabelBytes) throw new FormatError('unknown kind of label')
    if (from + 1 + size > bytes.length) throw new FormatError('label runs past the end')
    length += size + 1
    if (length > maxNameBytes) throw new FormatError('name is too long')
    text += `${labelText(bytes, from + 1, size)}.`
    from += size + 1
  }
}

function labelText(bytes: Uint8Array, at: number, size: number): string {
  let text = ''
  for (let i = at; i < at + size; i += 1) {
    const byte = bytes[i] ?? 0
    if (byte === 46 || byte === 92) text += `\\${String.fromCharCode(byte)}`
    else if (byte > 32 && byte < 127) text += String.fromCharCode(byte)
    else text += `\\${String(byte).padStart(3, '0')}`
  }
  return text
}

/** The labels of a name as bytes. Throws for labels and names that are too long. */
export function labelsOf(name: string): readonly Uint8Array[] {
  if (name === '.' || name === '') return []
  const labels: number[][] = [[]]
  for (let i = 0; i < name.length; i += 1) {
    const letter = name.charAt(i)
    if (letter === '.') {
      if (i < name.length - 1) labels.push([])
    } else if (letter === '\\') {
      const code = /^\d{3}/.exec(name.slice(i + 1))?.[0]
      labels.at(-1)?.push(code === undefined ? name.charCodeAt(i + 1) : Number(code))
      i += code === undefined ? 1 : 3
    } else {
      labels.at(-1)?.push(name.charCodeAt(i))
    }
  }
  const total = labels.reduce((sum, label) => sum + label.length + 1, 1)
  if (labels.some((label) => label.length === 0 || label.length > maxLabelBytes) || total > maxNameBytes) {
    throw new FormatError(`not a domain name: ${name}`)
  }
  return labels.map((label) => Uint8Array.from(label))
}

/** A name on the wire, without pointers. */
export function wireName(name: string): Buffer {
  const labels = labelsOf(name)
  return Buffer.concat([...labels.flatMap((label) => [Uint8Array.of(label.length), label]), Uint8Array.of(0)])
}

/** Names compare without regard to case (RFC 4343). */
export function lowerName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** Whether `name` is `zone` or below it. Both in lower case. */
export function isWithin(name: string, zone: string): boolean {
  if (zone === '.' || name === zone) return true
  if (!name.endsWith(`.${zone}`)) return false
  // A dot within a label is no border.
  const before = /\\*$/.exec(name.slice(0, -zone.length - 1))?.[0] ?? ''
  return before.length % 2 === 0
}

/** The first byte behind the only question of a message; infinity where its name has pointers or runs past the end. */
export function endOfQuestion(query: Buffer): number {
  let at = 12
  for (let size = query[at] ?? 0xff; size !== 0; size = query[at] ?? 0xff) {
    if (size > 63) return Number.POSITIVE_INFINITY
    at += size + 1
  }
  return at + 5
}
