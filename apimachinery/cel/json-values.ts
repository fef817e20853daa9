/** JSON as CEL values, converted only where an expression looks; and back. */
import type { Json } from '../json.ts'
import type { TypeProvider } from './object-type.ts'
import type { CelType } from './types.ts'
import type { CelValue } from './values.ts'

/** A lazy view of JSON by its declared type; `dyn` goes by what the JSON is. */
export function fromJson(_json: Json, _type: CelType, _provider: TypeProvider): CelValue {
  return null
}

/** The value as JSON; throws `CelError` for values that have none. */
export function toJson(_value: CelValue): Json {
  return null
}
