/** A binary heap whose items can also be found, replaced and removed by key. */
export class Heap<T> {
  readonly #items: T[] = []
  readonly #positions = new Map<string, number>()
  readonly #keyOf: (item: T) => string
  readonly #isBefore: (left: T, right: T) => boolean

  constructor(options: { readonly keyOf: (item: T) => string; readonly isBefore: (left: T, right: T) => boolean }) {
    this.#keyOf = options.keyOf
    this.#isBefore = options.isBefore
  }

  get size(): number {
    return this.#items.length
  }

  get(key: string): T | undefined {
    const position = this.#positions.get(key)
    return position === undefined ? undefined : this.#items[position]
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  /** Adds the item, or puts it in the place of the one with the same key. */
  set(item: T): void {
    const key = this.#keyOf(item)
    this.delete(key)
    this.#items.push(item)
    this.#positions.set(key, this.#items.length - 1)
    this.#rise(this.#items.length - 1)
  }

  /** Takes out the first item. */
  pop(): T | undefined {
    const first = this.#items[0]
    if (first !== undefined) this.delete(this.#keyOf(first))
    return first
  }

  delete(key: string): T | undefined {
    const position = this.#positions.get(key)
    if (position === undefined) return undefined
    const item = this.#items[position]
    const last = this.#items.pop()
    this.#positions.delete(key)
    if (last !== undefined && position < this.#items.length) {
      this.#place(last, position)
      this.#rise(position)
      this.#sink(position)
    }
    return item
  }

  values(): readonly T[] {
    return [...this.#items]
  }

  #place(item: T, position: number): void {
    this.#items[position] = item
    this.#positions.set(this.#keyOf(item), position)
  }

  #rise(from: number): void {
    let position = from
    while (position > 0) {
      const parent = (position - 1) >> 1
      if (!this.#swapIfBefore(position, parent)) return
      position = parent
    }
  }

  #sink(from: number): void {
    let position = from
    while (true) {
      const left = 2 * position + 1
      const first = this.#comesFirst(left, left + 1)
      if (first === undefined || !this.#swapIfBefore(first, position)) return
      position = first
    }
  }

  #comesFirst(left: number, right: number): number | undefined {
    const [leftItem, rightItem] = [this.#items[left], this.#items[right]]
    if (leftItem === undefined) return undefined
    return rightItem !== undefined && this.#isBefore(rightItem, leftItem) ? right : left
  }

  #swapIfBefore(lower: number, upper: number): boolean {
    const [lowerItem, upperItem] = [this.#items[lower], this.#items[upper]]
    if (lowerItem === undefined || upperItem === undefined || !this.#isBefore(lowerItem, upperItem)) return false
    this.#place(lowerItem, upper)
    this.#place(upperItem, lower)
    return true
  }
}
