import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatFixed, formatScientific, plainFixed } from './localized-number.ts'

const fixed = [
  [0, 2, '0.00'],
  [1234567.891, 2, '1,234,567.89'],
  [0.5, 0, '0'],
  [1.5, 0, '2'],
  [2.5, 0, '2'],
  [-0.4, 0, '-0'],
  [1.005, 2, '1.00'],
  [0.25, 1, '0.2'],
  [1e21, 6, '1,000,000,000,000,000,000,000.000000'],
  [0.1, 20, '0.10000000000000000555'],
  [0.1, 256, '0.1000000000000000055511151231257827021181583404541015625'],
  [0.1, 40_000, `0.1${'0'.repeat(63)}`],
  [1.5, 999_999_999, '%!(NOVERB)'],
  [Number.NaN, 3, 'NaN'],
  [Number.NEGATIVE_INFINITY, 3, '-∞'],
] as const
for (const [value, precision, want] of fixed) {
  test(`formatFixed() writes ${value} with ${precision} digits as ${want}`, () =>
    expect(formatFixed(value, precision)).toBe(want))
}

const scientific = [
  [0, 6, '0.000000×10⁰⁰'],
  [1052.032911275, 6, '1.052033×10⁰³'],
  [10_000_005, 6, '1.000000×10⁰⁷'],
  [10_000_015, 6, '1.000002×10⁰⁷'],
  [99_999_995, 6, '1.000000×10⁰⁸'],
  [-1e100, 6, '-1.000000×10¹⁰⁰'],
  [1e-300, 6, '1.000000×10⁻³⁰⁰'],
  [1.5, 15, '  1.500000×10⁰⁰'],
  [Number.NaN, 6, '   NaN'],
] as const
for (const [value, width, want] of scientific) {
  test(`formatScientific() writes ${value} in ${width} places as ${want}`, () =>
    expect(formatScientific(value, width)).toBe(want))
}

test('formatFixed() and plainFixed() read back as the number, rounded', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, min: -1e15, max: 1e15 }), (value) => {
      expect(Number(formatFixed(value, 6).replaceAll(',', ''))).toBeCloseTo(value, 5)
      expect(plainFixed(value)).toBe(
        formatFixed(value, 6)
          .replaceAll(',', '')
          .replace(/^(?=0\.0*$)/, Object.is(value, -0) ? '-' : ''),
      )
    }),
  )
})

test('formatScientific() keeps seven digits', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const [digits = '', exponent = ''] = formatScientific(value, 0).split('×10')
      const power = [...exponent].map((digit) => (digit === '⁻' ? '-' : '⁰¹²³⁴⁵⁶⁷⁸⁹'.indexOf(digit))).join('')
      const read = Number(`${digits}e${power}`)
      expect(Math.abs(read - value)).toBeLessThanOrEqual(Math.abs(value) * 1e-6)
    }),
  )
})
