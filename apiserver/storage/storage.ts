/**
 * The seam to the durable store: an ordered map of keys with one revision counter for all of it, as etcd has it.
 * `memory.ts` and `etcd.ts` pass the same contract test (`storage.contract.ts`).
 */

/** One stored value. `value` is shared: never change it. */
export type StoredValue = {
  readonly key: string
  readonly value: Buffer
  readonly modRevision: number
  readonly unreadable?: Unreadable
}
/** Why a value could not be decrypted; `value` is then what is stored. Absent for all others. */
type Unreadable = string

export type StorageEvent =
  | {
      readonly type: 'put'
      readonly key: string
      readonly value: Buffer
      readonly revision: number
      readonly unreadable?: Unreadable
    }
  | { readonly type: 'delete'; readonly key: string; readonly revision: number }

/** All values under a prefix, sorted by key, as of `revision`. `more`: the limit cut it off. `remaining` counts the rest. */
export type StoredList = {
  readonly items: readonly StoredValue[]
  readonly revision: number
  readonly more: boolean
  readonly remaining: number
}

/** The write went through at `revision`, or the key was not in the expected state and `current` is what it was. */
export type WriteResult =
  | { readonly written: true; readonly revision: number }
  | { readonly written: false; readonly revision: number; readonly current: StoredValue | undefined }

export type ListOptions = {
  /** Exactly the state at this revision; absent: now. Throws `CompactedError` when it is no longer kept. */
  readonly revision?: number
  readonly limit?: number
  /** Only keys after this one. */
  readonly after?: string
}

export type PutOptions = {
  /** The key's revision must be this; 0: it must not exist. */
  readonly expectedRevision: number
  /** The store forgets the key after about this time. */
  readonly ttlSeconds?: number
}

export type Storage = {
  readonly get: (key: string, signal: AbortSignal) => Promise<StoredValue | undefined>
  readonly list: (prefix: string, options: ListOptions, signal: AbortSignal) => Promise<StoredList>
  readonly put: (key: string, value: Buffer, options: PutOptions, signal: AbortSignal) => Promise<WriteResult>
  readonly delete: (key: string, expectedRevision: number, signal: AbortSignal) => Promise<WriteResult>
  /** The revision of the last write anywhere in the store, as of a moment after the call. Cheap. */
  readonly currentRevision: (signal: AbortSignal) => Promise<number>
  /**
   * Events under `prefix` in order, from `fromRevision` on, in batches that never split a revision. Ends with
   * `CompactedError` or `UnavailableError`; until then it loses nothing.
   */
  readonly watch: (prefix: string, fromRevision: number, signal: AbortSignal) => AsyncIterable<readonly StorageEvent[]>
  /**
   * One turn of upstream's compaction protocol over `compact_rev_key`: of several API servers one wins the turn.
   * Returns the turn to offer next time and the revision now.
   */
  readonly takeCompactionTurn: (turn: number, revision: number, signal: AbortSignal) => Promise<CompactionTurn>
  /** Forgets states before `revision`. */
  readonly compact: (revision: number, signal: AbortSignal) => Promise<void>
  readonly close: () => void
  /** Whether writing the value again would store it in another form. Absent where values are stored as they are. */
  readonly isStale?: (key: string, signal: AbortSignal) => Promise<boolean>
}
export type CompactionTurn = {
  readonly won: boolean
  readonly nextTurn: number
  readonly revision: number
  /** What the last winner offered: states before it are, or are about to be, forgotten. */
  readonly compacted: number
}

/** The asked-for revision is older than what the store keeps. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError'
  readonly compactRevision: number

  constructor(compactRevision: number) {
    super(`revision has been compacted; the oldest kept is ${compactRevision}`)
    this.compactRevision = compactRevision
  }
}

/** The asked-for revision has not happened yet. */
export class FutureRevisionError extends Error {
  override readonly name = 'FutureRevisionError'
}

/** The store did not answer; whether a write went through is not known. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError'
}
