/** Rules about reads: they show a state that was, and never one that was already replaced when they were asked for. */
import { statesSince } from './check-writes.ts'
import type { Item, Read, RunHistory, Violation } from './history.ts'
import type { KnownAt, Timeline } from './timeline.ts'

/** Checks every read against the store's history. */
export function checkReads({ reads }: RunHistory, timeline: Timeline, known: KnownAt): readonly Violation[] {
  return reads.flatMap((read) => {
    const knownRevision = known(read.started)
    return read.type === 'get' ? checkGet(read, timeline, knownRevision) : checkList(read, timeline, knownRevision)
  })
}

function checkGet(
  { key, found }: Extract<Read, { type: 'get' }>,
  timeline: Timeline,
  knownRevision: number,
): readonly Violation[] {
  const possible = statesSince(timeline, key, knownRevision)
  const isPossible = possible.some((change) =>
    found === undefined
      ? change?.state === undefined
      : change?.revision === found.revision && change.state?.token === found.token,
  )
  if (isPossible) return []
  return [{ rule: 'stale read', text: `get ${key} gave ${text(found)} when ${knownRevision} was known` }]
}

function checkList(
  { scope, revision, items }: Extract<Read, { type: 'list' }>,
  timeline: Timeline,
  knownRevision: number,
): readonly Violation[] {
  const what = `list ${JSON.stringify(scope)} at ${revision}`
  if (revision < knownRevision) return [{ rule: 'stale read', text: `${what} when ${knownRevision} was known` }]
  const difference = differenceOf(timeline.snapshot(scope, revision), items)
  return difference === undefined ? [] : [{ rule: 'list is no snapshot', text: `${what}: ${difference}` }]
}

/** The first thing that is not the same; `undefined`: all is. */
export function differenceOf(expected: readonly Item[], given: readonly Item[]): string | undefined {
  const sorted = given.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  for (let at = 0; at < Math.max(expected.length, sorted.length); at++) {
    const [wanted, got] = [text(expected[at]), text(sorted[at])]
    if (wanted !== got) return `${got} instead of ${wanted}`
  }
  return undefined
}

function text(item: Item | undefined): string {
  return item === undefined ? 'nothing' : `${item.key}@${item.revision} ${item.token}`
}
