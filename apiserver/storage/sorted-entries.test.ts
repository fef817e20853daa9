import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CacheEntry } from './cache-entry.ts'
import { SortedEntries } from './sorted-entries.ts'

const entry = (key: string, revision = 1): CacheEntry => new CacheEntry(key, revision, Buffer.from('{}'))
const numbered = (from: number, to: number): CacheEntry[] =>
  Array.from({ length: to - from }, (_, at) => entry(`/pods/${String(from + at).padStart(6, '0')}`))

test('SortedEntries is after any changes what sorting the rest gives', () => {
  const key = fc.nat(400).map((number) => `/pods/${number}`)
  const change = fc.record({ key, isGone: fc.boolean() })
  fc.assert(
    fc.property(fc.uniqueArray(key), fc.array(change, { maxLength: 300 }), key, key, (first, changes, from, to) => {
      const sorted = new SortedEntries(first.map((one) => entry(one)))
      const expected = new Map(first.map((one) => [one, 1]))
      for (const [at, { key, isGone }] of changes.entries()) {
        if (isGone) sorted.delete(key)
        else sorted.put(entry(key, at))
        if (isGone) expected.delete(key)
        else expected.set(key, at)
      }
      const within = [...expected].filter(([one]) => one >= from && one < to).toSorted(([a], [b]) => (a < b ? -1 : 1))
      expect(sorted.between(from, to).map(({ key, revision }) => [key, revision])).toEqual(within)
    }),
  )
})

test.each([
  ['upwards', (entries: CacheEntry[]) => entries],
  ['downwards', (entries: CacheEntry[]) => entries.toReversed()],
  ['odd ones first', (entries: CacheEntry[]) => [1, 0].flatMap((rest) => entries.filter((_, at) => at % 2 === rest))],
])('SortedEntries keeps thousands in order that come %s, over many blocks', (_, arranged) => {
  const entries = numbered(0, 5_000)
  const sorted = new SortedEntries(numbered(2_000, 3_000))
  for (const one of arranged(entries)) sorted.put(one)
  expect(sorted.between('/pods/', '/pods0').map(({ key }) => key)).toEqual(entries.map(({ key }) => key))
  for (const { key } of entries) sorted.delete(key)
  expect(sorted.between('', '~')).toEqual([])
})
