/**
 * How the server's seats are shared among priority levels. Pure. Source: KEP-1040, "borrowing".
 *
 *   shares → nominal limit, what of it may be lent (min), what may be borrowed (max)
 *   demand of the last period → the current limit, between min and max
 */

export type Shares = {
  readonly name: string
  readonly shares: number
  readonly lendablePercent: number
  /** Absent: it may borrow all that others lend. */
  readonly borrowingLimitPercent?: number
}
export type Limits = { readonly nominal: number; readonly min: number; readonly max: number }

/** The limits that the configuration gives. Rounding up makes them a little more than the server has. */
export function nominalLimits(levels: readonly Shares[], serverSeats: number): ReadonlyMap<string, Limits> {
  const sum = levels.reduce((total, { shares }) => total + shares, 0)
  return new Map(
    levels.map(({ name, shares, lendablePercent, borrowingLimitPercent }) => {
      const nominal = sum === 0 ? 0 : Math.ceil((serverSeats * shares) / sum)
      const borrowed =
        borrowingLimitPercent === undefined ? serverSeats : Math.round((nominal * borrowingLimitPercent) / 100)
      return [name, { nominal, min: nominal - Math.round((nominal * lendablePercent) / 100), max: nominal + borrowed }]
    }),
  )
}

const mostShareOfOneRequest = 0.15

/** The seats that one request of a level with queues may take. */
export function maxSeatsOf(nominal: number, handSize: number): number {
  return Math.max(1, Math.min(Math.ceil(nominal * mostShareOfOneRequest), Math.floor(nominal / handSize)))
}

export type Demand = Limits & {
  readonly name: string
  readonly isExempt: boolean
  /** Of the last period. */
  readonly highest: number
  readonly smoothed: number
  readonly current: number
}
export type Adjustment = {
  readonly limits: ReadonlyMap<string, number>
  readonly targets: ReadonlyMap<string, number>
  readonly fairFraction: number
}

/** Limits for the next period: what exempt levels use comes first, the rest is shared by demand. */
export function adjustLimits(levels: readonly Demand[]): Adjustment {
  const limits = new Map<string, number>()
  let remaining = levels.reduce((sum, { nominal }) => sum + nominal, 0)
  const all = remaining
  for (const level of levels.filter(({ isExempt }) => isExempt)) {
    const used = Math.max(level.min, level.highest)
    limits.set(level.name, used)
    remaining -= used
  }
  const limited = levels.filter(({ isExempt }) => !isExempt)
  const needs = limited.map(neededNow)
  const targets = new Map(limited.map(({ name, smoothed }, at) => [name, Math.max(needs[at] ?? 0, smoothed)]))
  const leastSum = limited.reduce((sum, { min }) => sum + min, 0)
  const needSum = needs.reduce((sum, need) => sum + need, 0)
  if (remaining <= needSum) {
    // Too little even for what is needed: everyone keeps what is not lendable, and a fraction of the rest.
    const fraction = remaining <= leastSum ? 0 : (remaining - leastSum) / (needSum - leastSum)
    limited.forEach(({ name, min }, at) => {
      limits.set(name, min + Math.round(((needs[at] ?? min) - min) * fraction))
    })
    return { limits, targets, fairFraction: 0 }
  }
  const shared = shareFairly(
    all,
    limited.map(({ name, max }, at) => ({ low: needs[at] ?? 0, high: max, target: targets.get(name) ?? 0 })),
  )
  for (const [at, { name, current }] of limited.entries()) {
    limits.set(name, Math.round(shared?.shares[at] ?? current))
  }
  return { limits, targets, fairFraction: shared?.fraction ?? 0 }
}

/** What a level had a use for lately, within its own: what it has lent it gets back at once. */
function neededNow({ min, nominal, highest }: Demand): number {
  return Math.max(min, Math.min(nominal, highest))
}

const leastTarget = 0.001
const steps = 100

type Share = { readonly low: number; readonly high: number; readonly target: number }

/**
 * The one fraction of all targets, held between the bounds, with which the shares make up `sum`. `undefined` when the bounds
 * do not allow it. The sum grows with the fraction, so halving the interval finds it.
 */
export function shareFairly(
  sum: number,
  items: readonly Share[],
): { readonly shares: readonly number[]; readonly fraction: number } | undefined {
  const goals = items.map(({ low, high, target }) => ({ low, high, target: Math.max(target, leastTarget) }))
  const at = (fraction: number): readonly number[] =>
    goals.map(({ low, high, target }) => Math.max(low, Math.min(high, fraction * target)))
  const total = (fraction: number): number => at(fraction).reduce((all, share) => all + share, 0)
  let low = 0
  let high = Math.max(0, ...goals.map((goal) => goal.high / goal.target))
  if (total(low) > sum || total(high) < sum) return undefined
  for (let step = 0; step < steps; step++) {
    const middle = (low + high) / 2
    if (total(middle) < sum) low = middle
    else high = middle
  }
  return { shares: at(high), fraction: high }
}
