/**
 * LIST. Answered from the cache; later pages and exact revisions come from the cache as long as nothing of the kind has
 * changed since, and from the store otherwise.
 */
import type { Resource } from '../../api/resource.ts'
import { badRequest, StatusError } from '../../apimachinery/status.ts'
import { negotiateOutput } from '../http/negotiation.ts'
import { sendJson } from '../http/respond.ts'
import { collectionPrefix, storagePrefix } from '../registry/keys.ts'
import { CacheEntry, refuseUnreadable } from '../storage/cache-entry.ts'
import { prepareList, prepareViews } from '../storage/conversion.ts'
import { CompactedError, FutureRevisionError } from '../storage/storage.ts'
import { BehindError, type WatchCache } from '../storage/watch-cache.ts'
import type { HandlerContext, ResourceHandler } from './context.ts'
import { decodeContinue, encodeContinue } from './continue-token.ts'
import type { Predicate } from './field-selection.ts'
import { encodeList, type ListMeta } from './output.ts'
import { type ListOptions, parseListOptions, parseListRevision } from './read-options.ts'
import { parseTableOptions } from './table.ts'

/** GET of a collection. */
export const listObjects: ResourceHandler = async (context, resource, request, response) => {
  const { info, incoming, query, signal } = request
  const form = negotiateOutput(incoming.headers, query)
  const options = parseListOptions(resource, query, false, info.name)
  const { entries, meta } = await collect(context, resource, info.namespace, options, signal)
  const body = encodeList(resource, entries, meta, form.transform, parseTableOptions(query, context, form))
  await sendJson(request, response, 200, body, form)
}

export type Collected = { readonly entries: readonly CacheEntry[]; readonly meta: ListMeta }

/** The entries that a list with these options shows, and the list's metadata. */
export async function collect(
  context: HandlerContext,
  resource: Resource,
  namespace: string,
  options: ListOptions,
  signal: AbortSignal,
): Promise<Collected> {
  const { caches } = context
  const prefix = collectionPrefix(resource, namespace)
  const single = singleKey(resource, namespace, options)
  const start = single === undefined ? startOf(options) : startOfSingle(options)
  const scan: Scan = {
    context,
    resource,
    prefix: single ?? prefix,
    options: single === undefined ? options : { ...options, limit: 0 },
    after: start.after,
  }
  switch (start.type) {
    case 'current':
      await caches.fresh()
      await prepare(scan)
      return fromCache(scan, caches.seen)
    case 'atLeast':
      await reachOrTimeout(caches, start.revision)
      await prepare(scan)
      return fromCache(scan, caches.seen)
    case 'exactly':
      await reachOrTimeout(caches, start.revision)
      if (
        caches.compacted <= start.revision &&
        caches.cache(storagePrefix(resource)).changedRevision <= start.revision
      ) {
        await prepare(scan)
        // Converting may have taken a while.
        if (caches.cache(storagePrefix(resource)).changedRevision <= start.revision) {
          return fromCache(scan, start.revision)
        }
      }
      return await fromStorage(scan, start.revision, signal)
  }
}

type Scan = {
  readonly context: HandlerContext
  readonly resource: Resource
  readonly prefix: string
  readonly options: ListOptions
  readonly after: string
}

/** The key of the one object that can match; such lists have no pages. Source: `Store.ListPredicate`, `MatchesSingle`. */
export function singleKey(resource: Resource, namespace: string, { name }: ListOptions): string | undefined {
  if (name === undefined || name === '' || name.includes('/')) return undefined
  if (resource.facts.namespaced && namespace === '') return undefined
  return `${collectionPrefix(resource, namespace)}${name}`
}

type Start =
  | { readonly type: 'current'; readonly after: string }
  | { readonly type: 'atLeast' | 'exactly'; readonly revision: number; readonly after: string }

function startOf({ continueToken, resourceVersion, resourceVersionMatch, limit }: ListOptions): Start {
  if (continueToken !== '') {
    const { revision, after } = decodeContinue(continueToken)
    if (resourceVersion !== '' && resourceVersion !== '0') {
      throw badRequest('specifying resource version is not allowed when using continue')
    }
    return revision < 0 ? { type: 'current', after } : { type: 'exactly', revision, after }
  }
  const revision = parseListRevision(resourceVersion)
  if (revision === undefined) return { type: 'current', after: '' }
  // Before `resourceVersionMatch` there was, a page of a revision meant exactly that revision.
  const isExact = resourceVersionMatch === 'Exact' || (resourceVersionMatch === '' && limit > 0 && revision > 0)
  return { type: isExact ? 'exactly' : 'atLeast', revision, after: '' }
}

function startOfSingle({ resourceVersion, resourceVersionMatch }: ListOptions): Start {
  const revision = parseListRevision(resourceVersion)
  if (revision === undefined) return { type: 'current', after: '' }
  return { type: resourceVersionMatch === 'Exact' ? 'exactly' : 'atLeast', revision, after: '' }
}

async function prepare({ context, resource, prefix }: Scan): Promise<void> {
  const cache = context.caches.cache(storagePrefix(resource))
  await prepareList(resource, () => cache.list(prefix))
}

function fromCache({ context, resource, prefix, options, after }: Scan, revision: number): Collected {
  const all = context.caches.cache(storagePrefix(resource)).list(prefix)
  refuseUnreadable(all)
  const { predicate } = options
  const rest = after === '' ? all : all.filter(({ key }) => key > prefix + after)
  const limit = limitOf(options)
  const entries: CacheEntry[] = []
  for (const [at, entry] of rest.entries()) {
    if (!isMatch(predicate, entry)) continue
    entries.push(entry)
    if (entries.length < limit || at === rest.length - 1) continue
    // Whether what is left matches, the next page will show.
    const remaining = predicate === undefined ? { remainingItemCount: rest.length - limit } : {}
    return { entries, meta: pageMeta(entries, prefix, revision, remaining) }
  }
  return { entries, meta: { resourceVersion: String(revision) } }
}

/** "Any version" reads show everything, as upstream's cache does. Source: `computeListLimit`. */
function limitOf({ limit, resourceVersion, continueToken }: ListOptions): number {
  if (limit <= 0 || (resourceVersion === '0' && continueToken === '')) return Number.POSITIVE_INFINITY
  return limit
}

function pageMeta(
  entries: readonly CacheEntry[],
  prefix: string,
  revision: number,
  remaining: { readonly remainingItemCount?: number },
): ListMeta {
  const after = (entries.at(-1)?.key ?? prefix).slice(prefix.length)
  return { resourceVersion: String(revision), continue: encodeContinue({ revision, after }), ...remaining }
}

const storagePage = 1_000

async function fromStorage(scan: Scan, revision: number, signal: AbortSignal): Promise<Collected> {
  const { context, prefix, options } = scan
  const limit = limitOf(options)
  const entries: CacheEntry[] = []
  let after = scan.after
  for (;;) {
    const wanted = Math.min(storagePage, options.predicate === undefined ? limit - entries.length : storagePage)
    const page = await context.storage
      .list(prefix, { revision, limit: wanted, ...(after === '' ? {} : { after: prefix + after }) }, signal)
      .catch((error: unknown) => {
        throw asExpired(error, after)
      })
    const found = page.items.map((stored) => CacheEntry.of(stored))
    refuseUnreadable(found)
    await prepareViews(scan.resource, found)
    for (const entry of found) {
      if (!isMatch(options.predicate, entry)) continue
      if (entries.length === limit) return { entries, meta: pageMeta(entries, prefix, revision, {}) }
      entries.push(entry)
    }
    after = (page.items.at(-1)?.key ?? prefix).slice(prefix.length)
    if (!page.more) return { entries, meta: { resourceVersion: String(revision) } }
    if (options.predicate === undefined && entries.length >= limit) {
      return { entries, meta: pageMeta(entries, prefix, revision, { remainingItemCount: page.remaining }) }
    }
  }
}

function isMatch(predicate: Predicate | undefined, entry: CacheEntry): boolean {
  return predicate === undefined || predicate(entry)
}

/** 410 for a page of a state that is no longer kept, with a token to go on inconsistently. */
export class ExpiredListError extends StatusError {
  readonly continueToken: string

  constructor(message: string, continueToken: string) {
    super('Expired', message)
    this.continueToken = continueToken
  }
}

function asExpired(error: unknown, after: string): unknown {
  if (error instanceof FutureRevisionError) return new StatusError('BadRequest', error.message)
  if (!(error instanceof CompactedError)) return error
  if (after === '') return new StatusError('Expired', 'The resourceVersion for the provided list is too old.')
  return new ExpiredListError(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
      'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
      'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
      'deleted between the time the first chunk was returned and now may show up in the list.',
    encodeContinue({ revision: -1, after }),
  )
}

/** Waits for the cache to reach a revision; 504 in upstream's words when it does not. */
export async function reachOrTimeout(caches: WatchCache, revision: number): Promise<void> {
  try {
    await caches.reach(revision)
  } catch (error) {
    throw error instanceof BehindError ? tooLarge(error) : error
  }
}

/** Source: `storage.NewTooLargeResourceVersionError`. */
function tooLarge({ wanted, current }: BehindError): StatusError {
  return new StatusError('Timeout', `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  })
}
