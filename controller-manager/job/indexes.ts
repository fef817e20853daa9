/** Sets of completion indexes as the status writes them: `0,2-5`. Pure. */
import type { Job } from '../../api/batch/v1.ts'
import type { Pod } from '../../api/core/v1.ts'

export const indexAnnotation = 'batch.kubernetes.io/job-completion-index'

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === 'Indexed'
}

/** The pod's index; `undefined` when it names none that the job has. */
export function indexOf({ spec }: Job, { metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[indexAnnotation]
  if (text === undefined || !/^\d+$/.test(text)) return undefined
  const index = Number(text)
  return index < (spec.completions ?? 0) ? index : undefined
}

/** Reads `0,2-5`; parts that make no sense, or lie beyond `completions`, are left out. */
export function parseIndexes(text: string | undefined, completions: number): ReadonlySet<number> {
  const indexes = new Set<number>()
  for (const part of (text ?? '').split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part)
    if (match === null) continue
    const last = Math.min(Number(match[2] ?? match[1]), completions - 1)
    for (let index = Number(match[1]); index <= last; index += 1) indexes.add(index)
  }
  return indexes
}

/** Three or more in a row become a range. */
export function formatIndexes(indexes: ReadonlySet<number>): string {
  const runs: { first: number; last: number }[] = []
  for (const index of [...indexes].toSorted((a, b) => a - b)) {
    const run = runs.at(-1)
    if (run !== undefined && run.last === index - 1) run.last = index
    else runs.push({ first: index, last: index })
  }
  return runs.map(formatRun).join(',')
}

function formatRun({ first, last }: { readonly first: number; readonly last: number }): string {
  if (first === last) return String(first)
  return last === first + 1 ? `${first},${last}` : `${first}-${last}`
}

/** The lowest indexes that are neither done nor being worked on. */
export function firstFreeIndexes(completions: number, taken: ReadonlySet<number>, count: number): readonly number[] {
  const free: number[] = []
  for (let index = 0; index < completions && free.length < count; index += 1) if (!taken.has(index)) free.push(index)
  return free
}
