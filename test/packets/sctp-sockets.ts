/**
 * Serves and asks SCTP by the kernel's own sockets, where it has them. A socket of SCTP for one peer behaves as one of TCP does, so Node
 * takes it for that: `listen`, `connect`, `read` and `write` are the same calls.
 *
 * Both ends are at one address each, never at all that their namespace has. Who is at several tells the other side all of them, and that
 * one sends heartbeats there (RFC 9260, section 8.3). NAT does not know them: they come to a host that has no such association, and it
 * answers ABORT, which ends the real one. Kubernetes promises no more: "NAT for multihomed SCTP associations requires special logic".
 */
import { createServer, isIPv4, type Server, Socket } from 'node:net'
import { bindLibc, SystemError } from '../../component-base/libc.ts'
import { decodeSocketAddress, encodeSocketAddress, socketAddressBytes } from '../../component-base/socket-address.ts'

const libc = {
  socket: bindLibc<[number, number, number]>('int socket(int domain, int type, int protocol)'),
  close: bindLibc<[number]>('int close(int fd)'),
  bind: bindLibc<[number, Uint8Array, number]>('int bind(int fd, const void *address, uint32_t length)'),
  connect: bindLibc<[number, Uint8Array, number]>('int connect(int fd, const void *address, uint32_t length)'),
  getsockname: bindLibc<[number, Uint8Array, Uint8Array]>(
    'int getsockname(int fd, _Out_ void *address, _Inout_ void *length)',
  ),
  setsockopt: bindLibc<[number, number, number, Uint8Array, number]>(
    'int setsockopt(int fd, int level, int name, const void *value, uint32_t length)',
  ),
}
const constants = { inet: 2, inet6: 10, stream: 1, datagram: 2, closeOnExec: 0o2_000_000, nonBlocking: 0o4_000 }
const sctpProtocol = 132
/** Level and name of IP_RECVERR, IPV6_RECVERR and SCTP_RTOINFO. */
const [receiveErrors, receiveErrors6, retransmission] = [
  [0, 11],
  [41, 25],
  [132, 0],
] as const
/**
 * A server answers a repeated INIT with another tag. Conntrack remembers the last one, the client uses the first: whatever it says is
 * invalid then, and neither translated nor let through. So an INIT must not be repeated while its answer is on the way; an emulated machine
 * may need longer than Linux' three seconds (net.sctp.rto_initial).
 */
const defaultAskAgainMs = 30_000

/** Whether this kernel has sockets of SCTP; asking loads the module. */
export function hasSctpSockets(): boolean {
  const fd = libc.socket(constants.inet, constants.stream | constants.closeOnExec, sctpProtocol)
  if (fd >= 0) libc.close(fd)
  return fd >= 0
}

/** A server at one address of the namespace that the thread is in. */
export async function listenSctp(ip: string, port: number, onSocket: (socket: Socket) => void): Promise<Server> {
  const fd = openAt(ip, port)
  const server = createServer(onSocket)
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ fd }, resolve))
  return server
}

export type SctpSocketOptions = {
  readonly sourcePort?: number
  /** When INIT is repeated. An error that comes while `connect` holds the socket is only noted, and the next one counts. */
  readonly askAgainMs?: number
}

/** A socket of the namespace that the thread is in, to be connected to `ip` by its `connect`. */
export function sctpSocket(
  ip: string,
  { sourcePort = 0, askAgainMs = defaultAskAgainMs }: SctpSocketOptions = {},
): Socket {
  const fd = openAt(sourceFor(ip), sourcePort)
  // Without this option SCTP, other than TCP, goes on asking after an ICMP error.
  setOption(fd, isIPv4(ip) ? receiveErrors : receiveErrors6, Int32Array.of(1))
  // The association (none yet), the first waiting time, and the largest and smallest, which stay as they are.
  setOption(fd, retransmission, Int32Array.of(0, askAgainMs, 0, 0))
  // Reads nothing before it is connected; the option is Node's own, for the sockets of servers.
  return new Socket({ fd, manualStart: true } as { fd: number })
}

/** A socket of SCTP, bound to an address and port (0: any). */
function openAt(ip: string, port: number): number {
  const fd = open(ip, constants.stream, sctpProtocol)
  const address = encodeSocketAddress(ip, port)
  if (libc.bind(fd, address, address.length) === 0) return fd
  const error = new SystemError(`bind ${ip} port ${port}`)
  libc.close(fd)
  throw error
}

/** The address that the kernel would send from: that of a connected socket of UDP, which sends nothing for it. */
function sourceFor(ip: string): string {
  const fd = open(ip, constants.datagram, 0)
  try {
    const [there, here] = [encodeSocketAddress(ip, 1), Buffer.alloc(socketAddressBytes)]
    if (libc.connect(fd, there, there.length) !== 0) throw new SystemError(`connect ${ip}`)
    if (libc.getsockname(fd, here, Buffer.from(Int32Array.of(here.length).buffer)) !== 0)
      throw new SystemError('getsockname')
    return decodeSocketAddress(here).address
  } finally {
    libc.close(fd)
  }
}

function open(ip: string, type: number, protocol: number): number {
  const family = isIPv4(ip) ? constants.inet : constants.inet6
  const fd = libc.socket(family, type | constants.closeOnExec | constants.nonBlocking, protocol)
  if (fd < 0) throw new SystemError(`socket for protocol ${protocol}`)
  return fd
}

function setOption(fd: number, [level, name]: readonly [number, number], value: Int32Array): void {
  const bytes = new Uint8Array(value.buffer)
  if (libc.setsockopt(fd, level, name, bytes, bytes.length) !== 0) throw new SystemError(`setsockopt ${level} ${name}`)
}
