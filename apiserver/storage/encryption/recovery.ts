/**
 * Values that could not be opened because a plugin was away are listed again once it is back: until then the caches hold them as
 * unreadable.
 */
import { CompactedError } from '../storage.ts'

export class Recovery {
  #isMissing = false
  #back = new AbortController()

  /** Aborts when it is time to list again; watches that began after a recovery need a new one. */
  get signal(): AbortSignal {
    return this.#back.signal
  }

  /** A value was passed on unread. */
  missed(): void {
    this.#isMissing = true
  }

  /** A plugin answers. */
  recovered(): void {
    if (!this.#isMissing) return
    this.#isMissing = false
    const back = this.#back
    this.#back = new AbortController()
    // The caches know what to do when history is lost: list everything.
    back.abort(new CompactedError(0))
  }
}
