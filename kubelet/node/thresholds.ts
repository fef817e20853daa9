/** Eviction thresholds: how little of something may be left. Pure. Source: `evictionHard` of the KubeletConfiguration. */
import { parseQuantity, wholeValue } from '../../apimachinery/quantity.ts'

export const evictionSignals = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'pid.available',
] as const
export type EvictionSignal = (typeof evictionSignals)[number]
export type EvictionThreshold = {
  readonly signal: EvictionSignal
  /** An amount, or a share of the capacity (0.1 for `10%`). */
  readonly amount: number | undefined
  readonly share: number | undefined
}

/** The thresholds, or what is wrong. A threshold of `0%` or `100%` is switched off. */
export function parseThresholds(texts: Readonly<Record<string, unknown>>): readonly EvictionThreshold[] | string {
  const thresholds: EvictionThreshold[] = []
  for (const [name, value] of Object.entries(texts)) {
    const signal = evictionSignals.find((one) => one === name)
    if (signal === undefined) {
      // Signals of newer or older versions that this node cannot measure.
      if (['containerfs.available', 'containerfs.inodesFree', 'allocatableMemory.available'].includes(name)) continue
      return `made of known signals: ${name} is unknown`
    }
    const text = String(value)
    if (text === '0%' || text === '100%') continue
    const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)
    if (percent !== null) thresholds.push({ signal, amount: undefined, share: Number(percent[1]) / 100 })
    else if (parseQuantity(text) === undefined) return `made of quantities or percentages: ${text} is neither`
    else thresholds.push({ signal, amount: wholeValue(text), share: undefined })
  }
  return thresholds
}

/** How much must be left of a capacity. */
export function thresholdAmount({ amount, share }: EvictionThreshold, capacity: number): number {
  return amount ?? Math.floor(capacity * (share ?? 0))
}
