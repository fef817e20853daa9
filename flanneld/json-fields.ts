/**
 * Fields of a configuration as Go reads them: names without regard to case, `null` as if absent, and a wrong type
 * refused in the words of encoding/json.
 */

/** A configuration that cannot be used; the message says why. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** The fields of one JSON object. `name` is how Go calls the structure in its errors. */
export class JsonFields {
  readonly #name: string
  readonly #values: ReadonlyMap<string, unknown>

  constructor(name: string, value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ConfigError(`json: cannot unmarshal ${describe(value)} into Go value of type ${name || 'struct'}`)
    }
    this.#name = name
    this.#values = new Map(Object.entries(value).map(([field, content]) => [field.toLowerCase(), content]))
  }

  /** The value as it stands; `undefined` when absent or null. */
  raw(field: string): unknown {
    return this.#values.get(field.toLowerCase()) ?? undefined
  }

  text(field: string): string {
    const value = this.raw(field) ?? ''
    if (typeof value === 'string') return value
    throw this.#wrong(field, value, 'string')
  }

  flag(field: string, fallback = false): boolean {
    const value = this.raw(field) ?? fallback
    if (typeof value === 'boolean') return value
    throw this.#wrong(field, value, 'bool')
  }

  whole(field: string, fallback: number, type: 'int' | 'uint' | 'time.Duration' = 'int'): number {
    const value = this.raw(field) ?? fallback
    if (typeof value === 'number' && Number.isSafeInteger(value) && (type !== 'uint' || value >= 0)) return value
    throw this.#wrong(field, value, type)
  }

  #wrong(field: string, value: unknown, type: string): ConfigError {
    const target = `Go struct field ${this.#name}.${field}`
    return new ConfigError(`json: cannot unmarshal ${describe(value)} into ${target} of type ${type}`)
  }
}

function describe(value: unknown): string {
  if (typeof value === 'number') return `number ${value}`
  if (typeof value === 'boolean') return 'bool'
  return Array.isArray(value) ? 'array' : typeof value
}

/** Reads a JSON object. */
export function parseFields(name: string, text: string): JsonFields {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new ConfigError(`net-conf.json is not JSON: ${error instanceof Error ? error.message : ''}`, { cause: error })
  }
  return new JsonFields(name, value)
}
