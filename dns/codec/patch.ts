/** Small changes of an encoded message without decoding it. */

import { headerSize } from './message.ts'
import { decodeName, FormatError } from './name.ts'
import { types } from './record.ts'

/** Where the times to live of a message stand, the lowest of them, and the end of the question. */
export type TtlMap = {
  readonly offsets: readonly number[]
  readonly lowestSeconds: number
  readonly questionEnd: number
}

/** Finds the times to live of all records but OPT. Throws `FormatError`. */
export function mapTtls(bytes: Buffer): TtlMap {
  let at = headerSize
  for (let i = bytes.readUInt16BE(4); i > 0; i -= 1) at = decodeName(bytes, at).end + 4
  const questionEnd = at
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10)
  const offsets: number[] = []
  let lowestSeconds = 0xffffffff
  for (let i = 0; i < records; i += 1) {
    const { end } = decodeName(bytes, at)
    if (end + 10 > bytes.length) throw new FormatError('record runs past the end')
    if (bytes.readUInt16BE(end) !== types.OPT) {
      offsets.push(end + 4)
      lowestSeconds = Math.min(lowestSeconds, bytes.readUInt32BE(end + 4))
    }
    at = end + 10 + bytes.readUInt16BE(end + 8)
  }
  if (at > bytes.length) throw new FormatError('data of a record runs past the end')
  return { offsets, lowestSeconds, questionEnd }
}

/** Sets all times to live to at most `maxSeconds`. */
export function capTtls(bytes: Buffer, { offsets }: TtlMap, maxSeconds: number): void {
  for (const offset of offsets) {
    if (bytes.readUInt32BE(offset) > maxSeconds) bytes.writeUInt32BE(maxSeconds, offset)
  }
}
