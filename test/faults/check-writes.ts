/** Rules about writes: what was acknowledged happened, once; what was refused did not happen, and was refused rightly. */
import type { Change, RunHistory, Violation, Write } from './history.ts'
import { type KnownAt, revisionsOfDeletions, type Timeline } from './timeline.ts'

/** Checks every write against the store's history. */
export function checkWrites({ writes }: RunHistory, timeline: Timeline, known: KnownAt): readonly Violation[] {
  const deletions = revisionsOfDeletions(timeline.changes)
  return [
    ...doubledTokens(timeline.changes),
    ...returnedObjects(timeline.changes),
    ...writes.flatMap((write) => checkWrite(write, timeline, known(write.started), deletions)),
  ]
}

function checkWrite(
  write: Write,
  timeline: Timeline,
  knownRevision: number,
  deletions: ReadonlyMap<string, number>,
): readonly Violation[] {
  switch (write.outcome) {
    case 'unknown':
      return []
    case 'refused':
      return [...happenedAnyway(write, timeline), ...refusedWrongly(write, timeline, knownRevision)]
    case 'acknowledged':
      return write.uids === undefined ? acknowledged(write, timeline, knownRevision) : removed(write, deletions)
  }
}

/** No write happens twice. */
function doubledTokens(changes: readonly Change[]): readonly Violation[] {
  const seen = new Map<string, number>()
  return changes.flatMap(({ state, revision, key }) => {
    if (state === undefined) return []
    const first = seen.get(state.token)
    seen.set(state.token, revision)
    return first === undefined
      ? []
      : [violation('written twice', `${state.token} of ${key} at ${first} and ${revision}`)]
  })
}

/** An object that was deleted never comes back. */
function returnedObjects(changes: readonly Change[]): readonly Violation[] {
  const gone = new Set<string>()
  const living = new Map<string, string>()
  return changes.flatMap(({ key, state, revision }) => {
    if (state === undefined) {
      const uid = living.get(key)
      if (uid !== undefined) gone.add(uid)
      living.delete(key)
      return []
    }
    living.set(key, state.uid)
    return gone.has(state.uid) ? [violation('deleted object returned', `${key} at ${revision}`)] : []
  })
}

function acknowledged(write: Write, timeline: Timeline, knownRevision: number): readonly Violation[] {
  const { revision = 0 } = write
  const change = timeline.at(revision)
  if (change === undefined || change.key !== write.key || change.state?.token !== write.token) {
    return [violation('acknowledged write lost', `${describe(write)} is not at ${revision}`)]
  }
  const before = timeline.last(write.key, revision - 1)
  return [
    ...(revision <= knownRevision
      ? [violation('resourceVersion went back', `${describe(write)} got ${revision} after ${knownRevision} was known`)]
      : []),
    ...(write.verb === 'create' && before?.state !== undefined
      ? [violation('created over an object', `${describe(write)} at ${revision}`)]
      : []),
    ...(write.precondition !== undefined && before?.revision !== write.precondition
      ? [violation('update lost', `${describe(write)} replaced ${before?.revision}, not ${write.precondition}`)]
      : []),
    ...unmerged(write, before, change),
  ]
}

/** A patch changes what it says, and nothing else. */
function unmerged(write: Write, before: Change | undefined, { state }: Change): readonly Violation[] {
  if (write.sets === undefined || before?.state === undefined || state === undefined) return []
  const expected = { ...before.state.fields, ...write.sets }
  const isSame =
    Object.keys(expected).length === Object.keys(state.fields).length &&
    Object.entries(expected).every(([name, value]) => state.fields[name] === value)
  return isSame
    ? []
    : [
        violation(
          'patch not on the last state',
          `${describe(write)}: ${JSON.stringify(before.state.fields)} became ${JSON.stringify(state.fields)}`,
        ),
      ]
}

function removed(write: Write, deletions: ReadonlyMap<string, number>): readonly Violation[] {
  return (write.uids ?? []).flatMap((uid) =>
    deletions.has(uid) ? [] : [violation('acknowledged deletion lost', `${describe(write)}, object ${uid}`)],
  )
}

function happenedAnyway(write: Write, timeline: Timeline): readonly Violation[] {
  const found = timeline.of(write.key).find(({ state }) => state?.token === write.token)
  return found === undefined ? [] : [violation('refused write happened', `${describe(write)} at ${found.revision}`)]
}

/** A refusal has to be true of some state that was current while the request was under way. */
function refusedWrongly(write: Write, timeline: Timeline, knownRevision: number): readonly Violation[] {
  const isTrue = refusalOf(write)
  if (isTrue === undefined || statesSince(timeline, write.key, knownRevision).some(isTrue)) return []
  return [violation('refused on a stale state', `${describe(write)} with ${write.code}, known was ${knownRevision}`)]
}

function refusalOf({ verb, code, precondition }: Write): ((change: Change | undefined) => boolean) | undefined {
  if (code === 404 && verb !== 'deletecollection') return (change) => change?.state === undefined
  if (code !== 409) return undefined
  if (verb === 'create') return (change) => change?.state !== undefined
  if (precondition === undefined) return undefined
  return (change) => change?.revision !== precondition
}

/** The state that a key had at `revision`, and all later ones. */
export function statesSince(timeline: Timeline, key: string, revision: number): readonly (Change | undefined)[] {
  return [timeline.last(key, revision), ...timeline.of(key).filter((change) => change.revision > revision)]
}

function describe({ verb, key, token }: Write): string {
  return `${verb} ${key} ${token}`
}

function violation(rule: string, text: string): Violation {
  return { rule, text }
}
