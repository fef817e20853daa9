/**
 * Metrics that cost a request nanoseconds: numbers kept by whoever counts, given to the registry when someone reads it. The
 * library's own metrics hash and check their labels at every step, which is microseconds each.
 */
import { Buckets } from './buckets.ts'
import { Counter, Gauge, Histogram, type Registry } from './metrics.ts'

export type Labels = Readonly<Record<string, string>>
export type Samples<T> = readonly { readonly labels: Labels; readonly value: T }[]
export type MetricFacts = { readonly name: string; readonly help: string; readonly labelNames: readonly string[] }

/** Values by label sets, each found by a key that the caller makes of what the labels say. */
export class Tallies<T> {
  readonly #make: () => T
  readonly #byKey = new Map<string, { readonly labels: Labels; readonly value: T }>()

  constructor(make: () => T) {
    this.#make = make
  }

  /** The value with this key; `labels` are asked for when it is new. */
  of(key: string, labels: () => Labels): T {
    const known = this.#byKey.get(key)
    if (known !== undefined) return known.value
    const made = { labels: labels(), value: this.#make() }
    this.#byKey.set(key, made)
    return made.value
  }

  samples(): Samples<T> {
    return [...this.#byKey.values()]
  }
}

/** A number that only grows. */
export class Count {
  value = 0

  add(more = 1): void {
    this.value += more
  }
}

/** Registers a counter and gives what counts for it. */
export function countTallies(registry: Registry, facts: MetricFacts): Tallies<Count> {
  const tallies = new Tallies(() => new Count())
  registerCounter(registry, facts, () => tallies.samples().map(({ labels, value }) => ({ labels, value: value.value })))
  return tallies
}

/** Registers a histogram and gives what observes for it. */
export function bucketTallies(registry: Registry, facts: MetricFacts, bounds: readonly number[]): Tallies<Buckets> {
  const tallies = new Tallies(() => new Buckets(bounds))
  registerHistogram(registry, facts, () => tallies.samples())
  return tallies
}

/** A gauge whose values are asked for. */
export function registerGauge(registry: Registry, facts: MetricFacts, samples: () => Samples<number>): void {
  const metric: Gauge = new Gauge({
    ...facts,
    labelNames: [...facts.labelNames],
    registers: [registry],
    collect: () => {
      metric.reset()
      for (const { labels, value } of samples()) metric.set(labels, value)
    },
  })
}

/** A counter whose values are asked for. */
export function registerCounter(registry: Registry, facts: MetricFacts, samples: () => Samples<number>): void {
  const metric: Counter = new Counter({
    ...facts,
    labelNames: [...facts.labelNames],
    registers: [registry],
    collect: () => {
      metric.reset()
      for (const { labels, value } of samples()) metric.inc(labels, value)
    },
  })
}

/** A histogram whose buckets are asked for. */
export function registerHistogram(registry: Registry, facts: MetricFacts, samples: () => Samples<Buckets>): void {
  registry.registerMetric(new ReadHistogram(facts, samples))
}

type PrometheusValues = Awaited<ReturnType<Histogram['get']>>

/** A histogram that is kept elsewhere. */
class ReadHistogram extends Histogram {
  readonly #facts: MetricFacts
  readonly #samples: () => Samples<Buckets>

  constructor(facts: MetricFacts, samples: () => Samples<Buckets>) {
    super({ ...facts, labelNames: [...facts.labelNames], registers: [] })
    this.#facts = facts
    this.#samples = samples
  }

  /** The library's own short cut for the text format. */
  async getForPromString(): Promise<PrometheusValues> {
    return await this.get()
  }

  override async get(): Promise<PrometheusValues> {
    const { name, help } = this.#facts
    const values = this.#samples().flatMap((sample) => lines(name, sample))
    // The library's types name no histogram kept elsewhere; its text writer reads just these fields.
    return { name, help, type: 'histogram', aggregator: 'sum', values } as unknown as PrometheusValues
  }
}

type Line = { readonly metricName: string; readonly labels: Labels; readonly value: number }

function lines(name: string, { labels, value }: Samples<Buckets>[number]): readonly Line[] {
  const { bounds, counts, sum } = value
  let count = 0
  const buckets = counts.map((inBucket, at) => {
    count += inBucket
    const le = at < bounds.length ? String(bounds[at]) : '+Inf'
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
  })
  if (count === 0) return []
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
