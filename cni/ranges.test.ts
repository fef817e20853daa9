import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAddress, parseAddress } from '../component-base/ip-address.ts'
import { candidates, parseRange, rangeOf } from './ranges.ts'

const texts = (last: string | undefined, ...ranges: readonly Record<string, string>[]): readonly string[] => {
  const set = ranges.map((value) => parseRange(value))
  return [...candidates(set, last === undefined ? undefined : parseAddress(last))].map(({ address }) =>
    formatAddress(address),
  )
}

test('parseRange() fills in start, end and gateway', () => {
  const { start, end, gateway } = parseRange({ subnet: '10.244.1.0/24' })
  expect([start, end, gateway].map(formatAddress)).toEqual(['10.244.1.1', '10.244.1.254', '10.244.1.1'])
})

const refusals = [
  { range: { subnet: 'x' }, message: 'invalid CIDR address: x' },
  { range: { subnet: '10.0.0.0/31' }, message: 'Network 10.0.0.0/31 too small to allocate from' },
  {
    range: { subnet: '10.0.0.1/24' },
    message: 'Network has host bits set. For a subnet mask of length 24 the network address is 10.0.0.0',
  },
  {
    range: { subnet: '10.0.0.0/24', rangeStart: '10.0.1.1' },
    message: 'RangeStart 10.0.1.1 not in network 10.0.0.0/24',
  },
]
for (const { range, message } of refusals) {
  test(`parseRange() refuses ${JSON.stringify(range)}`, () => expect(() => parseRange(range)).toThrow(message))
}

test('candidates() begin at the start and leave the gateway out', () => {
  expect(texts(undefined, { subnet: '10.0.0.0/29' })).toEqual([
    '10.0.0.2',
    '10.0.0.3',
    '10.0.0.4',
    '10.0.0.5',
    '10.0.0.6',
  ])
})

test('candidates() go on behind the last reserved address, and end with it', () => {
  expect(texts('10.0.0.4', { subnet: '10.0.0.0/29' })).toEqual([
    '10.0.0.5',
    '10.0.0.6',
    '10.0.0.2',
    '10.0.0.3',
    '10.0.0.4',
  ])
})

test('candidates() begin anew when the last reserved address is of another range', () => {
  expect(texts('10.9.9.9', { subnet: '10.0.0.0/29' })).toHaveLength(5)
})

test('candidates() walk through all ranges of a set, from any place, each address once', () => {
  const small = fc.constantFrom(29, 28, 30)
  fc.assert(
    fc.property(fc.array(small, { minLength: 1, maxLength: 3 }), fc.nat(), (prefixes, pick) => {
      const ranges = prefixes.map((prefix, index) => ({ subnet: `10.0.${index}.0/${prefix}` }))
      const all = texts(undefined, ...ranges)
      const from = texts(all[pick % all.length], ...ranges)
      expect([...from].sort()).toEqual([...all].sort())
      expect(new Set(from).size).toBe(from.length)
    }),
  )
})

test('rangeOf() finds the range that holds an address', () => {
  const set = [parseRange({ subnet: '10.0.0.0/24' }), parseRange({ subnet: 'fd00::/64' })]
  const find = (text: string): unknown => {
    const address = parseAddress(text)
    return address === undefined ? undefined : rangeOf(set, address)
  }
  expect(find('fd00::9')).toBe(set[1])
  expect(find('10.0.0.255')).toBeUndefined()
})
