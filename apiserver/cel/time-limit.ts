/**
 * How long expressions may hold the server's only thread. Costs are those that upstream counts, so that the same expressions are refused;
 * some operations cost less than the time they take (`dyn + dyn` copies lists at the price of one), and upstream runs them beside
 * other requests, which cannot be done here. Where the time is up, the expression fails as one of upstream's that is interrupted.
 */
import type { Clock } from '../../component-base/clock.ts'

/** What is evaluated at once: all conditions of a webhook, all rules of an object. What is within the costs takes tens of milliseconds. */
export const evaluationMs = 1000

/** Begins to measure; the function that it returns says whether the time is up. */
export type TimeLimit = () => () => boolean

/** Allows `evaluationMs` from each beginning. */
export function timeLimit(clock: Pick<Clock, 'now'>): TimeLimit {
  return () => {
    const endMs = clock.now() + evaluationMs
    return () => clock.now() > endMs
  }
}
