/**
 * The controllers' queue: a key that is waiting is not added twice; a key that is being worked on is handed out again only
 * after `done`. So one worker at a time has a key, and no change is lost.
 */
import type { Clock } from '../../component-base/clock.ts'
import { type Backoff, backoffMs, itemBackoff } from './backoff.ts'

export type Workqueue<Key extends string = string> = {
  readonly add: (key: Key) => void
  readonly addAfter: (key: Key, ms: number) => void
  /** Adds after the key's back-off, which grows with every call until `forget`. */
  readonly addRateLimited: (key: Key) => void
  readonly forget: (key: Key) => void
  readonly failures: (key: Key) => number
  /** The next key; `undefined` once the queue is shut down. Call `done` when finished with it. */
  readonly take: () => Promise<Key | undefined>
  readonly done: (key: Key) => void
  readonly shutDown: () => void
  readonly length: () => number
}

/** Makes an empty queue. */
export function createWorkqueue<Key extends string = string>(options: {
  readonly clock: Clock
  readonly backoff?: Backoff
  readonly random?: () => number
}): Workqueue<Key> {
  const { clock, backoff = itemBackoff, random = Math.random } = options
  const waiting = new Set<Key>()
  const working = new Set<Key>()
  /** Changed while being worked on: waits again at `done`. */
  const dirty = new Set<Key>()
  const failures = new Map<Key, number>()
  const delayedUntil = new Map<Key, number>()
  const takers: ((key: Key | undefined) => void)[] = []
  const stop = new AbortController()

  const add = (key: Key): void => {
    if (stop.signal.aborted) return
    if (working.has(key)) dirty.add(key)
    else waiting.add(key)
    hand()
  }
  const hand = (): void => {
    for (const key of waiting) {
      const taker = takers.shift()
      if (taker === undefined) return
      waiting.delete(key)
      working.add(key)
      taker(key)
    }
  }
  const addAfter = (key: Key, ms: number): void => {
    if (ms <= 0) {
      add(key)
      return
    }
    const at = clock.now() + ms
    const earlier = delayedUntil.get(key)
    if (earlier !== undefined && earlier <= at) return
    delayedUntil.set(key, at)
    const wake = (): void => {
      if (delayedUntil.get(key) === at) delayedUntil.delete(key)
      add(key)
    }
    // Only a shut-down rejects the sleep, and then nobody waits for the key.
    clock.sleep(ms, stop.signal).then(wake, () => {})
  }
  return {
    add,
    addAfter,
    addRateLimited: (key) => {
      const count = (failures.get(key) ?? 0) + 1
      failures.set(key, count)
      addAfter(key, backoffMs(backoff, count, random))
    },
    forget: (key) => {
      failures.delete(key)
    },
    failures: (key) => failures.get(key) ?? 0,
    take: () =>
      new Promise((resolve) => {
        if (stop.signal.aborted) return resolve(undefined)
        takers.push(resolve)
        hand()
      }),
    done: (key) => {
      working.delete(key)
      if (dirty.delete(key)) add(key)
    },
    shutDown: () => {
      stop.abort()
      for (const taker of takers.splice(0)) taker(undefined)
    },
    length: () => waiting.size,
  }
}
