/**
 * Packet sockets (AF_PACKET, packet(7)) of one interface: whole Ethernet frames of one protocol in and out. Node has no door to
 * them, hence libc by way of koffi. One `poll` in libuv's thread pool waits for all sockets of the process.
 */
import { addressOf, bindLibc as bind, bindLibcAsync, lastErrno, SystemError } from '../../component-base/libc.ts'

const libc = {
  socket: bind<[domain: number, type: number, protocol: number]>('int socket(int domain, int type, int protocol)'),
  bind: bind<[fd: number, address: Uint8Array, size: number]>('int bind(int fd, const void *address, uint32_t size)'),
  setsockopt: bind<[fd: number, level: number, name: number, value: Uint8Array, size: number]>(
    'int setsockopt(int fd, int level, int name, const void *value, uint32_t size)',
  ),
  recv: bind<[fd: number, buffer: Uint8Array, size: number, flags: number]>(
    'long recv(int fd, void *buffer, size_t size, int flags)',
  ),
  send: bind<[fd: number, buffer: Uint8Array, size: number, flags: number]>(
    'long send(int fd, const void *buffer, size_t size, int flags)',
  ),
  close: bind<[fd: number]>('int close(int fd)'),
  interfaceIndex: bind<[name: string]>('unsigned int if_nametoindex(const char *name)'),
}
const poll = bindLibcAsync<[fds: Uint8Array, count: number, timeoutMs: number]>(
  'int poll(void *fds, unsigned long count, int timeoutMs)',
)

/** Numbers of Linux (asm-generic). */
const linux = {
  AF_PACKET: 17,
  SOCK_RAW: 3,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_ATTACH_FILTER: 26,
  POLLIN: 1,
  MSG_DONTWAIT: 0x40,
} as const
const errno = { EINTR: 4, EAGAIN: 11 } as const

/** One instruction of a classic BPF program: code, jump if true, jump if false, value. */
export type BpfInstruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number]

/** Frames of one kind: the EtherType, and what of them is worth waking up for. */
export type FrameKind = { readonly etherType: number; readonly filter: readonly BpfInstruction[] }

const [loadHalf, loadByte, jumpIfEqual, give] = [0x28, 0x30, 0x15, 0x06] as const
const wholeFrame = 0xffff

/** ARP requests. */
export const arpRequests: FrameKind = {
  etherType: 0x0806,
  filter: [
    [loadHalf, 0, 0, 20],
    [jumpIfEqual, 0, 1, 1],
    [give, 0, 0, wholeFrame],
    [give, 0, 0, 0],
  ],
}
/** Neighbour solicitations: ICMPv6 of type 135. */
export const neighbourSolicitations: FrameKind = {
  etherType: 0x86dd,
  filter: [
    [loadByte, 0, 0, 20],
    [jumpIfEqual, 0, 3, 58],
    [loadByte, 0, 0, 54],
    [jumpIfEqual, 0, 1, 135],
    [give, 0, 0, wholeFrame],
    [give, 0, 0, 0],
  ],
}

/** Neighbour messages are far shorter; what does not fit is none. */
const maxFrameBytes = 2_048

/** An open socket; `close` it. */
export class PacketSocket {
  readonly fd: number
  readonly #buffer = Buffer.alloc(maxFrameBytes)

  /** Throws `SystemError`: no such interface, or no right to (CAP_NET_RAW). */
  constructor(interfaceName: string, { etherType, filter }: FrameKind) {
    const index = libc.interfaceIndex(interfaceName)
    if (index === 0) throw new SystemError(`interface ${interfaceName}`)
    // Protocol 0 hears nothing, so that no frame gets in before the filter is set.
    this.fd = libc.socket(linux.AF_PACKET, linux.SOCK_RAW | linux.SOCK_NONBLOCK | linux.SOCK_CLOEXEC, 0)
    if (this.fd < 0) throw new SystemError('socket AF_PACKET')
    try {
      this.#attach(filter)
      this.#bind(index, etherType)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** The next frame that is there; `undefined` when none is. Throws `SystemError`, as when the interface went down. */
  receive(): Buffer | undefined {
    const size = libc.recv(this.fd, this.#buffer, maxFrameBytes, linux.MSG_DONTWAIT)
    if (size >= 0) return Buffer.from(this.#buffer.subarray(0, size))
    const number = lastErrno()
    if (number === errno.EAGAIN || number === errno.EINTR) return undefined
    throw new SystemError('recv', number)
  }

  /** Throws `SystemError`. */
  send(frame: Buffer): void {
    if (libc.send(this.fd, frame, frame.length, linux.MSG_DONTWAIT) < 0) throw new SystemError('send')
  }

  close(): void {
    libc.close(this.fd)
  }

  /** `struct sock_fprog`: a count and a pointer to instructions of 8 bytes. */
  #attach(filter: readonly BpfInstruction[]): void {
    const program = Buffer.alloc(filter.length * 8)
    filter.forEach(([code, ifTrue, ifFalse, value], at) => {
      program.writeUInt16LE(code, at * 8)
      program.set([ifTrue, ifFalse], at * 8 + 2)
      program.writeUInt32LE(value, at * 8 + 4)
    })
    const header = Buffer.alloc(16)
    header.writeUInt16LE(filter.length, 0)
    header.writeBigUInt64LE(addressOf(program), 8)
    if (libc.setsockopt(this.fd, linux.SOL_SOCKET, linux.SO_ATTACH_FILTER, header, header.length) < 0) {
      throw new SystemError('setsockopt SO_ATTACH_FILTER')
    }
  }

  /** `struct sockaddr_ll`. */
  #bind(index: number, etherType: number): void {
    const address = Buffer.alloc(20)
    address.writeUInt16LE(linux.AF_PACKET, 0)
    address.writeUInt16BE(etherType, 2)
    address.writeInt32LE(index, 4)
    if (libc.bind(this.fd, address, address.length) < 0) throw new SystemError('bind AF_PACKET')
  }
}

/** Waits until one of the sockets has something, or `timeoutMs` have passed; says which. Close none of them meanwhile. */
export async function whenReadable(
  sockets: readonly PacketSocket[],
  timeoutMs: number,
): Promise<readonly PacketSocket[]> {
  const entries = Buffer.alloc(sockets.length * 8)
  sockets.forEach(({ fd }, at) => {
    entries.writeInt32LE(fd, at * 8)
    entries.writeInt16LE(linux.POLLIN, at * 8 + 4)
  })
  // An interrupted wait says that nothing is there; the next one will tell.
  await poll(entries, sockets.length, timeoutMs)
  // Errors count, too: receiving tells which.
  return sockets.filter((_, at) => entries.readInt16LE(at * 8 + 6) !== 0)
}
