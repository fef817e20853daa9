/** What the main thread and the threads of a UDP socket say to each other. */
import type { MessagePort } from 'node:worker_threads'

/** Cells of the shared memory. */
export const cells = {
  /** Grows with every change after which answers kept ready are wrong. */
  generation: 0,
  /** 1 asks the threads to stop. */
  stop: 1,
  /** Grows with every answer put into a port. */
  posted: 2,
  /** Queries that the main thread has not answered yet. */
  waiting: 3,
  /** Queries thrown away because too many waited. */
  dropped: 4,
} as const

/** How many cells there are. */
export const cellCount = 5
/** Queries of one socket that may wait for the main thread. */
export const maxWaiting = 10_000
/** Kinds of answers that are counted apart; what comes later is counted with the last. */
export const maxKinds = 1_024

/** What a thread begins with. */
export type ThreadInput = {
  readonly fd: number
  readonly cells: SharedArrayBuffer
  /** For each kind of answer two counts: to IPv4, to IPv6. */
  readonly counts: SharedArrayBuffer
  readonly port: MessagePort
}

/** An answer that threads may give out. */
export type PostedAnswer = {
  readonly key: string
  readonly orders: readonly Uint8Array[]
  readonly kind: number
  readonly generation: number
}

/** Queries that only the main thread can answer. */
export type PostedQueries = readonly { readonly query: Uint8Array; readonly name: Uint8Array }[]
