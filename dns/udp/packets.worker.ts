/**
 * A thread of a UDP socket: takes many datagrams with one call, answers those whose answer is kept ready, and leaves the rest to
 * the main thread, which answers them through the same socket.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { Batch } from './batch.ts'
import { libc, linux } from './libc.ts'
import { ednsBytes, keyOf, largestPayload, personalize, plainEdnsSize, plainLimit, usualEnd } from './ready-answer.ts'
import { cells as cell, maxWaiting, type PostedAnswer, type PostedQueries, type ThreadInput } from './shared.ts'

/** Datagrams taken with one call. */
const batchSize = 64
/** Longer queries than this have no use. */
const querySize = 4096
/** Answers kept in this thread. */
const maxKept = 20_000

type Kept = { readonly orders: readonly Buffer[]; readonly kind: number; next: number }

class PacketThread {
  readonly #input: ThreadInput
  readonly #cells: Int32Array
  readonly #counts: Float64Array
  readonly #received = new Batch(batchSize, querySize)
  readonly #answers = new Batch(batchSize, largestPayload + ednsBytes)
  readonly #kept = new Map<string, Kept>()
  #generation = -1
  #posted = -1

  constructor(input: ThreadInput) {
    this.#input = input
    this.#cells = new Int32Array(input.cells)
    this.#counts = new Float64Array(input.counts)
  }

  run(): void {
    const { fd } = this.#input
    while (Atomics.load(this.#cells, cell.stop) === 0) {
      this.#received.makeRoom()
      // The socket's own time limit lets the loop look at its cells now and then.
      const count = libc.recvmmsg(fd, this.#received.place, batchSize, linux.MSG_WAITFORONE, 0)
      if (count > 0) this.#answer(count)
    }
  }

  #answer(count: number): void {
    this.#learn()
    const others: { readonly query: Uint8Array; readonly name: Uint8Array }[] = []
    let ready = 0
    for (let i = 0; i < count; i += 1) {
      const query = this.#received.payload(i).subarray(0, this.#received.receivedSize(i))
      const name = this.#received.name(i)
      const nameSize = this.#received.nameSize(i)
      const size = this.#write(query, this.#answers.payload(ready), name)
      if (size > 0) {
        this.#answers.address(ready, size, name, nameSize)
        ready += 1
      } else others.push({ query: Uint8Array.from(query), name: Uint8Array.from(name.subarray(0, nameSize)) })
    }
    this.#send(ready)
    if (others.length > 0) this.#pass(others)
  }

  /** Forgets what has become wrong, and takes in what the main thread has made ready since. */
  #learn(): void {
    const generation = Atomics.load(this.#cells, cell.generation)
    if (generation !== this.#generation) {
      this.#generation = generation
      this.#kept.clear()
    }
    const posted = Atomics.load(this.#cells, cell.posted)
    if (posted === this.#posted) return
    this.#posted = posted
    for (;;) {
      const received = receiveMessageOnPort(this.#input.port)
      if (received === undefined) return
      const { key, orders, kind, generation: made } = received.message as PostedAnswer
      if (made !== generation) continue
      if (this.#kept.size >= maxKept) this.#kept.clear()
      this.#kept.set(key, { orders: orders.map((bytes) => Buffer.from(bytes)), kind, next: 0 })
    }
  }

  /** Writes the answer that is kept ready for a query; 0 where there is none. */
  #write(query: Buffer, answer: Buffer, name: Buffer): number {
    const end = usualEnd(query)
    if (end === undefined) return 0
    const payloadSize = plainEdnsSize(query, end)
    if (payloadSize === undefined) return 0
    const kept = this.#kept.get(keyOf(query, end))
    if (kept === undefined) return 0
    const { orders, kind } = kept
    kept.next = kept.next + 1 < orders.length ? kept.next + 1 : 0
    const bytes = orders[kept.next]
    const extra = payloadSize === 0 ? 0 : ednsBytes
    const limit = Math.max(plainLimit, Math.min(payloadSize, largestPayload))
    if (bytes === undefined || bytes.length + extra > limit) return 0
    bytes.copy(answer)
    personalize(answer, query, end, bytes.length, extra)
    const at = 2 * kind + (name[0] === linux.AF_INET ? 0 : 1)
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    return bytes.length + extra
  }

  /** A datagram that cannot be sent is lost, as on any network; the others still go. */
  #send(count: number): void {
    const { fd } = this.#input
    for (let sent = 0; sent < count; ) {
      const now = libc.sendmmsg(fd, this.#answers.place + sent * 64, count - sent, 0)
      sent += now > 0 ? now : 1
    }
  }

  #pass(others: PostedQueries): void {
    if (Atomics.load(this.#cells, cell.waiting) > maxWaiting) {
      Atomics.add(this.#cells, cell.dropped, others.length)
      return
    }
    Atomics.add(this.#cells, cell.waiting, others.length)
    parentPort?.postMessage(others)
  }
}

new PacketThread(workerData as ThreadInput).run()
