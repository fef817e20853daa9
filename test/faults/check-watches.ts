/** Rules about watches: every change in scope once, in order, as what it is; revisions only go up. */
import { differenceOf } from './check-reads.ts'
import type { Item, RunHistory, Scope, Step, Violation, WatchLog } from './history.ts'
import { isInScope, type Timeline } from './timeline.ts'

type Expected = Item & { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' }

/** Checks every watch against the store's history; a watch is reported once. */
export function checkWatches({ watches }: RunHistory, timeline: Timeline): readonly Violation[] {
  return watches.flatMap((log) => {
    const problem = checkWatch(log, timeline)
    return problem === undefined ? [] : [{ ...problem, text: `${log.name}: ${problem.text}` }]
  })
}

/** What a watcher of everything in scope should see. A deletion tells the token of the state that it ended. */
export function expectedEvents(scope: Scope, timeline: Timeline): readonly Expected[] {
  return timeline.changes.flatMap(({ key, revision, state }): readonly Expected[] => {
    if (!key.startsWith(`${scope.resource}/`)) return []
    const before = timeline.last(key, revision - 1)?.state
    const was = isInScope(scope, key, before)
    const is = isInScope(scope, key, state)
    if (is) return [{ type: was ? 'MODIFIED' : 'ADDED', key, revision, token: state?.token ?? '' }]
    return was ? [{ type: 'DELETED', key, revision, token: before?.token ?? '' }] : []
  })
}

function checkWatch({ scope, steps }: WatchLog, timeline: Timeline): Violation | undefined {
  const expected = expectedEvents(scope, timeline)
  let position = 0
  let next = 0
  const skipTo = (revision: number): void => {
    position = revision
    while (next < expected.length && (expected[next]?.revision ?? 0) <= revision) next++
  }
  for (const step of steps) {
    if (step.type === 'state') {
      if (step.revision < position) return back(step, position)
      const difference = differenceOf(timeline.snapshot(scope, step.revision), step.items)
      if (difference !== undefined) return { rule: 'list is no snapshot', text: `at ${step.revision}: ${difference}` }
    } else {
      const problem = checkStep(step, position, expected[next])
      if (problem !== undefined) return problem
    }
    skipTo(Math.max(step.revision, position))
  }
  return undefined
}

function checkStep(
  step: Exclude<Step, { type: 'state' }>,
  position: number,
  next: Expected | undefined,
): Violation | undefined {
  if (step.type === 'bookmark' || step.type === 'end') {
    if (next !== undefined && next.revision <= step.revision) {
      return { rule: 'event missed', text: `${describe(next)} before the ${step.type} ${step.revision}` }
    }
    return step.type === 'bookmark' && step.revision < position ? back(step, position) : undefined
  }
  if (step.revision <= position) {
    return { rule: 'event doubled or out of order', text: `${describe(step)} after ${position}` }
  }
  if (next === undefined || step.revision < next.revision) {
    return {
      rule: 'event of nothing',
      text: `${describe(step)} before ${next === undefined ? 'the end' : describe(next)}`,
    }
  }
  if (step.revision > next.revision) return { rule: 'event missed', text: `${describe(next)} before ${describe(step)}` }
  const isSame = step.type === next.type && step.key === next.key && step.token === next.token
  return isSame ? undefined : { rule: 'wrong event', text: `${describe(step)} instead of ${describe(next)}` }
}

function back({ type, revision }: Step, position: number): Violation {
  return { rule: 'resourceVersion went back', text: `${type} ${revision} after ${position}` }
}

function describe({ type, key, revision, token }: Expected | (Step & Item)): string {
  return `${type} ${key}@${revision} ${token}`
}
