/**
 * How long it takes from the change of a pod to the kernel of this node: the endpoint slice controller writes the moment
 * of the change into the slice (SLO "network programming latency").
 */
import type { Family } from '../../netfilter/iptables.ts'

const changedAt = 'endpoints.kubernetes.io/last-change-trigger-time'
type ChangedSlice = {
  readonly addressType: string
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
}
/** More changes than this between two syncs are not measured one by one. */
const mostPending = 10_000

/** Remembers changes that are not in the kernel yet. */
export class ProgrammingLatency {
  readonly #startedMs: number
  #pending: { readonly family: Family; readonly changedMs: number }[] = []

  constructor(startedMs: number) {
    this.#startedMs = startedMs
  }

  /** A slice has changed. What happened before this process started is not its delay. */
  note({ metadata, addressType }: ChangedSlice): void {
    const changedMs = Date.parse(metadata.annotations?.[changedAt] ?? '')
    if (Number.isNaN(changedMs) || changedMs < this.#startedMs || this.#pending.length >= mostPending) return
    this.#pending.push({ family: addressType === 'IPv6' ? 'ip6' : 'ip', changedMs })
  }

  /** Takes the changes that the next sync will write. */
  take(): readonly { readonly family: Family; readonly changedMs: number }[] {
    const taken = this.#pending
    this.#pending = []
    return taken
  }
}
