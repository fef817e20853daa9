/**
 * Entries in the order of their keys, in blocks of a bounded length: one more or one less moves the entries of one block, not all
 * of them, so that a hundred thousand pods cost no more per change than a hundred.
 */
import type { CacheEntry } from './cache-entry.ts'

/** A block of this many entries is split into two halves. */
const longestBlock = 1024

/** A sorted sequence without doubles. */
export class SortedEntries {
  /** Never empty, each sorted, and each after the one before. */
  #blocks: CacheEntry[][] = []

  constructor(entries: readonly CacheEntry[] = []) {
    const sorted = entries.toSorted((a, b) => (a.key < b.key ? -1 : 1))
    const length = longestBlock / 2
    for (let at = 0; at < sorted.length; at += length) this.#blocks.push(sorted.slice(at, at + length))
  }

  /** Adds the entry, or puts it in the place of the one with its key. */
  put(entry: CacheEntry): void {
    const index = this.#blockOf(entry.key)
    const block = this.#blocks[index]
    if (block === undefined) {
      this.#blocks.push([entry])
      return
    }
    const at = indexIn(block, entry.key)
    if (block[at]?.key === entry.key) {
      block[at] = entry
      return
    }
    block.splice(at, 0, entry)
    if (block.length > longestBlock) this.#blocks.splice(index + 1, 0, block.splice(longestBlock / 2))
  }

  delete(key: string): void {
    const index = this.#blockOf(key)
    const block = this.#blocks[index]
    if (block === undefined) return
    const at = indexIn(block, key)
    if (block[at]?.key !== key) return
    block.splice(at, 1)
    if (block.length === 0) this.#blocks.splice(index, 1)
  }

  /** Those with `from <= key < to`. */
  between(from: string, to: string): CacheEntry[] {
    const found: CacheEntry[][] = []
    for (let index = this.#blockOf(from); index < this.#blocks.length; index++) {
      const block = this.#blocks[index] ?? []
      const end = indexIn(block, to)
      found.push(block.slice(indexIn(block, from), end))
      if (end < block.length) break
    }
    return found.flat()
  }

  /** The last block that begins at or before `key`, or the first one. */
  #blockOf(key: string): number {
    let low = 0
    let high = this.#blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#blocks[middle]?.[0]?.key ?? '') <= key) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }
}

/** Where `key` is, or would be, in a sorted block. */
function indexIn(block: readonly CacheEntry[], key: string): number {
  let low = 0
  let high = block.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((block[middle]?.key ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}
