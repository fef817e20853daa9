/** Mode `batch`: events wait in a queue with a limit and go out many at a time, no faster than allowed. */
import type { Clock } from '../../component-base/clock.ts'
import type { AuditBackend, ReportLoss } from './backend.ts'
import type { AuditEvent } from './event.ts'

export type BatchOptions = {
  readonly bufferSize: number
  readonly maxBatchSize: number
  readonly maxBatchWaitMs: number
  /** Absent: batches go out as fast as they can. */
  readonly throttle?: { readonly qps: number; readonly burst: number }
  /** Batches under way at the same time; 1 keeps them in order. */
  readonly parallel: number
}

/** The queue before `delegate`. Events that find it full are lost. */
export function buffered(
  name: string,
  delegate: AuditBackend,
  options: BatchOptions,
  clock: Clock,
  report: ReportLoss,
): AuditBackend {
  const waiting: AuditEvent[] = []
  let wake: () => void = () => {}
  const full = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve
    })
  return {
    process: (events) => {
      const room = Math.max(0, options.bufferSize - waiting.length)
      waiting.push(...events.slice(0, room))
      if (events.length > room) report(name, events.slice(room), new Error('audit buffer queue blocked'))
      if (waiting.length >= options.maxBatchSize) wake()
      return true
    },
    run: async (signal) => {
      const ended = new AbortController().signal
      const tokens = new Tokens(options, clock)
      const sending = new Set<Promise<unknown>>()
      const delegated = delegate.run(signal)
      while (!signal.aborted || waiting.length > 0) {
        if (waiting.length < options.maxBatchSize && !signal.aborted) {
          await waited(clock, options.maxBatchWaitMs, full(), signal)
        }
        const batch = waiting.splice(0, options.maxBatchSize)
        if (batch.length === 0) continue
        if (!signal.aborted) await tokens.take(signal).catch(() => {})
        const sent: Promise<unknown> = Promise.resolve(delegate.process(batch)).finally(() => sending.delete(sent))
        sending.add(sent)
        if (sending.size >= options.parallel) await Promise.race(sending)
      }
      await Promise.race([Promise.all(sending), clock.sleep(lastBatchesMs, ended)])
      await delegated
    },
  }
}

const dayMs = 86_400_000
/** How long the last batches may take when the server stops. */
const lastBatchesMs = 5_000

/** Until the time is over (0: no time), `early` resolves, or `signal` aborts. */
async function waited(clock: Clock, ms: number, early: Promise<void>, signal: AbortSignal): Promise<void> {
  const timer = new AbortController()
  const stop = (): void => timer.abort()
  signal.addEventListener('abort', stop, { once: true })
  const longest = ms === 0 ? dayMs : ms
  await Promise.race([clock.sleep(longest, timer.signal).catch(() => {}), early])
  signal.removeEventListener('abort', stop)
  timer.abort()
}

/** A bucket of `burst` tokens that fills at `qps`. */
class Tokens {
  readonly #options: BatchOptions
  readonly #clock: Clock
  #left: number
  #atMs: number

  constructor(options: BatchOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#left = options.throttle?.burst ?? 0
    this.#atMs = clock.now()
  }

  async take(signal: AbortSignal): Promise<void> {
    const { throttle } = this.#options
    if (throttle === undefined) return
    const nowMs = this.#clock.now()
    this.#left = Math.min(throttle.burst, this.#left + ((nowMs - this.#atMs) / 1000) * throttle.qps)
    this.#atMs = nowMs
    this.#left -= 1
    if (this.#left < 0) await this.#clock.sleep((-this.#left / throttle.qps) * 1000, signal)
  }
}
