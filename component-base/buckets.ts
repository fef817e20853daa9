/** Values counted by buckets: a number in an array is all that is touched. */
export class Buckets {
  /** Inclusive upper ends, as Prometheus has them. */
  readonly bounds: readonly number[]
  /** Per bucket, not yet summed up; the last is what is above all bounds. */
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    const { bounds, counts } = this
    let at = 0
    while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1
    counts[at] = (counts[at] ?? 0) + 1
    this.sum += value
  }
}
