/** One line per step with its time; a failure names the step, the reason and where to read on. */

export type Progress = {
  readonly step: <T>(name: string, work: () => Promise<T>, options?: { readonly log?: string }) => Promise<T>
}

/** A step that went wrong; the message is one sentence for the person at the terminal. */
export class StepError extends Error {
  override readonly name = 'StepError'
}

export function createProgress(write: (line: string) => void, now: () => number): Progress {
  return {
    step: async (name, work, { log } = {}) => {
      const startedMs = now()
      try {
        const result = await work()
        write(`  ${name.padEnd(44)} ${((now() - startedMs) / 1000).toFixed(1).padStart(5)} s\n`)
        return result
      } catch (error) {
        const where = log === undefined ? '' : ` Its log: ${log}`
        throw new StepError(`The step "${name}" failed: ${reasonOf(error)}.${where}`, { cause: error })
      }
    },
  }
}

function reasonOf(error: unknown): string {
  const reasons: string[] = []
  for (let at = error; at instanceof Error && reasons.length < 5; at = at.cause) reasons.push(at.message)
  return (reasons.length === 0 ? String(error) : reasons.join(': ')).replace(/\.$/, '')
}
