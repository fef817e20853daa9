/**
 * Answers for addresses on interfaces: ARP for IPv4, neighbour discovery for IPv6. The kernel cannot do it for us: an address on a
 * device would be the node's own for every port, and the kernel's proxy entries do not answer on the interface that the address is
 * routed to (`arp_process`: `rt->dst.dev != dev`).
 */
import { createSocket, type Socket } from 'node:dgram'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { LoadBalancerMetrics } from '../metrics.ts'
import { arpReply, gratuitousArp, parseArpRequest } from './arp.ts'
import { type Link, macBytes } from './interfaces.ts'
import { advertisement, parseSolicitation, solicitedNodeGroup, unsolicitedAdvertisement } from './ndp.ts'
import { arpRequests, type FrameKind, neighbourSolicitations, PacketSocket, whenReadable } from './packet-socket.ts'

/** What is to be answered for: addresses by interface. */
export type Wanted = ReadonlyMap<string, { readonly link: Link; readonly addresses: ReadonlySet<string> }>

/** Neighbours may miss one frame and hold on to the old entry for a second (`locktime`, arp(7)). */
const takeoverRepeats = 5
const takeoverPeriodMs = 1_100
/** Frames taken from a socket before the others get their turn. */
const maxFramesAtOnce = 64
/** The longest wait for a frame: a new wish waits as long as this. */
const waitMs = 250

type Port = {
  readonly link: Link
  readonly kind: FrameKind
  readonly socket: PacketSocket
}
type Takeover = { readonly left: number; readonly atMs: number }

/** Call `step` again and again, then `close`. */
export class Responder {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #metrics: LoadBalancerMetrics
  #ports = new Map<string, Port>()
  #wanted: Wanted = new Map()
  #takeovers = new Map<string, Takeover>()
  readonly #groups = new Set<string>()
  #groupSocket: Socket | undefined

  constructor(options: { readonly clock: Clock; readonly logger: Logger; readonly metrics: LoadBalancerMetrics }) {
    this.#clock = options.clock
    this.#logger = options.logger
    this.#metrics = options.metrics
  }

  /** From now on these are answered for; neighbours are told of those that are new. */
  want(wanted: Wanted): void {
    const before = keysOf(this.#wanted)
    const now = keysOf(wanted)
    this.#wanted = wanted
    for (const key of before) if (!now.has(key)) this.#takeovers.delete(key)
    for (const key of now)
      if (!before.has(key)) this.#takeovers.set(key, { left: takeoverRepeats, atMs: this.#clock.now() })
  }

  /** Tells neighbours of everything once more: while we were away others may have told them otherwise. */
  repeat(): void {
    for (const key of keysOf(this.#wanted)) {
      this.#takeovers.set(key, { left: takeoverRepeats, atMs: this.#clock.now() })
    }
  }

  /** Opens and closes what has changed, tells neighbours, waits a little for questions and answers them. */
  async step(signal: AbortSignal): Promise<void> {
    this.#reconcile()
    await this.#joinGroups()
    this.#tellNeighbours()
    const ports = [...this.#ports]
    if (ports.length === 0) return await this.#clock.sleep(waitMs, signal)
    const readable = await whenReadable(
      ports.map(([, { socket }]) => socket),
      waitMs,
    )
    for (const [key, port] of ports) if (readable.includes(port.socket)) this.#drain(key, port)
  }

  close(): void {
    for (const { socket } of this.#ports.values()) socket.close()
    this.#ports.clear()
    this.#groupSocket?.close()
    this.#groupSocket = undefined
  }

  #reconcile(): void {
    const needed = new Map<string, { readonly link: Link; readonly kind: FrameKind }>()
    for (const { link, addresses } of this.#wanted.values()) {
      for (const kind of kindsFor(addresses)) needed.set(`${link.name} ${link.mac} ${kind.etherType}`, { link, kind })
    }
    for (const [key, { socket }] of this.#ports) {
      if (needed.has(key)) continue
      socket.close()
      this.#ports.delete(key)
    }
    for (const [key, { link, kind }] of needed) if (!this.#ports.has(key)) this.#open(key, link, kind)
  }

  #open(key: string, link: Link, kind: FrameKind): void {
    try {
      this.#ports.set(key, { link, kind, socket: new PacketSocket(link.name, kind) })
      this.#logger.info('Answering on interface', { interface: link.name, for: kind === arpRequests ? 'ARP' : 'NDP' })
      // Who asked while nobody listened may have given up.
      for (const address of this.#wanted.get(link.name)?.addresses ?? []) {
        this.#takeovers.set(keyOf(link.name, address), { left: takeoverRepeats, atMs: this.#clock.now() })
      }
    } catch (error) {
      this.#logger.error('Interface not opened', { interface: link.name, error })
    }
  }

  #drain(key: string, port: Port): void {
    try {
      for (let count = 0; count < maxFramesAtOnce; count++) {
        const frame = port.socket.receive()
        if (frame === undefined) return
        const answer = this.#answerTo(frame, port)
        if (answer !== undefined) port.socket.send(answer)
      }
    } catch (error) {
      // The interface went down or away: opened anew at the next step, when it is there.
      this.#logger.info('Interface lost', { interface: port.link.name, error })
      port.socket.close()
      this.#ports.delete(key)
    }
  }

  #answerTo(frame: Buffer, { link, kind }: Port): Buffer | undefined {
    const addresses = this.#wanted.get(link.name)?.addresses
    const question = kind === arpRequests ? parseArpRequest(frame) : parseSolicitation(frame)
    if (question === undefined || addresses?.has(question.targetIp) !== true) return undefined
    this.#metrics.answered(question.targetIp)
    const mac = macBytes(link.mac)
    return 'senderMac' in question
      ? arpReply(question, mac)
      : advertisement(question, mac, link.linkLocal ?? question.targetIp)
  }

  #tellNeighbours(): void {
    const nowMs = this.#clock.now()
    for (const { link, addresses } of this.#wanted.values()) {
      for (const address of addresses) {
        const key = keyOf(link.name, address)
        const takeover = this.#takeovers.get(key)
        if (takeover === undefined || takeover.atMs > nowMs) continue
        this.#announce(address, link)
        if (takeover.left <= 1) this.#takeovers.delete(key)
        else this.#takeovers.set(key, { left: takeover.left - 1, atMs: nowMs + takeoverPeriodMs })
      }
    }
  }

  #announce(address: string, link: Link): void {
    const kind = kindOf(address)
    const port = this.#ports.get(`${link.name} ${link.mac} ${kind.etherType}`)
    if (port === undefined) return
    const mac = macBytes(link.mac)
    const frames =
      kind === arpRequests
        ? gratuitousArp(address, mac)
        : [unsolicitedAdvertisement(address, mac, link.linkLocal ?? address)]
    try {
      for (const frame of frames) port.socket.send(frame)
      this.#metrics.announced(address)
    } catch (error) {
      this.#logger.debug('Neighbours not told', { address, interface: link.name, error })
    }
  }

  /** Network cards and switches let only those groups through that somebody has joined (RFC 4541). */
  async #joinGroups(): Promise<void> {
    const wanted = new Set<string>()
    for (const { link, addresses } of this.#wanted.values()) {
      for (const address of addresses)
        if (address.includes(':')) wanted.add(`${solicitedNodeGroup(address)} ::%${link.name}`)
    }
    for (const key of this.#groups) if (!wanted.has(key)) await this.#group('leave', key)
    for (const key of wanted) if (!this.#groups.has(key)) await this.#group('join', key)
  }

  async #group(action: 'join' | 'leave', key: string): Promise<void> {
    const [group = '', link] = key.split(' ')
    try {
      this.#groupSocket ??= await openGroupSocket()
      if (action === 'join') this.#groupSocket.addMembership(group, link)
      else this.#groupSocket.dropMembership(group, link)
    } catch (error) {
      this.#logger.debug('Group not changed', { action, group: key, error })
    }
    if (action === 'join') this.#groups.add(key)
    else this.#groups.delete(key)
  }
}

/** It holds memberships and hears nothing: it is bound to the loopback. */
async function openGroupSocket(): Promise<Socket> {
  const socket = createSocket('udp6')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(0, '::1', () => {
      socket.off('error', reject)
      resolve()
    })
  })
  socket.on('error', () => {})
  return socket
}

function kindOf(address: string): FrameKind {
  return address.includes(':') ? neighbourSolicitations : arpRequests
}

function kindsFor(addresses: ReadonlySet<string>): ReadonlySet<FrameKind> {
  return new Set([...addresses].map(kindOf))
}

function keyOf(link: string, address: string): string {
  return `${link} ${address}`
}

function keysOf(wanted: Wanted): ReadonlySet<string> {
  return new Set(
    [...wanted.values()].flatMap(({ link, addresses }) => [...addresses].map((each) => keyOf(link.name, each))),
  )
}
