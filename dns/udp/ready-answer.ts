/** Answers kept ready, and how one becomes the answer to a query: bytes to bytes. The threads of the UDP socket share it. Pure. */

import { endOfQuestion } from '../codec/name.ts'
import { types } from '../codec/record.ts'

/** Largest answer over UDP without EDNS (RFC 1035), and the largest that we send. */
export const plainLimit = 512
export const largestPayload = 4096

/** The end of the question, in a request of the usual kind: one question, and at most one record behind it. */
export function usualEnd(query: Buffer): number | undefined {
  if (query.length < 17 || ((query[2] ?? 0xff) & 0xfe) !== 0) return undefined
  if (query.readUInt16BE(4) !== 1 || query.readUInt32BE(6) !== 0 || query.readUInt16BE(10) > 1) return undefined
  const end = endOfQuestion(query)
  return end > query.length ? undefined : end
}

/** Root name, type, class, four bytes of flags, and no options. */
export const ednsBytes = 11

/** What stands behind the question: nothing (0), an EDNS record of version 0 without options (its payload size), or something else. */
export function plainEdnsSize(query: Buffer, end: number): number | undefined {
  const hasRecord = query.readUInt16BE(10) === 1
  if (!hasRecord) return query.length === end ? 0 : undefined
  if (query.length !== end + ednsBytes || query[end] !== 0 || query.readUInt16BE(end + 1) !== types.OPT)
    return undefined
  const isVersion0 = query[end + 5] === 0 && query[end + 6] === 0
  return isVersion0 && query.readUInt16BE(end + 9) === 0 ? Math.max(plainLimit, query.readUInt16BE(end + 3)) : undefined
}

/** Name in lower case, type and class: bytes, since they need no decoding. */
export function keyOf(query: Buffer, end: number): string {
  return (
    query.toString('latin1', 12, end - 4).toLowerCase() +
    String.fromCharCode(query.readUInt16BE(end - 4), query.readUInt16BE(end - 2))
  )
}

/** Makes a kept answer the answer to one query: its id, spelling, wish for recursion, and EDNS record. */
export function personalize(answer: Buffer, query: Buffer, end: number, size: number, extra: number): void {
  query.copy(answer, 0, 0, 2)
  query.copy(answer, 12, 12, end)
  answer[2] = ((answer[2] ?? 0) & 0xfe) | ((query[2] ?? 0) & 1)
  answer[3] = ((answer[3] ?? 0) & 0xef) | ((query[3] ?? 0) & 0x10)
  if (extra === 0) return
  query.copy(answer, size, end, end + ednsBytes)
  answer.writeUInt16BE(announced(query.readUInt16BE(end + 3)), size + 3)
  // Of the flags only "DNSSEC answers wanted" is repeated.
  answer.writeUInt32BE(query.readUInt32BE(end + 5) & 0x8000, size + 5)
  answer.writeUInt16BE(answer.readUInt16BE(10) + 1, 10)
}

/** The size that an answer announces: the client's own, as CoreDNS repeats it. */
export function announced(payloadSize: number): number {
  return Math.max(plainLimit, Math.min(payloadSize, largestPayload))
}
