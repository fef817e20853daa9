/** The system calls that Node has no door to, by way of koffi. Used by one worker thread and by the code that sets it up. */
import { bindLibc as bind, SystemError } from '../../../component-base/libc.ts'

/** Numbers of Linux (asm-generic) that the calls below need. */
export const linux = {
  AF_UNIX: 1,
  AF_INET: 2,
  SOCK_DGRAM: 2,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  O_RDWR: 2,
  O_NONBLOCK: 0o4000,
  O_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_RCVBUF: 8,
  SO_SNDBUF: 7,
  SO_RCVBUFFORCE: 33,
  SO_SNDBUFFORCE: 32,
  SOL_UDP: 17,
  UDP_SEGMENT: 103,
  UDP_GRO: 104,
  IPPROTO_IP: 0,
  IP_MTU_DISCOVER: 10,
  IP_PMTUDISC_DONT: 0,
  EFD_NONBLOCK: 0o4000,
  EFD_CLOEXEC: 0o2000000,
  POLLIN: 1,
  MSG_DONTWAIT: 0x40,
  TUNSETIFF: 0x400454ca,
  TUNSETPERSIST: 0x400454cb,
  TUNSETOFFLOAD: 0x400454d0,
  TUNSETVNETHDRSZ: 0x400454d8,
  IFF_TUN: 0x0001,
  IFF_NO_PI: 0x1000,
  IFF_VNET_HDR: 0x4000,
  TUN_F_CSUM: 0x01,
  TUN_F_TSO4: 0x02,
  TUN_F_TSO6: 0x04,
  TUN_F_TSO_ECN: 0x08,
  TUN_F_USO4: 0x20,
  TUN_F_USO6: 0x40,
} as const

/** Error numbers that the callers tell apart. */
export const errno = {
  EINTR: 4,
  EIO: 5,
  EAGAIN: 11,
  EINVAL: 22,
  EMSGSIZE: 90,
  ENOBUFS: 105,
  ENETUNREACH: 101,
  EHOSTUNREACH: 113,
  ECONNREFUSED: 111,
} as const

/** libc, as far as it is needed. Memory is passed as Buffers; those must outlive the call, no longer. */
export const libc = {
  open: bind<[path: string, flags: number, mode: number]>('int open(const char *path, int flags, int mode)'),
  close: bind<[fd: number]>('int close(int fd)'),
  read: bind<[fd: number, buffer: Uint8Array, size: number]>('long read(int fd, void *buffer, size_t size)'),
  write: bind<[fd: number, buffer: Uint8Array, size: number]>('long write(int fd, const void *buffer, size_t size)'),
  ioctl: bind<[fd: number, request: number, argument: Uint8Array]>(
    'int ioctl(int fd, unsigned long request, void *argument)',
  ),
  ioctlNumber: bind<[fd: number, request: number, argument: number]>(
    'int ioctl(int fd, unsigned long request, intptr_t argument)',
  ),
  socket: bind<[domain: number, type: number, protocol: number]>('int socket(int domain, int type, int protocol)'),
  bind: bind<[fd: number, address: Uint8Array, size: number]>('int bind(int fd, const void *address, uint32_t size)'),
  getsockname: bind<[fd: number, address: Uint8Array, size: Uint8Array]>(
    'int getsockname(int fd, void *address, void *size)',
  ),
  setsockopt: bind<[fd: number, level: number, name: number, value: Uint8Array, size: number]>(
    'int setsockopt(int fd, int level, int name, const void *value, uint32_t size)',
  ),
  eventfd: bind<[initial: number, flags: number]>('int eventfd(unsigned int initial, int flags)'),
  sendto: bind<[fd: number, buffer: Uint8Array, size: number, flags: number, address: Uint8Array, addressSize: number]>(
    'long sendto(int fd, const void *buffer, size_t size, int flags, const void *address, uint32_t addressSize)',
  ),
  socketpair: bind<[domain: number, type: number, protocol: number, fds: Uint8Array]>(
    'int socketpair(int domain, int type, int protocol, void *fds)',
  ),
}

/** The calls of the packet loop, with addresses as numbers: nothing to convert. Only for memory that is never freed. */
export const fastCalls = {
  read: bind<[fd: number, address: number, size: number]>('long read(int fd, uintptr_t buffer, size_t size)'),
  write: bind<[fd: number, address: number, size: number]>('long write(int fd, uintptr_t buffer, size_t size)'),
  poll: bind<[address: number, count: number, timeoutMs: number]>(
    'int poll(uintptr_t fds, unsigned long count, int timeout)',
  ),
  writev: bind<[fd: number, address: number, count: number]>('long writev(int fd, uintptr_t vectors, int count)'),
  sendmsg: bind<[fd: number, address: number, flags: number]>('long sendmsg(int fd, uintptr_t message, int flags)'),
  recvmsg: bind<[fd: number, address: number, flags: number]>('long recvmsg(int fd, uintptr_t message, int flags)'),
}

/** Passes a good result on and throws for -1. */
export function must(call: string, result: number): number {
  if (result < 0) throw new SystemError(call)
  return result
}

/** A `struct sockaddr_in`. */
export function socketAddress(address: number, port: number): Uint8Array {
  const buffer = Buffer.alloc(16)
  buffer.writeUInt16LE(linux.AF_INET, 0)
  buffer.writeUInt16BE(port, 2)
  buffer.writeUInt32BE(address, 4)
  return buffer
}
