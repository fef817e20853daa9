import { expect, test } from 'vitest'
import { featureChange } from './ethtool.ts'

test('featureChange() marks what is meant in one word and what it shall be in the next', () => {
  const names = Array.from({ length: 40 }, (_, index) => `feature-${index}`)
  const change = featureChange(names, { 'feature-1': true, 'feature-31': false, 'feature-39': true, unknown: true })
  const words = Array.from({ length: change.length / 4 }, (_, index) => change.readUInt32LE(index * 4))
  expect(words).toEqual([0x3b, 2, 0x8000_0002, 0x0000_0002, 0x80, 0x80])
})
