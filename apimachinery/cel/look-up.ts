/** `a.b` and `a[b]` on values: what stands under a key. Source: cel-go `interpreter/attributes.go` for errors and tolerance. */
import { CelError, noSuchKey } from './errors.ts'
import { formatDouble } from './numbers.ts'
import { runtimeTypeName } from './runtime-type.ts'
import { type CelValue, isKind, type ListValue } from './values.ts'

/** The value under a key, or `undefined`. Throws for keys that such a value cannot have. */
export function lookUp(container: CelValue, key: CelValue): CelValue | undefined {
  if (typeof container !== 'object' || container === null || container instanceof Uint8Array) return undefined
  switch (container.kind) {
    case 'map':
      return container.find(key)
    case 'list':
      return itemAt(container, key)
    case 'object':
      return typeof key === 'string' ? container.find(key) : undefined
    default:
      return undefined
  }
}

/** What to say when nothing stands under a key. */
export function missing(container: CelValue, key: CelValue): CelError {
  return isKind(container, 'list') ? new CelError(`index out of bounds: ${formatKey(key)}`) : noSuchKey(formatKey(key))
}

function itemAt(list: ListValue, key: CelValue): CelValue | undefined {
  const index = indexOf(key)
  return index >= 0 && index < list.size ? list.get(index) : undefined
}

function indexOf(key: CelValue): number {
  if (typeof key === 'bigint') return Number(key)
  if (isKind(key, 'uint')) return Number(key.value)
  if (typeof key !== 'number') throw new CelError(`unsupported index type '${runtimeTypeName(key)}' in list`)
  if (!Number.isInteger(key)) throw new CelError(`unsupported index value ${formatKey(key)} in list`)
  return key
}

/** A key as it stands in messages. */
export function formatKey(key: CelValue): string {
  switch (typeof key) {
    case 'string':
      return key
    case 'number':
      return formatDouble(key)
    case 'bigint':
    case 'boolean':
      return String(key)
    default:
      if (isKind(key, 'uint')) return String(key.value)
      return key === null ? 'null' : runtimeTypeName(key)
  }
}
