/** One question to one name server, over UDP or TCP. */
import { createSocket } from 'node:dgram'
import { connect, isIP, isIPv6, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
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

/** A connection that ends with `signal`; over TLS with the server's certificate checked. */
function open({ address, port, isTls, serverName, tls }: Target, signal: AbortSignal): Socket {
  if (!isTls) return connect({ host: address, port, signal })
  const name = serverName ?? address
  const socket = connectTls({
    host: address,
    port,
    ...tls,
    // RFC 6066: addresses are no server names; the certificate is then checked against the address itself.
    ...(isIP(name) === 0 ? { servername: name } : {}),
  })
  const abort = (): void => void socket.destroy(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  socket.once('close', () => signal.removeEventListener('abort', abort))
  return socket
}

/** As `exchangeUdp`, over a connection of its own. */
export async function exchangeTcp(target: Target, query: Buffer, signal: AbortSignal): Promise<Buffer> {
  signal.throwIfAborted()
  const socket = open(target, signal)
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
