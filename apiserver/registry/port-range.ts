/**
 * Which node ports are given out, as one value in etcd that all API servers change by comparing its revision: upstream's
 * `RangeAllocation` at `/registry/ranges/servicenodeports`, a bitmap whose bit `n` is the `n`th port of the range.
 */
import type { Storage, StoredValue } from '../storage/storage.ts'

export const portRangeKey = '/registry/ranges/servicenodeports'
/** Others change it too; each change is small. */
const maxAttempts = 50

/** Ports as offsets into the range. */
type Bits = ReadonlySet<number>

/** The bits that are set, from a big-endian number. Pure. */
export function decodeBits(data: string): Bits {
  const bytes = Buffer.from(data, 'base64')
  const bits = new Set<number>()
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[bytes.length - 1 - at] ?? 0
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) bits.add(at * 8 + bit)
  }
  return bits
}

/** The inverse: no leading zero bytes. Pure. */
export function encodeBits(bits: Bits): string {
  const highest = Math.max(-1, ...bits)
  const bytes = Buffer.alloc(Math.floor(highest / 8) + 1)
  for (const bit of bits) {
    const at = bytes.length - 1 - Math.floor(bit / 8)
    bytes[at] = (bytes[at] ?? 0) | (1 << (bit % 8))
  }
  return bytes.toString('base64')
}

/** The ports that are given out in the cluster. */
export class PortRange {
  readonly #storage: Storage
  readonly #range: string
  readonly #first: number
  #known: StoredValue | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(storage: Storage, range: string) {
    this.#storage = storage
    this.#range = range
    this.#first = Number(range.split('-')[0])
  }

  /** Takes all of them or none; the ones that somebody else has are returned. */
  async claim(ports: readonly number[], signal: AbortSignal): Promise<readonly number[]> {
    let taken: readonly number[] = []
    await this.#change((bits) => {
      taken = ports.filter((port) => bits.has(port - this.#first))
      return taken.length > 0 ? bits : new Set([...bits, ...ports.map((port) => port - this.#first)])
    }, signal)
    return taken
  }

  /** Gives them back. */
  async release(ports: readonly number[], signal: AbortSignal): Promise<void> {
    const gone = new Set(ports.map((port) => port - this.#first))
    await this.#change((bits) => new Set([...bits].filter((bit) => !gone.has(bit))), signal)
  }

  /**
   * Makes the ports that are given out those that `plan` says. `fresh` brings what the plan looks at to a state after the one
   * of the ports, so that no Service is missed whose ports are given out there.
   */
  async repair(
    plan: (ports: ReadonlySet<number>) => ReadonlySet<number>,
    fresh: () => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<void> {
    this.#known = await this.#storage.get(portRangeKey, signal)
    await fresh()
    await this.#change((bits) => {
      const ports = plan(new Set([...bits].map((bit) => bit + this.#first)))
      return new Set([...ports].map((port) => port - this.#first))
    }, signal)
  }

  /** One after the other: changes of this server must not race each other, only those of others. */
  async #change(next: (bits: Bits) => Bits, signal: AbortSignal): Promise<void> {
    const before = this.#turn
    const own = before.then(async () => await this.#changeNow(next, signal))
    this.#turn = own.catch(() => {})
    await own
  }

  /** Optimistic: from what was there last, then from what the store says. */
  async #changeNow(next: (bits: Bits) => Bits, signal: AbortSignal): Promise<void> {
    this.#known ??= await this.#storage.get(portRangeKey, signal)
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const current = this.#bitsOf(this.#known)
      const wanted = next(current)
      // What is known may be old: a refusal is only good when the store confirms it.
      const isUnchanged = isSame(current, wanted) && this.#known !== undefined
      const value = this.#encode(wanted)
      const found: StoredValue | undefined = isUnchanged
        ? await this.#storage.get(portRangeKey, signal)
        : await this.#put(value, this.#known?.modRevision ?? 0, signal)
      if (isUnchanged ? found?.modRevision === this.#known?.modRevision : found === undefined) return
      this.#known = found
    }
    throw new Error('the allocation of node ports changes too quickly')
  }

  /** What the store holds instead; `undefined`: it is written. */
  async #put(value: Buffer, expectedRevision: number, signal: AbortSignal): Promise<StoredValue | undefined> {
    const result = await this.#storage.put(portRangeKey, value, { expectedRevision }, signal)
    if (!result.written) return result.current ?? { key: portRangeKey, value: this.#encode(new Set()), modRevision: 0 }
    this.#known = { key: portRangeKey, value, modRevision: result.revision }
    return undefined
  }

  #encode(bits: Bits): Buffer {
    const data = encodeBits(bits)
    return Buffer.from(
      JSON.stringify({ kind: 'RangeAllocation', apiVersion: 'v1', metadata: {}, range: this.#range, data }),
    )
  }

  /** A value of another range says nothing about this one: the repair loop sets its ports from the Services. */
  #bitsOf(stored: StoredValue | undefined): Bits {
    if (stored === undefined) return new Set()
    const { range, data } = JSON.parse(stored.value.toString('utf8')) as {
      readonly range?: string
      readonly data?: string
    }
    return range === this.#range ? decodeBits(data ?? '') : new Set()
  }
}

function isSame(a: Bits, b: Bits): boolean {
  return a.size === b.size && [...a].every((bit) => b.has(bit))
}
