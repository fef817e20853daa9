/**
 * Frames of HTTP/2.
 *
 *   length (3 bytes)  type (1)  flags (1)  stream (4, highest bit reserved)  payload
 *
 * Source: RFC 9113 §4 and §6.
 */

export const frameTypes = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const frameFlags = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const

export const settingIds = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
} as const

/** Where every window starts, and how large it may get. */
export const initialWindowBytes = 65_535
export const largestWindowBytes = 2 ** 31 - 1
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const headBytes = 9
const nothing = Buffer.alloc(0)

export type Frame = {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** Only the nine bytes before the payload. */
export function frameHead(type: number, flags: number, stream: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(headBytes)
  head.writeUIntBE(length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return head
}

/** A whole frame. */
export function frame(type: number, flags: number, stream: number, payload: Buffer = nothing): Buffer {
  return Buffer.concat([frameHead(type, flags, stream, payload.length), payload])
}

/** SETTINGS with these values. */
export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6)
  for (const [at, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, at * 6)
    payload.writeUInt32BE(value, at * 6 + 2)
  }
  return frame(frameTypes.settings, 0, 0, payload)
}

/** The values of a SETTINGS payload; later ones win. */
export function readSettings(payload: Buffer): ReadonlyMap<number, number> {
  const settings = new Map<number, number>()
  for (let at = 0; at + 6 <= payload.length; at += 6)
    settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
  return settings
}

/** WINDOW_UPDATE; stream 0 is the connection. */
export function windowUpdateFrame(stream: number, increment: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(increment)
  return frame(frameTypes.windowUpdate, 0, stream, payload)
}

/** Cuts what arrives into frames; payloads are views of the bytes that came in. */
export function createFrameReader(onFrame: (frame: Frame) => void): (bytes: Buffer) => void {
  let parts: Buffer[] = []
  let held = 0
  let wanted = headBytes
  return (bytes) => {
    parts.push(bytes)
    held += bytes.length
    // A large frame arrives in many pieces, which are joined once.
    if (held < wanted) return
    const all = parts.length === 1 ? bytes : Buffer.concat(parts, held)
    let at = 0
    wanted = headBytes
    while (all.length - at >= headBytes) {
      const end = at + headBytes + all.readUIntBE(at, 3)
      if (end > all.length) {
        wanted = end - at
        break
      }
      const start = at
      at = end
      onFrame({
        type: all.readUInt8(start + 3),
        flags: all.readUInt8(start + 4),
        stream: all.readUInt32BE(start + 5) & largestWindowBytes,
        payload: all.subarray(start + headBytes, end),
      })
    }
    parts = at < all.length ? [all.subarray(at)] : []
    held = all.length - at
  }
}

/** The payload of DATA or HEADERS without padding and priority; `undefined` when it is malformed. */
export function unpadded({ flags, payload, type }: Frame): Buffer | undefined {
  const isPadded = (flags & frameFlags.padded) !== 0
  const hasPriority = type === frameTypes.headers && (flags & frameFlags.priority) !== 0
  if (!isPadded && !hasPriority) return payload
  const start = (isPadded ? 1 : 0) + (hasPriority ? 5 : 0)
  const end = payload.length - (isPadded ? (payload[0] ?? 0) : 0)
  return start > end ? undefined : payload.subarray(start, end)
}
