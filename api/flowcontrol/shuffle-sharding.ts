/** How many bits of a hash it takes to deal a hand. Source: upstream's `shufflesharding`. */

/** The bits that a flow's hash has for it. */
export const maxHashBits = 60

/** Bits to choose `handSize` of `deckSize` queues. */
export function requiredEntropyBits(deckSize: number, handSize: number): number {
  return Math.ceil(Math.log2(deckSize) * handSize)
}
