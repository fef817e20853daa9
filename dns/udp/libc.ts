/** The system calls for many datagrams at once, by way of koffi. Importing this file fails where there is no koffi or no glibc. */
import { bindLibc as bind, errnoName, lastErrno } from '../../component-base/libc.ts'

/** Numbers of Linux (asm-generic). */
export const linux = {
  AF_INET: 2,
  AF_INET6: 10,
  SOCK_DGRAM: 2,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_RCVTIMEO: 20,
  MSG_DONTWAIT: 0x40,
  MSG_WAITFORONE: 0x10000,
} as const

/** libc, as far as it is needed. Places in memory are numbers: their buffers must outlive the call. */
export const libc = {
  socket: bind<[domain: number, type: number, protocol: number]>('int socket(int domain, int type, int protocol)'),
  bind: bind<[fd: number, address: Uint8Array, size: number]>('int bind(int fd, const void *address, uint32_t size)'),
  getsockname: bind<[fd: number, address: Uint8Array, size: Uint8Array]>(
    'int getsockname(int fd, void *address, void *size)',
  ),
  setsockopt: bind<[fd: number, level: number, name: number, value: Uint8Array, size: number]>(
    'int setsockopt(int fd, int level, int name, const void *value, uint32_t size)',
  ),
  close: bind<[fd: number]>('int close(int fd)'),
  sendto: bind<[fd: number, buffer: Uint8Array, size: number, flags: number, address: Uint8Array, addressSize: number]>(
    'long sendto(int fd, const void *buffer, size_t size, int flags, const void *address, uint32_t addressSize)',
  ),
  recvmmsg: bind<[fd: number, messages: number, count: number, flags: number, timeout: number]>(
    'int recvmmsg(int fd, uintptr_t messages, unsigned int count, int flags, uintptr_t timeout)',
  ),
  sendmmsg: bind<[fd: number, messages: number, count: number, flags: number]>(
    'int sendmmsg(int fd, uintptr_t messages, unsigned int count, int flags)',
  ),
}

/** The name of the error of this thread's last call, `EADDRINUSE` for one. */
export function lastErrorName(): string {
  return errnoName(lastErrno())
}
