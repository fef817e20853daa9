/**
 * A sender of datagrams, one system call each, and a sink that counts them. Programs made for that (iperf3) spend more on their own
 * book-keeping than the paths they shall measure; these two do nothing else. Each runs as a process of its own inside a pod and
 * prints one line of JSON.
 */
import koffi from 'koffi'

/** What a sender prints. */
export type Sent = { readonly packets: number; readonly seconds: number }

const libc = koffi.load('libc.so.6')
const socket = libc.func('int socket(int domain, int type, int protocol)')
const connect = libc.func('int connect(int fd, const void *address, uint32_t size)')
const bind = libc.func('int bind(int fd, const void *address, uint32_t size)')
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t size)')
const send = libc.func('long send(int fd, const void *buffer, size_t size, int flags)')
const recvmmsg = libc.func('int recvmmsg(int fd, void *messages, uint32_t count, int flags, void *timeout)')

const port = 7_285
const solSocket = 1
const receiveBufferForce = 33
const sendBufferForce = 32
const receiveTimeout = 20
const waitForOne = 0x10000
/** Long enough that the sink is no bottleneck. */
const bufferBytes = 16 << 20

function addressOf(text: string): Buffer {
  const address = Buffer.alloc(16)
  address.writeUInt16LE(2, 0)
  address.writeUInt16BE(port, 2)
  address.set(text.split('.').map(Number), 4)
  return address
}

function option(fd: number, name: number, ...words: readonly number[]): void {
  const value = Buffer.alloc(4 * words.length)
  for (const [index, word] of words.entries()) value.writeInt32LE(word, 4 * index)
  setsockopt(fd, solSocket, name, value, value.length)
}

/** Sends datagrams with `bytes` of payload to `target` for `seconds`. */
export function sendFlood(target: string, bytes: number, seconds: number): Sent {
  const fd: number = socket(2, 2, 0)
  option(fd, sendBufferForce, bufferBytes)
  const address = addressOf(target)
  if (connect(fd, address, 16) !== 0) throw new Error(`connect ${target}`)
  const payload = Buffer.alloc(bytes, 0x55)
  const startMs = performance.now()
  const endMs = startMs + seconds * 1000
  let packets = 0
  while (performance.now() < endMs) {
    // A datagram that is refused, as one before the path is known may be, is not counted as offered.
    for (let i = 0; i < 64; i += 1) if (send(fd, payload, bytes, 0) === bytes) packets += 1
  }
  return { packets, seconds: (performance.now() - startMs) / 1000 }
}

const batch = 64
const roomBytes = 2_048
const headerBytes = 64

/** Counts datagrams at `own`: from the first until none has come for half a second, or none at all for ten. */
export function receiveFlood(own: string, announce: () => void): { readonly packets: number } {
  const fd: number = socket(2, 2, 0)
  option(fd, receiveBufferForce, bufferBytes)
  option(fd, receiveTimeout, 10, 0, 0, 0)
  if (bind(fd, addressOf(own), 16) !== 0) throw new Error(`bind ${own}`)
  const rooms = Buffer.alloc(batch * roomBytes)
  const vectors = Buffer.alloc(batch * 16)
  const messages = Buffer.alloc(batch * headerBytes)
  for (let i = 0; i < batch; i += 1) {
    vectors.writeBigUInt64LE(koffi.address(rooms) + BigInt(i * roomBytes), i * 16)
    vectors.writeBigUInt64LE(BigInt(roomBytes), i * 16 + 8)
    messages.writeBigUInt64LE(koffi.address(vectors) + BigInt(i * 16), i * headerBytes + 16)
    messages.writeBigUInt64LE(1n, i * headerBytes + 24)
  }
  announce()
  let packets = 0
  for (;;) {
    const received: number = recvmmsg(fd, messages, batch, waitForOne, null)
    if (received <= 0) break
    if (packets === 0) option(fd, receiveTimeout, 0, 0, 500_000, 0)
    packets += received
  }
  // Read at the end, so that the memory the kernel was shown is alive until here.
  return { packets: rooms.length > 0 && vectors.length > 0 ? packets : 0 }
}
