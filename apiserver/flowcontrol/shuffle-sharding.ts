/**
 * Shuffle sharding: each flow is dealt a small hand of queues, so that a flood in one flow leaves most others at least one
 * queue without it. Pure. Source: KEP-1040.
 */
import { createHash } from 'node:crypto'

/** 64 bits that stand for a flow. The same as upstream's, so that dumps of both servers compare. */
export function hashFlow(schema: string, distinguisher: string): bigint {
  return createHash('sha256').update(`${schema}\0${distinguisher}`).digest().readBigUInt64LE(0)
}

/** Deals `handSize` different cards out of `deckSize`, decided by the hash alone. */
export function dealHand(hash: bigint, deckSize: number, handSize: number): readonly number[] {
  const hand: number[] = []
  let entropy = hash
  for (let dealt = 0; dealt < handSize; dealt++) {
    const left = BigInt(deckSize - dealt)
    hand.push(nthFree(Number(entropy % left), hand))
    entropy /= left
  }
  return hand
}

/** The card at `position` among those that are not in the hand yet. */
function nthFree(position: number, hand: readonly number[]): number {
  let card = position
  for (const taken of hand.toSorted((a, b) => a - b)) if (taken <= card) card += 1
  return card
}
