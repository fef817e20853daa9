/** The store's history by key and by revision, and what was known when. */
import type { Change, Item, RunHistory, Scope, State } from './history.ts'

export type Timeline = {
  readonly changes: readonly Change[]
  readonly at: (revision: number) => Change | undefined
  /** Changes of one key, oldest first. */
  readonly of: (key: string) => readonly Change[]
  /** The change of the key that was the last at `revision`. */
  readonly last: (key: string, revision: number) => Change | undefined
  /** Everything in scope at `revision`, sorted by key. */
  readonly snapshot: (scope: Scope, revision: number) => readonly Item[]
}

/** Indexes changes, which are in order. */
export function createTimeline(changes: readonly Change[]): Timeline {
  const byRevision = new Map(changes.map((change) => [change.revision, change]))
  const byKey = new Map<string, Change[]>()
  for (const change of changes) {
    const known = byKey.get(change.key)
    if (known === undefined) byKey.set(change.key, [change])
    else known.push(change)
  }
  const last = (key: string, revision: number): Change | undefined => {
    const all = byKey.get(key) ?? []
    return all[countUpTo(all, revision) - 1]
  }
  return {
    changes,
    at: (revision) => byRevision.get(revision),
    of: (key) => byKey.get(key) ?? [],
    last,
    snapshot: (scope, revision) =>
      [...byKey.keys()]
        .toSorted()
        .flatMap((key) => last(key, revision) ?? [])
        .flatMap(({ key, state, revision: changed }) =>
          isInScope(scope, key, state) ? [{ key, revision: changed, token: state?.token ?? '' }] : [],
        ),
  }
}

/** How many of the changes are not after `revision`. */
function countUpTo(changes: readonly Change[], revision: number): number {
  let low = 0
  let high = changes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((changes[middle]?.revision ?? 0) <= revision) low = middle + 1
    else high = middle
  }
  return low
}

/** Whether someone who asks for `scope` sees this state; deletions are no state. */
export function isInScope(scope: Scope, key: string, state: State | undefined): boolean {
  if (state === undefined || !key.startsWith(`${scope.resource}/`)) return false
  if (scope.name !== undefined && key !== `${scope.resource}/${scope.name}`) return false
  return scope.group === undefined || scope.group === state.group
}

/** The highest revision that anybody had been told of when `moment` came. */
export type KnownAt = (moment: number) => number

/** From every answer and every event that was received. */
export function knownRevisions({ changes, writes, reads, watches }: RunHistory): KnownAt {
  const deletions = revisionsOfDeletions(changes)
  const told: { readonly at: number; readonly revision: number }[] = []
  for (const { outcome, ended, revision = 0, uids = [] } of writes) {
    if (outcome !== 'acknowledged') continue
    told.push({ at: ended, revision })
    for (const uid of uids) told.push({ at: ended, revision: deletions.get(uid) ?? 0 })
  }
  for (const read of reads) {
    told.push({ at: read.ended, revision: read.type === 'list' ? read.revision : (read.found?.revision ?? 0) })
  }
  for (const { steps } of watches) {
    for (const { type, at, revision } of steps) if (type !== 'end') told.push({ at, revision })
  }
  told.sort((a, b) => a.at - b.at)
  let highest = 0
  const highestUpTo = told.map(({ revision }) => {
    highest = Math.max(highest, revision)
    return highest
  })
  return (moment) => {
    let low = 0
    let high = told.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((told[middle]?.at ?? 0) < moment) low = middle + 1
      else high = middle
    }
    return highestUpTo[low - 1] ?? 0
  }
}

/** When each object that is gone was removed. */
export function revisionsOfDeletions(changes: readonly Change[]): ReadonlyMap<string, number> {
  const living = new Map<string, string>()
  const found = new Map<string, number>()
  for (const { key, state, revision } of changes) {
    const uid = living.get(key)
    if (state !== undefined) living.set(key, state.uid)
    else if (uid !== undefined) {
      found.set(uid, revision)
      living.delete(key)
    }
  }
  return found
}
