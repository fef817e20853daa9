/**
 * SPDY/3.1 frames, as far as a client of the runtime's streaming server needs them. Pure.
 *
 *   data     0 streamId(31) | flags(8) length(24) | bytes
 *   control  1 version(15)=3 type(16) | flags(8) length(24) | payload
 *
 * Header blocks are zlib streams. The protocol's preset dictionary is a matter of the sender's taste, so ours has none; what
 * the runtime says in its headers is of no interest here.
 */

export const controlTypes = {
  synStream: 1,
  synReply: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const
const version = 3
const controlBit = 0x80_00
const finFlag = 1

export type Frame =
  | { readonly type: 'data'; readonly streamId: number; readonly fin: boolean; readonly bytes: Buffer }
  | { readonly type: 'control'; readonly control: number; readonly flags: number; readonly payload: Buffer }

const headBytes = 8
/** Longest payload that a frame's 24-bit length can carry. */
export const maxFrameBytes = 0xff_ff_ff

/** Takes the whole frames off the front of `buffer`; `rest` is the beginning of the next. */
export function takeFrames(buffer: Buffer): { readonly frames: readonly Frame[]; readonly rest: Buffer } {
  const frames: Frame[] = []
  let at = 0
  while (buffer.length - at >= headBytes) {
    const length = buffer.readUIntBE(at + 5, 3)
    if (buffer.length - at < headBytes + length) break
    const flags = buffer[at + 4] ?? 0
    const payload = buffer.subarray(at + headBytes, at + headBytes + length)
    if (((buffer[at] ?? 0) & 0x80) === 0) {
      const streamId = buffer.readUInt32BE(at)
      frames.push({ type: 'data', streamId, fin: (flags & finFlag) !== 0, bytes: payload })
    } else frames.push({ type: 'control', control: buffer.readUInt16BE(at + 2), flags, payload })
    at += headBytes + length
  }
  return { frames, rest: buffer.subarray(at) }
}

/** A data frame; `bytes` must not be longer than `maxFrameBytes`. */
export function dataFrame(streamId: number, bytes: Uint8Array, fin: boolean): Buffer {
  const head = Buffer.alloc(headBytes)
  head.writeUInt32BE(streamId)
  head[4] = fin ? finFlag : 0
  head.writeUIntBE(bytes.length, 5, 3)
  return Buffer.concat([head, bytes])
}

/** A control frame. */
export function controlFrame(type: number, payload: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(headBytes)
  head.writeUInt16BE(controlBit | version)
  head.writeUInt16BE(type, 2)
  head[4] = flags
  head.writeUIntBE(payload.length, 5, 3)
  return Buffer.concat([head, payload])
}

/** Payload of SYN_STREAM; `headerBlock` is compressed already. */
export function synStreamPayload(streamId: number, headerBlock: Buffer): Buffer {
  const payload = Buffer.alloc(10)
  payload.writeUInt32BE(streamId)
  return Buffer.concat([payload, headerBlock])
}

/** Names and values before compression. Names are lower case on the wire. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(headers)
  const text = (value: string) => {
    const bytes = Buffer.from(value, 'utf8')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return Buffer.concat([length, bytes])
  }
  const count = Buffer.alloc(4)
  count.writeUInt32BE(entries.length)
  return Buffer.concat([count, ...entries.flatMap(([name, value]) => [text(name.toLowerCase()), text(value)])])
}
