/** One question to one name server over UDP, and which answers are answers to it. */
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { endOfQuestion } from '../codec/name.ts'
import type { Target } from './upstream.ts'

/** Sends `query` and resolves with the answer that carries its id and question. Every query has a port of its own. */
export async function exchangeUdp({ address, port }: Target, query: Buffer, signal: AbortSignal): Promise<Buffer> {
  signal.throwIfAborted()
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', recvBufferSize: 65_536 })
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('i/o timeout', { cause: signal.reason })), { once: true })
      socket.on('error', reject)
      socket.on('message', (answer) => {
        if (isAnswerTo(query, answer)) resolve(answer)
      })
      // A connected socket hears of refused ports, and nothing from other hosts. Without a callback the failure is an event.
      socket.once('connect', () => socket.send(query))
      socket.connect(port, address)
    })
  } finally {
    socket.close()
  }
}

/** Whether `answer` is a response with the id and the question of `query`. */
export function isAnswerTo(query: Buffer, answer: Buffer): boolean {
  if (
    answer.length < 12 ||
    answer.readUInt16BE(0) !== query.readUInt16BE(0) ||
    (answer.readUInt16BE(2) & 0x8000) === 0
  ) {
    return false
  }
  // A server that could not read the question may leave it out.
  if (answer.readUInt16BE(4) === 0) return true
  const end = endOfQuestion(query)
  const asked = query.toString('latin1', 12, end).toLowerCase()
  return answer.length >= end && answer.toString('latin1', 12, end).toLowerCase() === asked
}
