/** Tells systemd that the network works (`Type=notify`): one datagram to the socket that `$NOTIFY_SOCKET` names. */
import { endianness } from 'node:os'
import { libc, linux, must } from './backend/udp/libc.ts'

const AF_UNIX = 1
/** `sizeof(sun_path)`. */
const longestPath = 108

/** Sends `READY=1`; without a socket there is nobody to tell. */
export function notifyReady(path: string | undefined): void {
  if (path === undefined || path === '') return
  const fd = must('socket', libc.socket(AF_UNIX, linux.SOCK_DGRAM | linux.SOCK_CLOEXEC, 0))
  try {
    const message = Buffer.from('READY=1')
    const address = unixAddress(path)
    must(`notify ${path}`, libc.sendto(fd, message, message.length, linux.MSG_DONTWAIT, address, address.length))
  } finally {
    libc.close(fd)
  }
}

/** A `struct sockaddr_un`; a path that begins with `@` is an abstract one. */
export function unixAddress(path: string): Uint8Array {
  const name = Buffer.from(path.replace(/^@/, '\0'))
  if (name.length >= longestPath) throw new Error(`NOTIFY_SOCKET is too long: ${path}`)
  const address = Buffer.alloc(2 + name.length)
  if (endianness() === 'LE') address.writeUInt16LE(AF_UNIX, 0)
  else address.writeUInt16BE(AF_UNIX, 0)
  name.copy(address, 2)
  return address
}
