import { expect, test } from 'vitest'
import { type MapValue, mapValue, uint } from '../values.ts'
import { insertEntry } from './growing-map.ts'

function entries(map: MapValue): readonly unknown[] {
  return map.keys().map((key) => [key, map.find(key)])
}

test('insertEntry() leaves older versions as they were', () => {
  const empty = mapValue([])
  const one = insertEntry(empty, 'a', 1n)
  const two = insertEntry(one, 'b', 2n)
  expect([empty, one, two].map((map) => map.size)).toEqual([0, 1, 2])
  expect(one.find('b')).toBeUndefined()
  expect(entries(two)).toEqual([
    ['a', 1n],
    ['b', 2n],
  ])
})

test('insertEntry() lets two maps grow from one', () => {
  const base = insertEntry(mapValue([]), 'a', 1n)
  const left = insertEntry(base, 'b', 2n)
  const right = insertEntry(base, 'b', 3n)
  expect([left.find('b'), right.find('b'), base.find('b')]).toEqual([2n, 3n, undefined])
})

test('insertEntry() refuses a key that is there, whatever its number type', () => {
  const map = insertEntry(mapValue([]), 1n, 'a')
  expect(() => insertEntry(map, uint(1n), 'b')).toThrow('insert failed: key 1 already exists')
})
