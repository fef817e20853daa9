/** Whether the rules keep up with the cluster: what `/healthz` and `/livez` say. */

/** Beyond this many resync periods without success the proxy is called unhealthy. */
const toleratedPeriods = 2

/** Remembers when changes came and when they were applied. */
export class ProxyHealth {
  readonly #now: () => number
  readonly #syncPeriodMs: number
  #oldestPendingMs: number | undefined
  #updatedMs: number | undefined
  #isNodeEligible = true

  constructor(options: { readonly now: () => number; readonly syncPeriodMs: number }) {
    this.#now = options.now
    this.#syncPeriodMs = options.syncPeriodMs
  }

  queued(): void {
    this.#oldestPendingMs ??= this.#now()
  }

  /** All changes that came before `startedMs` are applied. */
  updated(startedMs: number): void {
    this.#updatedMs = this.#now()
    if (this.#oldestPendingMs !== undefined && this.#oldestPendingMs <= startedMs) this.#oldestPendingMs = undefined
  }

  /** A node that is being deleted should get no new load-balanced traffic. */
  setNodeEligible(isEligible: boolean): void {
    this.#isNodeEligible = isEligible
  }

  isHealthy(): boolean {
    if (this.#updatedMs === undefined) return false
    const pending = this.#oldestPendingMs
    return pending === undefined || this.#now() - pending < toleratedPeriods * this.#syncPeriodMs
  }

  /** Status and body of `/healthz` (which also minds the node) or `/livez`. */
  answer(path: '/healthz' | '/livez'): { readonly status: number; readonly body: string } {
    const isGood = this.isHealthy() && (path === '/livez' || this.#isNodeEligible)
    const currentTime = new Date(this.#now()).toISOString()
    const lastUpdated = isGood ? currentTime : new Date(this.#updatedMs ?? 0).toISOString()
    const eligible = path === '/healthz' ? { nodeEligible: this.#isNodeEligible } : {}
    return { status: isGood ? 200 : 503, body: JSON.stringify({ lastUpdated, currentTime, ...eligible }) }
  }
}
