/**
 * Netlink sockets by way of koffi: Node has no door to them. The kernel does what a message says while it is being sent, and has the answers
 * ready when `send` returns: no call here waits, and none needs a thread.
 *
 * Importing this file fails where there is no koffi or no glibc.
 */
import { closeSync, openSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { bindLibc as bind, errnoName, lastErrno, SystemError } from '../libc.ts'
import { decodeMessages, errorOf, flags, NetlinkError, type NetlinkMessage, NetlinkWriter, types } from './message.ts'
import type { NetlinkOptions } from './open.ts'

const libc = {
  socket: bind<[domain: number, type: number, protocol: number]>('int socket(int domain, int type, int protocol)'),
  setsockopt: bind<[fd: number, level: number, name: number, value: Uint8Array, size: number]>(
    'int setsockopt(int fd, int level, int name, const void *value, uint32_t size)',
  ),
  send: bind<[fd: number, buffer: Uint8Array, size: number, flags: number]>(
    'long send(int fd, const void *buffer, size_t size, int flags)',
  ),
  recv: bind<[fd: number, buffer: Uint8Array, size: number, flags: number]>(
    'long recv(int fd, void *buffer, size_t size, int flags)',
  ),
  setns: bind<[fd: number, type: number]>('int setns(int fd, int type)'),
  close: bind<[fd: number]>('int close(int fd)'),
}

/** Numbers of Linux (asm-generic). */
const linux = {
  AF_NETLINK: 16,
  SOCK_RAW: 3,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_RCVBUF: 8,
  SO_RCVTIMEO: 20,
  SO_RCVBUFFORCE: 33,
  SOL_NETLINK: 270,
  NETLINK_CAP_ACK: 10,
  MSG_TRUNC: 0x20,
  CLONE_NEWNET: 0x4000_0000,
} as const
const protocols = { route: 0, generic: 16 } as const
/** What a socket speaks. */
export type NetlinkProtocol = keyof typeof protocols
const eintr = 4

/** The kernel's answers in lists are at most 32 KiB. */
const receiveBytes = 1 << 16
/** Less than the kernel takes at once (half of the default send buffer), and some milliseconds of its work. */
const batchBytes = 1 << 16
/** The longest message of any family here is far shorter. */
const maxMessageBytes = 1 << 12
/** Were every message of a batch refused, the answers (less than 1 KiB of kernel memory each) must find room. */
const maxBatch = 512
const receiveBufferBytes = 1 << 20
/** Answers are there at once; this keeps a kernel that gives none from stopping the process. */
const receiveLimitSeconds = 5
/** More than any list here: the addresses and endpoints of a very large cluster. */
const maxAnswers = 4_000_000
/** A list that changes all the time is taken as it is after so many attempts. */
const maxLists = 8

/** What the kernel would not do, and why: `EEXIST`. */
export type Refusal<Item> = { readonly item: Item; readonly code: string }

/** An open socket; `close` it. */
export class NetlinkSocket {
  readonly #fd: number
  readonly #buffer = Buffer.alloc(receiveBytes)

  /** In the network namespace of this process, or in the one that `namespace` names. Throws `SystemError`. */
  constructor(protocol: NetlinkProtocol, options: NetlinkOptions = {}) {
    this.#fd = inNamespace(options.namespace, () =>
      libc.socket(linux.AF_NETLINK, linux.SOCK_RAW | linux.SOCK_CLOEXEC, protocols[protocol]),
    )
    if (this.#fd < 0) throw new SystemError('socket AF_NETLINK')
    // Past the system's limit with the right to it; without, as much as there is: too little shows as an error.
    if (!this.#set(linux.SOL_SOCKET, linux.SO_RCVBUFFORCE, receiveBufferBytes)) {
      this.#set(linux.SOL_SOCKET, linux.SO_RCVBUF, receiveBufferBytes)
    }
    // Errors come without the message that they are about.
    this.#set(linux.SOL_NETLINK, linux.NETLINK_CAP_ACK, 1)
    const limit = Buffer.alloc(16)
    limit.writeBigInt64LE(BigInt(receiveLimitSeconds), 0)
    libc.setsockopt(this.#fd, linux.SOL_SOCKET, linux.SO_RCVTIMEO, limit, limit.length)
  }

  /** Asks one question, which `write` writes, and gives all answers. Throws `NetlinkError` when the kernel refuses. */
  ask(write: (writer: NetlinkWriter) => void): readonly NetlinkMessage[] {
    const writer = new NetlinkWriter(maxMessageBytes)
    write(writer)
    const question = writer.finish()
    for (let attempt = 1; ; attempt += 1) {
      this.#send(question)
      const { answers, isWhole } = this.#answers()
      if (isWhole || attempt === maxLists) return answers
    }
  }

  /**
   * Sends a message for each item, many at a time; `write` writes exactly one. One that is refused does not stop the others. Throws
   * `SystemError` when the socket fails, and then nobody knows how far the kernel came.
   */
  async sendAll<Item>(
    items: readonly Item[],
    write: (writer: NetlinkWriter, item: Item) => void,
    signal: AbortSignal,
  ): Promise<readonly Refusal<Item>[]> {
    const refusals: Refusal<Item>[] = []
    const writer = new NetlinkWriter(batchBytes)
    for (let at = 0; at < items.length; at += writer.count) {
      // Between two batches others have their turn.
      if (at > 0) await nextTurn()
      signal.throwIfAborted()
      writer.clear()
      for (const item of items.slice(at, at + maxBatch)) {
        write(writer, item)
        if (writer.size > batchBytes - maxMessageBytes) break
      }
      this.#send(writer.finish())
      for (const [sequence, errno] of this.#errors(writer.count)) {
        const item = items[at + sequence - 1]
        if (item !== undefined) refusals.push({ item, code: errnoName(errno) })
      }
    }
    return refusals
  }

  close(): void {
    libc.close(this.#fd)
  }

  #set(level: number, name: number, value: number): boolean {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(value)
    return libc.setsockopt(this.#fd, level, name, bytes, bytes.length) === 0
  }

  #send(bytes: Buffer): void {
    while (libc.send(this.#fd, bytes, bytes.length, 0) < 0) {
      const number = lastErrno()
      if (number !== eintr) throw new SystemError('send netlink', number)
    }
  }

  /** Until the end of a list, or until the acknowledgement of a single question. */
  #answers(): { readonly answers: readonly NetlinkMessage[]; readonly isWhole: boolean } {
    const answers: NetlinkMessage[] = []
    let isWhole = true
    while (answers.length <= maxAnswers) {
      for (const message of this.#receive()) {
        if ((message.flags & flags.interrupted) !== 0) isWhole = false
        if (message.type === types.error || message.type === types.done) {
          const errno = errorOf(message)
          if (errno !== 0) throw new NetlinkError(errnoName(errno))
          return { answers, isWhole }
        }
        // The buffer is used again.
        if (message.type >= types.first) answers.push({ ...message, payload: Buffer.from(message.payload) })
      }
    }
    throw new Error(`more than ${maxAnswers} answers from the kernel`)
  }

  /** What was refused, up to the message that asked for an acknowledgement. */
  #errors(last: number): ReadonlyMap<number, number> {
    const errors = new Map<number, number>()
    for (;;) {
      for (const message of this.#receive()) {
        if (message.type !== types.error) continue
        const errno = errorOf(message)
        if (errno !== 0) errors.set(message.sequence, errno)
        if (message.sequence === last) return errors
      }
    }
  }

  #receive(): readonly NetlinkMessage[] {
    for (;;) {
      const size = libc.recv(this.#fd, this.#buffer, this.#buffer.length, linux.MSG_TRUNC)
      if (size > this.#buffer.length) throw new Error(`an answer of ${size} bytes from the kernel`)
      if (size > 0) return decodeMessages(this.#buffer.subarray(0, size))
      const number = lastErrno()
      if (size === 0 || number !== eintr) throw new SystemError('recv netlink', number)
    }
  }
}

/** Runs `work` in another network namespace. Nothing else runs meanwhile in this thread, whose namespace it is. */
function inNamespace<T>(name: string | undefined, work: () => T): T {
  if (name === undefined) return work()
  const home = openSync('/proc/thread-self/ns/net', 'r')
  try {
    const other = openSync(`/run/netns/${name}`, 'r')
    try {
      enter(other, name)
    } finally {
      closeSync(other)
    }
    try {
      return work()
    } finally {
      enter(home, 'home')
    }
  } finally {
    closeSync(home)
  }
}

function enter(fd: number, name: string): void {
  if (libc.setns(fd, linux.CLONE_NEWNET) !== 0) throw new SystemError(`setns ${name}`)
}
