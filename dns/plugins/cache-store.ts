/** Remembered replies with a limit: the oldest goes first. Pure but for what it holds. */
import type { ResourceRecord } from '../codec/record.ts'
import type { Reply } from './plugin.ts'

/** A remembered reply. */
export type Entry = {
  readonly reply: Reply
  readonly storedMs: number
  /** How long it holds. */
  readonly ttlSeconds: number
  /** Questions since it was stored, and the last of them. */
  asked: number
  askedMs: number
  /** Somebody is fetching it anew. */
  isRefreshing: boolean
  /** After a failure nobody tries again before. */
  retryMs: number
}

/** Replies by key. */
export class CacheStore {
  readonly #capacity: number
  readonly #entries = new Map<string, Entry>()
  readonly #onEvict: () => void

  constructor(capacity: number, onEvict: () => void) {
    this.#capacity = capacity
    this.#onEvict = onEvict
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  set(key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    if (this.#entries.size <= this.#capacity) return
    const [oldest] = this.#entries.keys()
    if (oldest === undefined) return
    this.#entries.delete(oldest)
    this.#onEvict()
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }
}

/** Seconds that an entry still holds; negative when it is stale. */
export function remainingSeconds({ storedMs, ttlSeconds }: Entry, nowMs: number): number {
  return ttlSeconds - Math.floor((nowMs - storedMs) / 1000)
}

/** A reply whose records may all be remembered for `seconds`. */
export function withTtl(reply: Reply, seconds: number): Reply {
  const set = (records: readonly ResourceRecord[]): readonly ResourceRecord[] =>
    records.map((item) => ({ ...item, ttlSeconds: seconds }))
  return {
    ...reply,
    answers: set(reply.answers),
    authorities: set(reply.authorities),
    additionals: set(reply.additionals),
  }
}

/** What kind of reply it is, for the two caches; `undefined` for those that are not remembered. */
export function kindOf({
  rcode,
  answers,
  authorities,
  isTruncated,
}: Reply): 'success' | 'denial' | 'failure' | undefined {
  if (isTruncated) return undefined
  const hasSoa = authorities.some(({ data }) => data.type === 'SOA')
  if (rcode === 0) {
    if (answers.length > 0) return 'success'
    if (hasSoa) return 'denial'
    return authorities.some(({ data }) => data.type === 'NS') ? 'success' : undefined
  }
  // A name error with an alias in front of it has an answer, which CoreDNS does not keep.
  if (rcode === 3) return answers.length === 0 && hasSoa ? 'denial' : undefined
  return rcode === 2 || rcode === 4 ? 'failure' : undefined
}

/** The shortest time that the records of a reply hold; a denial also as its SOA says (RFC 2308, 5). */
export function lowestTtl({ answers, authorities, additionals }: Reply): number | undefined {
  const ttls = [...answers, ...authorities, ...additionals].flatMap(({ ttlSeconds, data }) => {
    return data.type === 'SOA' && answers.length === 0 ? [ttlSeconds, data.minimumSeconds] : [ttlSeconds]
  })
  return ttls.length === 0 ? undefined : Math.min(...ttls)
}
