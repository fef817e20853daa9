/** Collects a run's history; hands out moments and tokens. */
import type { Change, Read, RunHistory, Step, WatchLog, Write } from './history.ts'

/** Grows during the run. */
export class Recorder {
  readonly #changes: Change[] = []
  readonly #writes: Write[] = []
  readonly #reads: Read[] = []
  readonly #watches: { log: WatchLog; steps: Step[] }[] = []
  #moment = 0

  /** The next moment. */
  tick(): number {
    this.#moment += 1
    return this.#moment
  }

  change(change: Change): void {
    this.#changes.push(change)
  }

  write(write: Write): void {
    this.#writes.push(write)
  }

  read(read: Read): void {
    this.#reads.push(read)
  }

  /** Returns how to add a step of this watch. */
  watch(name: string, scope: WatchLog['scope']): (step: Step) => void {
    const steps: Step[] = []
    this.#watches.push({ log: { name, scope, steps }, steps })
    return (step) => steps.push(step)
  }

  history(): RunHistory {
    return {
      changes: this.#changes,
      writes: this.#writes,
      reads: this.#reads,
      watches: this.#watches.map(({ log }) => log),
    }
  }
}
