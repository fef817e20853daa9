/** Remembers what was made from which parts, so that equal parts give the same object again. */
export class Memo<T> {
  #known = new Map<string, { readonly parts: readonly unknown[]; readonly made: T }>()
  #next = new Map<string, { readonly parts: readonly unknown[]; readonly made: T }>()

  /** What `make` gave when it was last asked for `key` with these very parts. */
  get(key: string, parts: readonly unknown[], make: () => T): T {
    const known = this.#known.get(key)
    const isSame = known?.parts.length === parts.length && known.parts.every((part, index) => part === parts[index])
    const entry = known !== undefined && isSame ? known : { parts, made: make() }
    this.#next.set(key, entry)
    return entry.made
  }

  /** Ends a round: forgets what nobody asked for in it. */
  endRound(): void {
    this.#known = this.#next
    this.#next = new Map()
  }
}
