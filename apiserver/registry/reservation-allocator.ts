/**
 * Numbers that must be given out once: Service addresses and node ports. What is taken is what the live Services hold,
 * plus what was given out a moment ago and does not show in the cache yet.
 */

/** Who holds a number: `namespace/name` of the Service. */
export type Holder = string

/** A Service's write shows in the cache, or has failed, long before this. */
const reservationMs = 15_000
/** A stored object shows in the cache within this time. */
const cacheLagMs = 1_000

/** `settledMs`: since when the Service is stored. */
type Held = { readonly holder: Holder; untilMs: number; settledMs?: number }

/** Remembers what was given out until it shows, is released, or is old. */
export class Reservations<Value extends number | string> {
  readonly #held = new Map<Value, Held>()

  /** Whether someone else than `holder` has just been given this number. */
  isHeldByOther(value: Value, holder: Holder, nowMs: number): boolean {
    const held = this.#held.get(value)
    return held !== undefined && held.untilMs > nowMs && held.holder !== holder
  }

  /** Whether anyone has just been given this number: one Service may hold several, each once. */
  isHeld(value: Value, nowMs: number): boolean {
    return (this.#held.get(value)?.untilMs ?? 0) > nowMs
  }

  hold(value: Value, holder: Holder, nowMs: number): void {
    this.#held.delete(value) // so that the map stays in order of time
    this.#held.set(value, { holder, untilMs: nowMs + reservationMs })
    for (const [old, { untilMs }] of this.#held) {
      if (untilMs > nowMs) break
      this.#held.delete(old)
    }
  }

  /** The Service is stored: from when the cache shows it, the cache alone counts. */
  settle(holder: Holder, nowMs: number): void {
    for (const held of this.#held.values()) {
      if (held.holder !== holder) continue
      held.untilMs = nowMs + cacheLagMs
      held.settledMs = nowMs
    }
  }

  /** The cache shows everything that was stored until then: of those Services it alone counts, also when they are gone by now. */
  caughtUp(storedUntilMs: number): void {
    for (const [value, { settledMs = Number.POSITIVE_INFINITY }] of this.#held) {
      if (settledMs <= storedUntilMs) this.#held.delete(value)
    }
  }

  /** Gives everything of a Service back: its write failed, or it is deleted. */
  release(holder: Holder): void {
    for (const [value, held] of this.#held) if (held.holder === holder) this.#held.delete(value)
  }
}

/** A range of numbers whose lower band is left to explicit wishes as long as the upper band has room. */
export type Bands = { readonly first: bigint; readonly size: bigint; readonly dynamicOffset: bigint }

/** What keeps a lower band within bounds: a part of the range (`1/step`), not less than `min` and not more than `max`. */
export type BandLimits = { readonly min: bigint; readonly max: bigint; readonly step: bigint }

/** The size of the band that is kept for explicit wishes; nothing of a small range. Source: KEP-3070 and KEP-3668. */
export function staticBandSize(rangeSize: bigint, { min, max, step }: BandLimits): bigint {
  if (rangeSize <= min) return 0n
  const part = rangeSize / step
  return part < min ? min : part > max ? max : part
}

/** A free number, at random from the upper band, else from the lower one; `undefined` when all are taken. */
export function pickFree(
  { first, size, dynamicOffset }: Bands,
  isTaken: (value: bigint) => boolean,
  random: () => number,
): bigint | undefined {
  const upper = pickFrom(first + dynamicOffset, size - dynamicOffset, isTaken, random)
  return upper ?? pickFrom(first, dynamicOffset, isTaken, random)
}

function pickFrom(
  first: bigint,
  size: bigint,
  isTaken: (value: bigint) => boolean,
  random: () => number,
): bigint | undefined {
  if (size <= 0n) return undefined
  const start = randomBelow(size, random)
  for (let i = 0n; i < size; i++) {
    const value = first + ((start + i) % size)
    if (!isTaken(value)) return value
  }
  return undefined
}

/** `random` has 53 bits: two of them make the 64 of the largest range. */
function randomBelow(size: bigint, random: () => number): bigint {
  const half = (): bigint => BigInt(Math.floor(random() * 2 ** 32))
  return (((half() << 32n) | half()) * size) >> 64n
}
