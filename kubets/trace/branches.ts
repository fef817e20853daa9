/** Every way that chance may take, with its probability. */
import type { Choose } from '../../netfilter/trace.ts'

export type Branch<T> = { readonly outcome: T; readonly probability: number }

/** Runs `run` once for each way through its choices, likely ones not first but all of them; at most `limit`. */
export function explore<T>(run: (choose: Choose) => T, limit: number): readonly Branch<T>[] {
  const branches: Branch<T>[] = []
  let script: readonly number[] | undefined = []
  while (script !== undefined && branches.length < limit) {
    const made: { readonly index: number; readonly weights: readonly number[] }[] = []
    const before: readonly number[] = script
    const outcome = run((weights) => {
      const index = before[made.length] ?? 0
      made.push({ index, weights })
      return index
    })
    branches.push({ outcome, probability: made.reduce((all, { index, weights }) => all * (weights[index] ?? 0), 1) })
    script = nextScript(made)
  }
  return branches
}

/** The next one in order: the last choice that has another possibility takes it. */
function nextScript(
  made: readonly { readonly index: number; readonly weights: readonly number[] }[],
): readonly number[] | undefined {
  const at = made.findLastIndex(({ index, weights }) => index + 1 < weights.length)
  const last = made[at]
  return last === undefined ? undefined : [...made.slice(0, at).map(({ index }) => index), last.index + 1]
}
