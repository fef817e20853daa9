import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSummedMemory } from './simd-sum.ts'
import { sumBytes } from './sums.ts'

const memory = createSummedMemory(200_000)

/** The same bytes for both ways. */
function fill(bytes: Uint8Array, shift: number) {
  if (memory === undefined) throw new Error('this machine has no such instructions')
  const { buffer, sum } = memory
  const words = { u8: new Uint8Array(buffer), u16: new Uint16Array(buffer), u32: new Uint32Array(buffer) }
  words.u8.set(bytes, shift)
  return { words, sum }
}

test.skipIf(memory === undefined)('createSummedMemory() sums as sumBytes() does, at every alignment and length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(70), (bytes, shift) => {
      const { words, sum } = fill(bytes, shift)
      expect(sum(shift, bytes.length)).toBe(sumBytes(words, shift, bytes.length))
    }),
    { numRuns: 500 },
  )
})

test.skipIf(memory === undefined)('createSummedMemory() reads no byte outside of what it is to sum up', () => {
  for (let length = 0; length <= 150; length += 1) {
    const { sum } = fill(new Uint8Array(400).fill(0xff), 0)
    fill(new Uint8Array(length), 64)
    expect(`${length}: ${sum(64, length)}`).toBe(`${length}: 0`)
  }
})

test.skipIf(memory === undefined)('createSummedMemory() carries when all bits are set', () => {
  for (const length of [64, 1_419, 65_535, 131_071]) {
    const { words, sum } = fill(new Uint8Array(length).fill(0xff), 1)
    expect(sum(1, length)).toBe(sumBytes(words, 1, length))
  }
})

test('createSummedMemory() gives at least what it was asked for', () => {
  expect(memory?.buffer.byteLength ?? 200_000).toBeGreaterThanOrEqual(200_000)
})
