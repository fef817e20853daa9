/** OpenAPI v2 says each parameter once and refers to it; upstream names them by a hash of what they say. */
import type { Json, JsonObject } from '../json.ts'

export class SharedParameters {
  readonly #found = new Map<string, JsonObject>()

  /** The parameter, or a reference to the one place where it stands. */
  refer(parameter: JsonObject): JsonObject {
    const { name } = parameter
    if (typeof name !== 'string' || isAlone(parameter)) return parameter
    const key = `${name}-${hash(JSON.stringify(parameter))}`
    this.#found.set(key, parameter)
    return { $ref: `#/parameters/${key}` }
  }

  definitions(): JsonObject {
    return Object.fromEntries([...this.#found].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }
}

/** Names of objects tell of their kind. kubectl up to 1.27 looks for the others to learn what the server can do. */
function isAlone({ name, in: place, schema }: JsonObject): boolean {
  if (place === 'body') return !refersToMachinery(schema)
  return name === 'name' || (place === 'query' && (name === 'fieldValidation' || name === 'dryRun'))
}

function refersToMachinery(schema: Json | undefined): boolean {
  return JSON.stringify(schema ?? '').includes('"#/definitions/io.k8s.apimachinery')
}

/** The first six bytes of 64-bit FNV-1, as Go's URL-safe base64. */
function hash(text: string): string {
  let value = 0xcbf29ce484222325n
  for (const byte of Buffer.from(text)) value = BigInt.asUintN(64, value * 0x100000001b3n) ^ BigInt(byte)
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes.toString('base64url', 0, 6)
}
