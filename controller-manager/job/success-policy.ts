/** `spec.successPolicy`: when an indexed job is a success before all indexes are. Pure. */
import type { Job } from '../../api/batch/v1.ts'
import { parseIndexes } from './indexes.ts'

/** The message of the first rule that is met. */
export function matchSuccessPolicy({ spec }: Job, succeeded: ReadonlySet<number>): string | undefined {
  const at = (spec.successPolicy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && succeeded.size >= succeededCount
    const wanted = parseIndexes(succeededIndexes, spec.completions ?? 0)
    const met = [...wanted].filter((index) => succeeded.has(index)).length
    return met >= (succeededCount ?? wanted.size)
  })
  return at === -1 ? undefined : `Matched rules at index ${at}`
}
