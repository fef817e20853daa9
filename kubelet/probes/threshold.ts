/** How many results in a row make a verdict. Pure. Source: API fields `successThreshold` and `failureThreshold`. */
import type { Probe } from '../../api/core/v1.ts'
import type { ProbeVerdict } from '../pod/plan.ts'

/** `unknown`: the probe itself could not be made, which says nothing about the container. */
export type ProbeResult = 'success' | 'warning' | 'failure' | 'unknown'
export type Counted = {
  readonly verdict: ProbeVerdict
  readonly last: 'success' | 'failure' | undefined
  readonly inRow: number
}

export const initialCount: Counted = { verdict: 'unknown', last: undefined, inRow: 0 }

/** The verdict after one more result. */
export function countResult(counted: Counted, result: ProbeResult, probe: Probe): Counted {
  if (result === 'unknown') return counted
  const last = result === 'warning' ? 'success' : result
  const inRow = counted.last === last ? counted.inRow + 1 : 1
  const needed = last === 'success' ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3)
  return { verdict: inRow >= needed ? last : counted.verdict, last, inRow }
}
