import { expect, test } from 'vitest'
import { dealHand, hashFlow } from './shuffle-sharding.ts'

const configs = [
  [1, 1],
  [8, 8],
  [16, 4],
  [64, 6],
  [128, 6],
] as const

for (const [deck, hand] of configs) {
  test(`dealHand() deals ${hand} different cards of ${deck}, each card about as often`, () => {
    const seen = new Array<number>(deck).fill(0)
    const flows = 2_000
    for (let flow = 0; flow < flows; flow++) {
      const cards = dealHand(hashFlow('schema', String(flow)), deck, hand)
      expect(new Set(cards).size).toBe(hand)
      for (const card of cards) seen[card] = (seen[card] ?? 0) + 1
    }
    const expected = (flows * hand) / deck
    expect(Math.min(...seen)).toBeGreaterThan(expected * 0.5)
    expect(Math.max(...seen)).toBeLessThan(expected * 1.5 + 1)
  })
}

test('dealHand() deals each hand of a small deck, as a count in a mixed base', () => {
  const hands = new Set(Array.from({ length: 24 }, (_, hash) => dealHand(BigInt(hash), 4, 3).join()))
  expect(hands.size).toBe(24)
  expect(dealHand(0n, 4, 3)).toEqual([0, 1, 2])
  expect(dealHand(23n, 4, 3)).toEqual([3, 2, 1])
})

test('hashFlow() tells schema and distinguisher apart', () => {
  expect(hashFlow('a', 'b')).not.toBe(hashFlow('ab', ''))
  expect(hashFlow('a', 'b')).toBe(hashFlow('a', 'b'))
})
