/**
 * Netlink messages as bytes (netlink(7), include/uapi/linux/netlink.h). Pure. Numbers are in the machine's own order, which is
 * little-endian wherever this runs, except where a family says otherwise.
 *
 *   message    length u32 │ type u16 │ flags u16 │ sequence u32 │ port u32 │ the family's own header │ attributes
 *   attribute  length u16 (header and value, not the padding) │ type u16 │ value │ zeros up to a multiple of 4
 */

const headerBytes = 16
const attributeHeaderBytes = 4
/** The two highest bits of an attribute's type say how to read it. */
const typeMask = 0x3fff

/** Flags of a message. */
export const flags = {
  request: 0x1,
  multi: 0x2,
  acknowledge: 0x4,
  /** The table changed while it was listed: what came may not fit together. */
  interrupted: 0x10,
  /** List all. */
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
} as const

/** Types that every family has. */
export const types = { error: 2, done: 3, first: 16 } as const

/** Bytes that are no netlink messages. */
export class NetlinkFormatError extends Error {
  override readonly name = 'NetlinkFormatError'
}

/** Nothing here can speak netlink. */
export class NetlinkUnavailableError extends Error {
  override readonly name = 'NetlinkUnavailableError'
}

/** The kernel refused what a message asked for. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError'
  /** Such as `ESRCH`. */
  readonly code: string

  constructor(code: string) {
    super(`refused by the kernel: ${code}`)
    this.code = code
  }
}

/** Whether the kernel refused for this reason. */
export function isRefusal(error: unknown, code: string): boolean {
  return error instanceof NetlinkError && error.code === code
}

/** What came. */
export type NetlinkMessage = {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  /** The family's own header and the attributes. */
  readonly payload: Buffer
}
/** Values by type. Where one came twice the last counts, as in the kernel. */
export type NetlinkAttributes = ReadonlyMap<number, Buffer>

/** Writes messages one after the other into a buffer of its own. */
export class NetlinkWriter {
  readonly #buffer: Buffer
  #at = 0
  #start = 0
  #count = 0

  /** Room for `capacity` bytes: writing more throws `RangeError`. */
  constructor(capacity: number) {
    this.#buffer = Buffer.alloc(capacity)
  }

  /** Bytes written. */
  get size(): number {
    return this.#at
  }

  /** Messages written; the last one has this as its sequence number. */
  get count(): number {
    return this.#count
  }

  /** Forgets everything. */
  clear(): void {
    this.#at = 0
    this.#count = 0
  }

  /** Writes a request; `body` adds the family's header and the attributes. */
  message(type: number, more: number, body: () => void): void {
    this.#start = this.#at
    this.#count += 1
    this.u32(0)
    this.u16(type)
    this.u16(flags.request | more)
    this.u32(this.#count)
    this.u32(0)
    body()
    this.#buffer.writeUInt32LE(this.#at - this.#start, this.#start)
  }

  /** All messages. The kernel answers errors in any case; of the last one it is to tell that it went well, too. */
  finish(): Buffer {
    const at = this.#start + 6
    this.#buffer.writeUInt16LE(this.#buffer.readUInt16LE(at) | flags.acknowledge, at)
    return this.#buffer.subarray(0, this.#at)
  }

  /** What was written, when it is to be part of other messages. */
  written(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  /** Bytes as they are: whole attributes, or a header. */
  bytes(value: Uint8Array): void {
    if (this.#at + value.length > this.#buffer.length) throw new RangeError('No room for bytes')
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }

  u8(value: number): void {
    this.#at = this.#buffer.writeUInt8(value, this.#at)
  }

  u16(value: number): void {
    this.#at = this.#buffer.writeUInt16LE(value, this.#at)
  }

  u32(value: number): void {
    this.#at = this.#buffer.writeUInt32LE(value, this.#at)
  }

  /** An attribute that holds attributes. */
  nest(type: number, body: () => void): void {
    const start = this.#at
    this.u16(0)
    this.u16(type)
    body()
    this.#buffer.writeUInt16LE(this.#at - start, start)
  }

  attributeU16(type: number, value: number): void {
    this.u16(attributeHeaderBytes + 2)
    this.u16(type)
    this.u16(value)
    this.u16(0)
  }

  /** In network order, as ports are. */
  attributePort(type: number, value: number): void {
    this.attributeU16(type, ((value & 0xff) << 8) | (value >> 8))
  }

  attributeU32(type: number, value: number): void {
    this.u16(attributeHeaderBytes + 4)
    this.u16(type)
    this.u32(value)
  }

  /** Text with a final zero. */
  attributeText(type: number, value: string): void {
    this.attribute(type, Buffer.from(`${value}\0`, 'latin1'))
  }

  /** The value, filled up with zeros to `size`. */
  attribute(type: number, value: Uint8Array, size = value.length): void {
    if (this.#at + attributeHeaderBytes + size + 3 > this.#buffer.length)
      throw new RangeError('No room for an attribute')
    this.u16(attributeHeaderBytes + size)
    this.u16(type)
    this.#buffer.fill(0, this.#at, this.#at + size)
    this.#buffer.set(value, this.#at)
    this.#at += size
    this.#pad()
  }

  #pad(): void {
    while (this.#at % 4 !== 0) this.u8(0)
  }
}

/** Reads a datagram. Throws `NetlinkFormatError`. */
export function decodeMessages(datagram: Buffer): readonly NetlinkMessage[] {
  const messages: NetlinkMessage[] = []
  for (let at = 0; at < datagram.length; ) {
    const length = at + headerBytes > datagram.length ? 0 : datagram.readUInt32LE(at)
    if (length < headerBytes || at + length > datagram.length) {
      throw new NetlinkFormatError(`a message of ${length} bytes in the last ${datagram.length - at} of a datagram`)
    }
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      payload: datagram.subarray(at + headerBytes, at + length),
    })
    at += aligned(length)
  }
  return messages
}

/** Reads attributes that follow one another. Throws `NetlinkFormatError`. */
export function decodeAttributes(bytes: Buffer): NetlinkAttributes {
  const attributes = new Map<number, Buffer>()
  for (let at = 0; at < bytes.length; ) {
    const length = at + attributeHeaderBytes > bytes.length ? 0 : bytes.readUInt16LE(at)
    if (length < attributeHeaderBytes || at + length > bytes.length) {
      throw new NetlinkFormatError(`an attribute of ${length} bytes in the last ${bytes.length - at} of a message`)
    }
    attributes.set(bytes.readUInt16LE(at + 2) & typeMask, bytes.subarray(at + attributeHeaderBytes, at + length))
    at += aligned(length)
  }
  return attributes
}

/** The number of the error that a message of type `error` or `done` tells; 0 when all went well. */
export function errorOf({ payload }: NetlinkMessage): number {
  return payload.length < 4 ? 0 : 0 - payload.readInt32LE(0)
}

/** The value of an attribute; throws `NetlinkFormatError` when it is not there or has less than `size` bytes. */
export function requireValue(attributes: NetlinkAttributes, type: number, size: number): Buffer {
  const value = attributes.get(type)
  if (value === undefined || value.length < size)
    throw new NetlinkFormatError(`attribute ${type} is not there or short`)
  return value
}

/** Text without its final zero. */
export function textOf(value: Buffer): string {
  const end = value.indexOf(0)
  return value.toString('latin1', 0, end < 0 ? value.length : end)
}

function aligned(length: number): number {
  return (length + 3) & ~3
}
