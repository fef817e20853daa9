/** Raw sockets of the namespace that the thread is in: packets of SCTP, and ICMP messages about them, without the kernel's own SCTP. */
import { bindLibc, errnoName, lastErrno, SystemError } from '../../component-base/libc.ts'
import { decodeSocketAddress, encodeSocketAddress, socketAddressBytes } from '../../component-base/socket-address.ts'
import { encodePacket, type SctpPacket } from './sctp.ts'

const libc = {
  socket: bindLibc<[number, number, number]>('int socket(int domain, int type, int protocol)'),
  sendto: bindLibc<[number, Uint8Array, number, number, Uint8Array, number]>(
    'int64_t sendto(int fd, const void *data, size_t size, int flags, const void *to, uint32_t length)',
  ),
  recvfrom: bindLibc<[number, Uint8Array, number, number, Uint8Array, Uint8Array]>(
    'int64_t recvfrom(int fd, _Out_ void *data, size_t size, int flags, _Out_ void *from, _Inout_ void *length)',
  ),
}
const constants = { inet: 2, inet6: 10, raw: 3, closeOnExec: 0o2_000_000, nonBlocking: 0o4_000, icmp: 1, icmpv6: 58 }

/** A socket that sees every packet of the protocol that the namespace receives. */
export function openRaw(isV4: boolean, protocol: number): number {
  const type = constants.raw | constants.closeOnExec | constants.nonBlocking
  const fd = libc.socket(isV4 ? constants.inet : constants.inet6, type, protocol)
  if (fd < 0) throw new SystemError(`socket for protocol ${protocol}`)
  return fd
}

/** The same for ICMP or ICMPv6. */
export function openIcmp(isV4: boolean): number {
  return openRaw(isV4, isV4 ? constants.icmp : constants.icmpv6)
}

/**
 * Sends a packet; `undefined`, or the name of the error. What rules drop or refuse on the way out is an error here (EPERM), and an ICMP
 * message or silence follows.
 */
export function sendPacket(fd: number, ip: string, packet: SctpPacket): string | undefined {
  const bytes = encodePacket(packet)
  const address = encodeSocketAddress(ip, 0)
  const sent = libc.sendto(fd, bytes, bytes.length, 0, address, address.length)
  return sent < 0 ? errnoName(lastErrno()) : undefined
}

const buffer = Buffer.alloc(65_536)
const from = Buffer.alloc(socketAddressBytes)
const length = Buffer.alloc(4)

/** The next packet that has come: what IP carries, as a copy, and who sent it. */
export function receivePacket(fd: number): { readonly payload: Buffer; readonly from: string } | undefined {
  length.writeUInt32LE(socketAddressBytes)
  const size = libc.recvfrom(fd, buffer, buffer.length, 0, from, length)
  if (size < 0) {
    if (errnoName(lastErrno()) === 'EAGAIN') return undefined
    throw new SystemError('recvfrom')
  }
  // IPv4's raw sockets give the header too.
  const start = from.readUInt16LE(0) === constants.inet ? ((buffer[0] ?? 0) & 15) * 4 : 0
  return { payload: Buffer.from(buffer.subarray(start, size)), from: decodeSocketAddress(from).address }
}
