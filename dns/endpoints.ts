/** Sockets that come and go with the configuration: what is wanted still stays open, what is new opens first, the rest closes. */

/** Serves until `signal` aborts; calls `opened` once it listens. Rejects when it cannot. */
export type Endpoint = (signal: AbortSignal, opened: () => void) => Promise<void>

type Open = { readonly stop: AbortController; readonly done: Promise<void> }

/** Open endpoints by key. */
export class Endpoints {
  readonly #open = new Map<string, Open>()
  readonly #failed: (error: unknown) => void

  /** `failed` hears of endpoints that end by themselves later on. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  /** Opens what is missing. When one cannot be opened, those of this call close again, and the error comes back. */
  async open(wanted: ReadonlyMap<string, Endpoint>): Promise<void> {
    const made: string[] = []
    for (const [key, endpoint] of wanted) {
      if (this.#open.has(key)) continue
      try {
        await this.#start(key, endpoint)
        made.push(key)
      } catch (error) {
        for (const other of made) await this.#close(other)
        throw error
      }
    }
  }

  /** Closes all but `kept`. */
  async closeAllBut(kept: ReadonlySet<string>): Promise<void> {
    await Promise.all([...this.#open.keys()].filter((key) => !kept.has(key)).map(async (key) => await this.#close(key)))
  }

  async #start(key: string, endpoint: Endpoint): Promise<void> {
    const stop = new AbortController()
    let isOpen = false
    await new Promise<void>((resolve, reject) => {
      const opened = (): void => {
        isOpen = true
        resolve()
      }
      const done = endpoint(stop.signal, opened).catch((error: unknown) => {
        if (stop.signal.aborted) return
        this.#open.delete(key)
        if (isOpen) this.#failed(error)
        else reject(error)
      })
      this.#open.set(key, { stop, done })
    })
  }

  async #close(key: string): Promise<void> {
    const open = this.#open.get(key)
    if (open === undefined) return
    this.#open.delete(key)
    open.stop.abort()
    await open.done
  }
}
