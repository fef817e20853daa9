import { expect, test } from 'vitest'
import { countIndexes, firstCommonIndex } from './indexes.ts'

const cases: readonly (readonly [string, number | string])[] = [
  ['', 0],
  ['0', 1],
  ['0-1,3', 3],
  ['5', 'too large index: "5"'],
  ['0-9', 'too large index: "9"'],
  ['1-0', 'non-increasing order, previous: 1, current: 0'],
  ['0,0', 'non-increasing order, previous: 0, current: 0'],
  ['0-1,1-2', 'non-increasing order, previous: 1, current: 1'],
  ['0,', 'cannot convert string to integer for index: ""'],
  ['0-x', 'cannot convert string to integer for index: "x"'],
  [
    '0-1-2',
    'the fragment "0-1-2" violates the requirement that an index interval can have at most two parts separated by \'-\'',
  ],
]
for (const [text, want] of cases) {
  test(`countIndexes makes ${want} of ${text === '' ? 'nothing' : text}`, () =>
    expect(countIndexes(text, 5)).toBe(want))
}

test('firstCommonIndex finds the first index of both lists and passes over what cannot be read', () => {
  expect(firstCommonIndex('0-2,4', '3', 9)).toBeUndefined()
  expect(firstCommonIndex('0-2,x,4-8', '3,6-7', 9)).toBe(6)
})
