/** Judges a recorded run. Pure: the same history, the same verdict. */
import { checkReads } from './check-reads.ts'
import { checkWatches } from './check-watches.ts'
import { checkWrites } from './check-writes.ts'
import type { RunHistory, Violation } from './history.ts'
import { createTimeline, knownRevisions } from './timeline.ts'

/** Every rule that the run broke; none: all is well. */
export function checkHistory(history: RunHistory): readonly Violation[] {
  const timeline = createTimeline(history.changes)
  const known = knownRevisions(history)
  return [
    ...checkWrites(history, timeline, known),
    ...checkReads(history, timeline, known),
    ...checkWatches(history, timeline),
  ]
}
