/** One question to one name server, over UDP or TCP. */
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Upstream } from './resolv-conf.ts'

/** Sends `query` and resolves with the answer that carries its id and question. Every query has a port of its own. */
export async function exchangeUdp({ address, port }: Upstream, query: Buffer, signal: AbortSignal): Promise<Buffer> {
  signal.throwIfAborted()
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', recvBufferSize: 65_536 })
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      socket.on('error', reject)
      socket.on('message', (answer) => {
        if (isAnswerTo(query, answer)) resolve(answer)
      })
      // A connected socket hears of refused ports, and nothing from other hosts.
      socket.connect(port, address, () => socket.send(query))
    })
  } finally {
    socket.close()
  }
}

/** As `exchangeUdp`, over a connection of its own. */
export async function exchangeTcp({ address, port }: Upstream, query: Buffer, signal: AbortSignal): Promise<Buffer> {
  signal.throwIfAborted()
  const socket = connect({ host: address, port, signal })
  try {
    const size = Buffer.alloc(2)
    size.writeUInt16BE(query.length)
    socket.write(Buffer.concat([size, query]))
    let received: Buffer = Buffer.alloc(0)
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk])
      const end = received.length < 2 ? Number.POSITIVE_INFINITY : 2 + received.readUInt16BE(0)
      if (received.length < end) continue
      const answer = received.subarray(2, end)
      if (isAnswerTo(query, answer)) return answer
      throw new Error('answer to another question')
    }
    throw new Error('connection ended without an answer')
  } finally {
    socket.destroy()
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

/** The first byte behind the only question of a query that we have made or checked: its name has no pointers. */
export function endOfQuestion(query: Buffer): number {
  let at = 12
  for (let size = query[at] ?? 0; size !== 0; size = query[at] ?? 0) at += size + 1
  return at + 5
}
