/**
 * A program of its own, to be run in the sender's network namespace: asks for an association of SCTP by a raw socket, because Node has no
 * other and many kernels have none, and prints `answered`, `refused` or `silent`. It goes no further than the first answer, for which a
 * server keeps no state.
 *
 *   node sctp-probe.worker.mjs IP PORT MILLISECONDS SOURCE-PORT
 */
import { randomInt } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { openIcmp, openRaw, receivePacket, sendPacket } from './raw-socket.ts'
import { decodeError, decodePacket, type SctpPacket, sctpProtocol } from './sctp.ts'

const [ip = '', port = '', patienceMs = '', sourcePort = ''] = process.argv.slice(2)
const lookEveryMs = 5
/** As TCP: what was lost is sent again. */
const askAgainMs = 1_000
const isV4 = isIPv4(ip)
const sockets = { sctp: openRaw(isV4, sctpProtocol), icmp: openIcmp(isV4) }
const init: SctpPacket = {
  ...{ sourcePort: Number(sourcePort), destinationPort: Number(port), tag: 0 },
  chunk: { type: 'INIT', tag: randomInt(1, 2 ** 32) },
}

function end(outcome: string): never {
  console.log(outcome)
  process.exit()
}

function ask(): void {
  const error = sendPacket(sockets.sctp, ip, init)
  if (error === 'ENETUNREACH' || error === 'EHOSTUNREACH') end('refused')
  if (error !== undefined && error !== 'EPERM' && error !== 'EACCES') end(error)
}

/** An answer bears our ports; its tag is the one that we have chosen. */
function isAnswer(packet: SctpPacket): boolean {
  const isOurs = packet.destinationPort === init.sourcePort && packet.sourcePort === init.destinationPort
  return isOurs && init.chunk.type === 'INIT' && packet.tag === init.chunk.tag
}

function look(): void {
  for (let seen = receivePacket(sockets.sctp); seen !== undefined; seen = receivePacket(sockets.sctp)) {
    const packet = decodePacket(seen.payload)
    if (packet === undefined || !isAnswer(packet)) continue
    if (packet.chunk.type === 'INIT ACK') end('answered')
    if (packet.chunk.type === 'ABORT') end('refused')
  }
  for (let seen = receivePacket(sockets.icmp); seen !== undefined; seen = receivePacket(sockets.icmp)) {
    const error = decodeError(seen.payload, isV4)
    if (error?.sourcePort === init.sourcePort && error.destinationPort === init.destinationPort) end('refused')
  }
}

setTimeout(() => end('silent'), Number(patienceMs))
setInterval(ask, askAgainMs)
setInterval(look, lookEveryMs)
ask()
