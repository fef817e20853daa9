import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  milliValue,
  parseQuantity,
  scaledAmount,
  subQuantities,
  wholeValue,
} from './quantity.ts'

const canonical = [
  ['0', '0'],
  ['1000m', '1'],
  ['1500m', '1500m'],
  ['0.5', '500m'],
  ['1.5', '1500m'],
  ['1024Mi', '1Gi'],
  ['1000Mi', '1000Mi'],
  ['1.5Gi', '1536Mi'],
  ['0.5Ki', '512'],
  ['100M', '100M'],
  ['1000M', '1G'],
  ['1e3', '1e3'],
  ['1000e0', '1e3'],
  ['1E', '1E'],
  ['1000E', '1e21'],
  ['0.1n', '1n'],
  ['1.1n', '2n'],
  ['-1000m', '-1'],
  ['.5', '500m'],
  ['1.', '1.'],
  ['9223372036854775808Ki', '9223372036854775807'],
  ['0.0', '0'],
  ['00', '0'],
] as const
for (const [text, want] of canonical) {
  test(`canonicalQuantity() writes ${text} as ${want}`, () => expect(canonicalQuantity(text)).toBe(want))
}

for (const text of ['', 'abc', '1x', '1 ', ' 1', '1mm', '--1', '1Kib', 'e-10', 'Ei', '1e', '1ki', '1e99999', '1.2.3']) {
  test(`parseQuantity() refuses "${text}"`, () => expect(parseQuantity(text)).toBeUndefined())
}

for (const text of ['-', '+', '.', 'm', 'n', 'Ki', 'e3', 'e-9']) {
  test(`parseQuantity() reads "${text}", which has no digits, as 0`, () => expect(parseQuantity(text)?.nano).toBe(0n))
}

const scaled = [
  ['1', 1n, 0, true],
  ['1.0', 10n, -1, true],
  ['1k', 1n, 3, true],
  ['1Ki', 1024n, 0, true],
  ['1.5Ki', 1_536_000_000_000n, -9, false],
  ['1234567890123456789', 1_234_567_890_123_456_789_000_000_000n, -9, false],
  ['0.0000000001', 1n, -9, false],
] as const
for (const [text, value, scale, small] of scaled) {
  test(`scaledAmount() keeps ${text} as upstream does`, () =>
    expect(scaledAmount(text)).toEqual({ value, scale, small }))
}

test('milliValue() and wholeValue() round up', () => {
  expect(milliValue('100m')).toBe(100)
  expect(milliValue('2')).toBe(2000)
  expect(milliValue('1n')).toBe(1)
  expect(wholeValue('1m')).toBe(1)
  expect(wholeValue('1Gi')).toBe(1024 ** 3)
  expect(wholeValue('1.5Gi')).toBe(1.5 * 1024 ** 3)
  expect(wholeValue('-1500m')).toBe(-2)
})

const amount = fc
  .tuple(
    fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }),
    fc.constantFrom('n', 'u', 'm', '', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e2'),
  )
  .map(([value, suffix]) => `${value}${suffix}`)

function must(text: string) {
  const quantity = parseQuantity(text)
  if (quantity === undefined) throw new Error(text)
  return quantity
}

test('formatQuantity() keeps the amount and is stable', () => {
  fc.assert(
    fc.property(amount, (text) => {
      const written = formatQuantity(must(text))
      expect(compareQuantities(must(written), must(text))).toBe(0)
      expect(formatQuantity(must(written))).toBe(written)
    }),
  )
})

test('addQuantities() is undone by subQuantities()', () => {
  fc.assert(
    fc.property(amount, amount, (a, b) => {
      expect(compareQuantities(subQuantities(addQuantities(must(a), must(b)), must(b)), must(a))).toBe(0)
    }),
  )
})

test('milliValue() and wholeValue() agree with the exact amount', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 999_999 }),
      fc.constantFrom('m', '', 'Ki', 'Mi', 'k', 'u'),
      (value, suffix) => {
        const { nano } = must(`${value}${suffix}`)
        expect(milliValue(`${value}${suffix}`)).toBe(Number((nano + 999_999n) / 1_000_000n))
        expect(wholeValue(`${value}${suffix}`)).toBe(Number((nano + 999_999_999n) / 1_000_000_000n))
      },
    ),
  )
})
