import { expect, test } from 'vitest'
import { firstFreeIndexes, formatIndexes, parseIndexes } from './indexes.ts'

test.each([
  ['', []],
  ['3', [3]],
  ['0,2-5', [0, 2, 3, 4, 5]],
  ['8-20', [8, 9]],
  ['x,1', [1]],
])('parseIndexes() reads %j below 10 as %j', (text, indexes) => {
  expect([...parseIndexes(text, 10)]).toEqual(indexes)
})

test.each([
  [[], ''],
  [[4, 3], '3,4'],
  [[1, 2, 3, 7, 5], '1-3,5,7'],
])('formatIndexes() writes %j as %j', (indexes, text) => {
  expect(formatIndexes(new Set(indexes))).toBe(text)
})

test('firstFreeIndexes() takes the lowest ones', () => {
  expect(firstFreeIndexes(5, new Set([0, 2]), 2)).toEqual([1, 3])
})
