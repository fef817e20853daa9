/**
 * A tunnel to itself, of sockets of this process: for warming up and for tests, which need neither a device nor rights.
 *
 *   far end ══ "device" ─▶ Outgoing ─▶ UDP on the loopback, to itself ─▶ Incoming ─▶ "device" ══ far end
 */
import { addressOf } from '../../../component-base/libc.ts'
import { libc, linux, must, socketAddress } from './libc.ts'
import { PeerTable } from './lookup.ts'
import { createCounterMemory } from './shared.ts'
import { AnswerBudget, type Target, type Tunnel } from './tunnel.ts'

const loopback = 0x7f000001
const destination = { subnet: { address: 0x0a000000, prefix: 8 }, address: loopback }
/** A tunnel whose device and network are sockets of this process. */
export type Loop = {
  readonly tunnel: Tunnel
  readonly peers: PeerTable<Target>
  /** The far end of what stands in for the device. */
  readonly deviceFd: number
  readonly close: () => void
}

/** Opens a tunnel to itself with the abilities of `like`. */
export function openLoop(like: Pick<Tunnel, 'headroom' | 'mergesUdp' | 'sendsMany' | 'now'>): Loop {
  const { AF_UNIX, AF_INET, SOCK_DGRAM, SOCK_CLOEXEC, SOCK_NONBLOCK } = linux
  const pair = Buffer.alloc(8)
  must('socketpair', libc.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
  const [tunFd, deviceFd] = [pair.readInt32LE(0), pair.readInt32LE(4)]
  const socketFd = must('socket', libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
  const close = (): void => {
    for (const fd of [tunFd, deviceFd, socketFd]) libc.close(fd)
  }
  try {
    must('bind', libc.bind(socketFd, socketAddress(loopback, 0), 16))
    const one = Buffer.from([1, 0, 0, 0])
    if (like.sendsMany) libc.setsockopt(socketFd, linux.SOL_UDP, linux.UDP_GRO, one, 4)
    const own = Buffer.alloc(16)
    must('getsockname', libc.getsockname(socketFd, own, Buffer.from([16, 0, 0, 0])))
    const target = { socketAddress: own, place: Number(addressOf(own)), isPlain: false }
    const counters = new Float64Array(createCounterMemory())
    const tunnel = { ...like, tunFd, socketFd, tunAddress: loopback, counters, answers: new AnswerBudget() }
    return { tunnel, deviceFd, peers: new PeerTable([destination], () => target), close }
  } catch (error) {
    close()
    throw error
  }
}
