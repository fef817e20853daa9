/** Sends the packets of the table through a testbed. */
import { expectedOf, type Question } from './judge.ts'
import type { Outcome } from './prober.ts'
import type { ModeName } from './table.ts'
import type { Testbed, TestbedProbe } from './testbed.ts'

export type Patience = {
  /** For packets that should be answered: they come back long before. */
  readonly answerMs: number
  /** For packets that should be dropped: each of them costs this. */
  readonly silenceMs: number
  /** How many at once: a slow machine answers late when asked by hundreds. */
  readonly atOnce: number
}

/** Half a second more than what TCP waits before it asks again; see `defaultTimeoutMs` of the testbed. */
const defaultPatience: Patience = { answerMs: 20_000, silenceMs: 1_500, atOnce: 200 }

/** The outcomes, in the order of the questions. */
export async function ask(
  bed: Testbed,
  questions: readonly Question[],
  mode: ModeName,
  { answerMs, silenceMs, atOnce }: Patience = defaultPatience,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  const indices = [...questions.keys()]
  const isSilent = (index: number) => {
    const row = questions[index]?.row
    return row !== undefined && expectedOf(row, mode).verdict === 'dropped'
  }
  const rounds = [
    ...chunks(
      indices.filter((index) => !isSilent(index)),
      atOnce,
    ).map((round) => ({ round, timeoutMs: answerMs })),
    { round: indices.filter(isSilent), timeoutMs: silenceMs },
  ]
  for (const { round, timeoutMs } of rounds) {
    const seen = await bed.probe(
      round.flatMap((index) => probeOf(questions[index], mode)),
      timeoutMs,
    )
    for (const [at, index] of round.entries()) outcomes[index] = seen[at] ?? { verdict: 'failed', error: 'no outcome' }
  }
  return outcomes
}

function probeOf(question: Question | undefined, mode: ModeName): readonly TestbedProbe[] {
  if (question === undefined) return []
  const { row, from, ip, port, protocol } = question
  const again = expectedOf(row, mode).verdict === 'refused' ? { askAgainMs: 1_000 } : {}
  return [{ from, ip, port, protocol, ...again }]
}

function chunks<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size))
}
