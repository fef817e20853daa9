import { expect, test } from 'vitest'
import { adjustLimits, type Demand, maxSeatsOf, nominalLimits, shareFairly } from './limits.ts'

const shipped = [
  { name: 'exempt', shares: 0, lendablePercent: 0 },
  { name: 'catch-all', shares: 5, lendablePercent: 0 },
  { name: 'system', shares: 30, lendablePercent: 33 },
  { name: 'node-high', shares: 40, lendablePercent: 25 },
  { name: 'leader-election', shares: 10, lendablePercent: 0 },
  { name: 'workload-high', shares: 40, lendablePercent: 50 },
  { name: 'workload-low', shares: 100, lendablePercent: 90 },
  { name: 'global-default', shares: 20, lendablePercent: 50 },
]

// Read from an upstream server's metrics.
const upstream = {
  'catch-all': [13, 13, 613],
  exempt: [0, 0, 600],
  'global-default': [49, 24, 649],
  'leader-election': [25, 25, 625],
  'node-high': [98, 73, 698],
  system: [74, 50, 674],
  'workload-high': [98, 49, 698],
  'workload-low': [245, 24, 845],
}

for (const [name, [nominal, min, max]] of Object.entries(upstream)) {
  test(`nominalLimits() gives ${name} ${nominal} of 600 seats`, () => {
    expect(nominalLimits(shipped, 600).get(name)).toEqual({ nominal, min, max })
  })
}

test('nominalLimits() lets a level borrow no more than it may', () => {
  const levels = [
    { name: 'a', shares: 1, lendablePercent: 50, borrowingLimitPercent: 20 },
    { name: 'b', shares: 1, lendablePercent: 0, borrowingLimitPercent: 0 },
  ]
  const limits = nominalLimits(levels, 100)
  expect(limits.get('a')).toEqual({ nominal: 50, min: 25, max: 60 })
  expect(limits.get('b')).toEqual({ nominal: 50, min: 50, max: 50 })
})

test.each([
  [245, 6, 37],
  [25, 4, 4],
  [49, 6, 8],
  [3, 6, 1],
])('maxSeatsOf(%d seats, hands of %d) is %d', (nominal, hand, want) => {
  expect(maxSeatsOf(nominal, hand)).toBe(want)
})

const level = (name: string, demand: Partial<Demand>): Demand => ({
  name,
  isExempt: false,
  nominal: 100,
  min: 50,
  max: 200,
  highest: 0,
  smoothed: 0,
  current: 100,
  ...demand,
})

test('adjustLimits() lends the seats of the idle to the busy, and gives them back at once', () => {
  const idle = adjustLimits([level('a', {}), level('b', { highest: 180, smoothed: 150 })])
  expect(idle.limits.get('a')).toBe(50)
  expect(idle.limits.get('b')).toBe(150)
  const back = adjustLimits([level('a', { highest: 100, smoothed: 10 }), level('b', { highest: 180, smoothed: 150 })])
  expect(back.limits.get('a')).toBe(100)
  expect(back.limits.get('b')).toBe(100)
})

test('adjustLimits() takes what exempt requests use from the rest', () => {
  const exempt = level('exempt', { isExempt: true, nominal: 0, min: 0, highest: 80 })
  const busy = { highest: 100, smoothed: 100 }
  const { limits, fairFraction } = adjustLimits([exempt, level('a', busy), level('b', busy)])
  expect(limits.get('exempt')).toBe(80)
  // 120 are left: 50 each are certain, and the 20 above are shared.
  expect(limits.get('a')).toBe(60)
  expect(limits.get('b')).toBe(60)
  expect(fairFraction).toBe(0)
})

test('adjustLimits() leaves everyone what is not lendable, even when nothing is left', () => {
  const exempt = level('exempt', { isExempt: true, nominal: 0, min: 0, highest: 500 })
  const { limits } = adjustLimits([exempt, level('a', { highest: 100 })])
  expect(limits.get('a')).toBe(50)
})

test.each([
  [
    'no bound matters',
    60,
    [
      [0, 100, 10],
      [0, 100, 20],
    ],
    [20, 40],
  ],
  [
    'a lower bound holds',
    60,
    [
      [30, 100, 10],
      [0, 100, 50],
    ],
    [30, 30],
  ],
  [
    'an upper bound holds',
    60,
    [
      [0, 10, 10],
      [0, 100, 10],
    ],
    [10, 50],
  ],
  [
    'targets are zero',
    60,
    [
      [0, 100, 0],
      [0, 100, 0],
    ],
    [30, 30],
  ],
  [
    'bounds are the sum',
    60,
    [
      [10, 10, 5],
      [50, 50, 5],
    ],
    [10, 50],
  ],
] as const)('shareFairly() when %s', (_, sum, items, want) => {
  const shared = shareFairly(
    sum,
    items.map(([low, high, target]) => ({ low, high, target })),
  )
  for (const [at, share] of want.entries()) expect(shared?.shares[at]).toBeCloseTo(share, 6)
})

test.each([
  ['too little', 5, 10, 20],
  ['too much', 50, 10, 20],
])('shareFairly() has no answer when there is %s', (_, sum, low, high) => {
  expect(shareFairly(sum, [{ low, high, target: 15 }])).toBeUndefined()
})
