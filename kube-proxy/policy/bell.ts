/** Lets tasks wait for what others bring about. */
export class Bell {
  readonly #sleepers = new Set<() => void>()

  /** Something happened: all who wait look again. */
  ring(): void {
    for (const wake of this.#sleepers) wake()
  }

  /** Resolves once `isSo`, looked at now and after every ring; rejects when `signal` aborts. */
  async until(isSo: () => boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (isSo()) return
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#sleepers.delete(look)
        signal.removeEventListener('abort', abort)
      }
      const look = () => {
        if (!isSo()) return
        leave()
        resolve()
      }
      const abort = () => {
        leave()
        reject(signal.reason)
      }
      this.#sleepers.add(look)
      signal.addEventListener('abort', abort, { once: true })
    })
  }
}
