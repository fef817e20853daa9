import { expect, test } from 'vitest'
import { familyOf, firstFree, isInPool, parseRange, sizeOf } from './pool.ts'
import { poolOf } from './testing.ts'

test('parseRange() reads ranges, subnets and single addresses', () => {
  const sizes = ['192.0.2.1-192.0.2.3', '192.0.2.0/28', '192.0.2.9', '2001:db8::-2001:db8::ff', '2001:db8::/64'].map(
    (text) => sizeOf(poolOf(text)),
  )
  expect(sizes).toEqual([3n, 16n, 1n, 256n, 2n ** 64n])
})

test('parseRange() refuses what is none', () => {
  const wrong = ['', '192.0.2.1-', '192.0.2.3-192.0.2.1', '192.0.2.1-2001:db8::1', '192.0.2.0/33', '1-2-3', 'pool']
  expect(wrong.filter((text) => parseRange(text) !== undefined)).toEqual([])
})

test('isInPool() counts both ends and keeps families apart', () => {
  const pool = poolOf('192.0.2.10-192.0.2.12', '2001:db8::/120')
  const inside = ['192.0.2.10', '192.0.2.12', '2001:db8::ff']
  const outside = ['192.0.2.9', '192.0.2.13', '2001:db8::100', '::c000:20a', 'x']
  expect([...inside, ...outside].filter((address) => isInPool(pool, address))).toEqual(inside)
})

test('firstFree() goes from range to range, and through a huge one no further than it must', () => {
  const pool = poolOf('192.0.2.1', '2001:db8::/64')
  expect(firstFree(pool, () => false)).toBe('192.0.2.1')
  expect(firstFree(pool, (address) => familyOf(address) === 'IPv4' || address === '2001:db8::')).toBe('2001:db8::1')
  expect(firstFree(poolOf('192.0.2.1-192.0.2.2'), () => true)).toBeUndefined()
})
