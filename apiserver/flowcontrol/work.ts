/**
 * How much work a request is, in seats. A seat is the server's attention for as long as a request executes; large lists take
 * several at once, and a write keeps some after it, while its watchers are told. Pure. Source: KEP-1040, upstream's estimators.
 */
import { parseQuery } from '../http/query.ts'
import type { RequestInfo } from '../http/request-info.ts'

export type Work = {
  readonly initialSeats: number
  /** Seats held after the answer, for `additionalMs`. */
  readonly finalSeats: number
  readonly additionalMs: number
}

/** What the estimate depends on besides the request. */
export type WorkFacts = {
  /** The seats that one request of the priority level may take; 0: no limit of its own. */
  readonly maxSeats: number
  /** Objects of the kind, and their size together; absent for kinds that are served elsewhere. */
  readonly stored: StoredObjects | undefined
  readonly watchers: number
}
export type StoredObjects = { readonly count: number; readonly bytes: number }

/** The usual request: one seat, nothing afterwards. */
export const oneSeat: Work = { initialSeats: 1, finalSeats: 0, additionalMs: 0 }

const maxListSeats = 100
const maxMutatingSeats = 10
const bytesPerSeat = 100_000
/** Lists from the cache are streamed: they never hold more than this at once. */
const maxStreamedBytes = 1_000_000
const watchersPerSeat = 10
const eventMs = 5

const mutatingVerbs = new Set(['create', 'update', 'patch', 'delete'])

/** Whether the estimate needs no facts: `get` and plain paths are one seat. */
export function isOneSeat({ verb }: RequestInfo): boolean {
  return verb !== 'list' && verb !== 'watch' && !mutatingVerbs.has(verb)
}

/** The seats of a request. */
export function estimateWork(info: RequestInfo, url: string, facts: WorkFacts): Work {
  if (info.verb === 'list') return listWork(info, url, facts)
  if (info.verb === 'watch') return isWatchWithState(url) ? listWork(info, url, facts) : oneSeat
  return mutatingVerbs.has(info.verb) ? mutatingWork(info, facts) : oneSeat
}

function listWork(info: RequestInfo, url: string, { maxSeats, stored }: WorkFacts): Work {
  if (stored === undefined || stored.count === 0) return oneSeat
  const query = parseQuery(url)
  const limit = Number(query.get('limit') ?? 0)
  const wanted = limit > 0 && limit < stored.count ? limit : stored.count
  const fromStore = info.verb === 'list' && isFromStore(query)
  const isSelected = query.has('labelSelector') || query.has('fieldSelector')
  const loaded = loadedObjects({ isSingle: info.name !== '', fromStore, isSelected, wanted, count: stored.count })
  const bytes = loaded * (stored.bytes / stored.count)
  const seats = Math.ceil((fromStore ? bytes : Math.min(bytes, maxStreamedBytes)) / bytesPerSeat)
  const most = maxSeats === 0 ? maxListSeats : Math.min(maxSeats, maxListSeats)
  return seats <= 1 || most === 1 ? oneSeat : { ...oneSeat, initialSeats: Math.min(seats, most) }
}

type Loaded = {
  readonly isSingle: boolean
  readonly fromStore: boolean
  readonly isSelected: boolean
  readonly wanted: number
  readonly count: number
}

function loadedObjects({ isSingle, fromStore, isSelected, wanted, count }: Loaded): number {
  if (isSingle) return 1
  return fromStore && isSelected ? Math.max(wanted, Math.floor(count / 2)) : wanted
}

/** Later pages and exact revisions may have to be read from the store. */
function isFromStore(query: URLSearchParams): boolean {
  return query.has('continue') || query.get('resourceVersionMatch') === 'Exact'
}

/** Watches that begin with all that is there cost what a list costs. */
function isWatchWithState(url: string): boolean {
  const query = parseQuery(url)
  const revision = query.get('resourceVersion') ?? ''
  return query.get('sendInitialEvents') === 'true' || revision === '' || revision === '0'
}

/** Each ten watchers of what is written are a seat for 5 ms after it; few watchers count for nothing. */
function mutatingWork({ resource, subresource }: RequestInfo, { maxSeats, watchers }: WorkFacts): Work {
  if (watchers < watchersPerSeat || (resource === 'serviceaccounts' && subresource === 'token')) return oneSeat
  const wanted = Math.ceil(watchers / watchersPerSeat)
  const most = maxSeats === 0 ? maxMutatingSeats : Math.min(maxSeats, maxMutatingSeats)
  const finalSeats = Math.min(wanted, most)
  // Narrower and longer, with the same area.
  return { initialSeats: 1, finalSeats, additionalMs: (wanted * eventMs) / finalSeats }
}

/** The seats that a request holds from its start to its end. */
export function widthOf({ initialSeats, finalSeats }: Work): number {
  return Math.max(initialSeats, finalSeats)
}
