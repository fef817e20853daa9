/**
 * Serves and asks SCTP without the kernel's help: raw sockets see every such packet of their namespace, and `sctp.ts` knows what to answer.
 * What matters here, conntrack and the rules, is the kernel's all the same. Nothing waits: while a question is open, the sockets are
 * looked at every few milliseconds.
 */
import { randomInt } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { addressOf, bindLibc, SystemError } from '../../component-base/libc.ts'
import { encodeSocketAddress } from '../../component-base/socket-address.ts'
import { openIcmp, openRaw, receivePacket, sendPacket } from '../../kubets/trace/raw-socket.ts'
import { decodeError, decodePacket, hasChecksum, type SctpPacket, sctpProtocol } from '../../kubets/trace/sctp.ts'
import type { Outcome } from './prober.ts'
import { serverAnswer } from './sctp.ts'

type Pointer = bigint
const libc = {
  bind: bindLibc<[number, Uint8Array, number]>('int bind(int fd, const void *address, uint32_t length)'),
  poll: bindLibc<[Pointer, number, number]>('int poll(uintptr_t fds, uint64_t count, int timeout)'),
}
const pollIn = 1
const lookEveryMs = 3
/** As TCP: what was lost is sent again. */
const askAgainMs = 1_000

/** One socket, and what is done with what it receives: the payload of IP, and who sent it. */
type RawSocket = { readonly fd: number; readonly onPacket: (payload: Buffer, from: string) => void }
/** One address that is served: the name to answer with, by port. */
type Host = RawSocket & { readonly names: Map<number, string> }
/** What a namespace asks from, for one address family. */
type Asker = { readonly fd: number; readonly open: Map<number, Question> }
type Question = {
  readonly tag: number
  readonly port: number
  readonly send: (packet: Omit<SctpPacket, 'sourcePort' | 'destinationPort'>) => void
  readonly end: (outcome: Outcome) => void
  cookie: string
  serverTag: number
}

const sockets: RawSocket[] = []
const hosts = new Map<string, Host>()
const askers = new Map<string, Asker>()
let openQuestions = 0
let looking: ReturnType<typeof setInterval> | undefined
let nextPort = randomInt(32_768, 50_000)

/** Serves at an address of the namespace that the thread is in. */
export function servePackets(namespace: string, name: string, ip: string, port: number): void {
  const key = `${namespace} ${ip}`
  let host = hosts.get(key)
  if (host === undefined) {
    host = openHost(ip)
    hosts.set(key, host)
    sockets.push(host)
  }
  host.names.set(port, name)
}

function openHost(ip: string): Host {
  const fd = openRaw(isIPv4(ip), sctpProtocol)
  const address = encodeSocketAddress(ip, 0)
  if (libc.bind(fd, address, address.length) !== 0) throw new SystemError(`bind ${ip}`)
  const names = new Map<number, string>()
  const onPacket = (payload: Buffer, from: string): void => {
    const packet = decodeSound(payload)
    const answer = packet === undefined ? undefined : serverAnswer(packet, names.get(packet.destinationPort), from)
    if (answer !== undefined) sendPacket(fd, from, answer)
  }
  return { fd, names, onPacket }
}

/** Asks from the namespace that the thread is in. */
export function askPackets(
  namespace: string,
  { ip, port, sourcePort, timeoutMs }: { ip: string; port: number; sourcePort?: number; timeoutMs: number },
): Promise<Outcome> {
  const asker = askerOf(namespace, isIPv4(ip))
  const from = sourcePort ?? takePort()
  return new Promise((resolve) => {
    const send: Question['send'] = (packet) =>
      sendPacket(asker.fd, ip, { ...packet, sourcePort: from, destinationPort: port })
    const end = (outcome: Outcome): void => {
      clearTimeout(timer)
      clearInterval(again)
      asker.open.delete(from)
      openQuestions -= 1
      if (openQuestions === 0) clearInterval(looking)
      resolve(outcome)
    }
    const timer = setTimeout(() => end({ verdict: 'dropped' }), timeoutMs)
    const question: Question = { tag: randomInt(1, 2 ** 32), port, send, end, cookie: '', serverTag: 0 }
    const begin = (): void => send({ tag: 0, chunk: { type: 'INIT', tag: question.tag } })
    const again = setInterval(begin, askAgainMs)
    asker.open.set(from, question)
    openQuestions += 1
    if (openQuestions === 1) looking = setInterval(look, lookEveryMs)
    begin()
  })
}

/** None twice, so that no flow that the kernel remembers is met. */
function takePort(): number {
  nextPort = nextPort >= 60_999 ? 32_768 : nextPort + 1
  return nextPort
}

function askerOf(namespace: string, isV4: boolean): Asker {
  const key = `${namespace} ${isV4}`
  const known = askers.get(key)
  if (known !== undefined) return known
  const asker: Asker = { fd: openRaw(isV4, sctpProtocol), open: new Map() }
  askers.set(key, asker)
  sockets.push({ fd: asker.fd, onPacket: (payload) => take(asker, decodeSound(payload)) })
  sockets.push({
    fd: openIcmp(isV4),
    onPacket: (payload) => takeIcmp(asker, payload, isV4),
  })
  return asker
}

function take(asker: Asker, packet: SctpPacket | undefined): void {
  const question = packet === undefined ? undefined : asker.open.get(packet.destinationPort)
  if (packet === undefined || question === undefined) return
  if (packet.tag !== question.tag || packet.sourcePort !== question.port) return
  const { chunk } = packet
  if (chunk.type === 'ABORT') question.end({ verdict: 'refused' })
  if (chunk.type === 'INIT ACK') {
    question.cookie = chunk.cookie
    question.serverTag = chunk.tag
    question.send({ tag: chunk.tag, chunk: { type: 'COOKIE ECHO', cookie: chunk.cookie } })
  }
  if (chunk.type === 'COOKIE ACK') {
    question.send({ tag: question.serverTag, chunk: { type: 'ABORT' } })
    const [by = '', source = ''] = question.cookie.split(' ')
    question.end({ verdict: 'delivered', by, source })
  }
}

function takeIcmp(asker: Asker, message: Buffer, isV4: boolean): void {
  const error = decodeError(message, isV4)
  const question = error === undefined ? undefined : asker.open.get(error.sourcePort)
  if (error === undefined || question?.port !== error.destinationPort) return
  // Port unreachable: REJECT says so without regard to the protocol. Protocol unreachable: a kernel that knows no SCTP.
  const isRefused = isV4 ? error.code === 3 || error.code === 2 : error.code === 4
  question.end(isRefused ? { verdict: 'refused' } : { verdict: 'failed', error: `ICMP unreachable, ${error.code}` })
}

/** What was changed on the way without its checksum is not taken. */
function decodeSound(payload: Buffer): SctpPacket | undefined {
  return hasChecksum(payload) ? decodePacket(payload) : undefined
}

/** Takes all that has come. */
function look(): void {
  const list = Buffer.alloc(sockets.length * 8)
  for (const [index, { fd }] of sockets.entries()) {
    list.writeInt32LE(fd, index * 8)
    list.writeInt16LE(pollIn, index * 8 + 4)
  }
  if (libc.poll(addressOf(list), sockets.length, 0) <= 0) return
  for (const [index, socket] of [...sockets].entries()) {
    if (list.readInt16LE(index * 8 + 6) !== 0) drain(socket)
  }
}

function drain({ fd, onPacket }: RawSocket): void {
  for (let seen = receivePacket(fd); seen !== undefined; seen = receivePacket(fd)) onPacket(seen.payload, seen.from)
}
