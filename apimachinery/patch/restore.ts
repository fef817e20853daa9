/**
 * Why the result of a strategic merge is no object of its kind, in the words of Go's converter from maps to structs, which upstream
 * uses there instead of its JSON decoder. Source: apimachinery `runtime/converter.go`.
 */
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import { base64Problem } from '../schema/scalars.ts'
import type { FieldType, ScalarName, Struct } from '../schema/schema.ts'

/** The first thing that does not fit; `decoded` is what the decoder said of it, for types that decode themselves. */
export function restoreProblem(struct: Struct, value: JsonObject, decoded: string): string {
  return structProblem(struct, value) ?? decoded.replace(/Go struct field \S+ of type/, 'Go value of type')
}

function structProblem(struct: Struct, value: JsonObject): string | undefined {
  for (const { name, type } of struct.ordered) {
    const part = value[name]
    const problem = part === undefined || part === null ? undefined : problemOf(type, part)
    if (problem !== undefined) return problem
  }
  return undefined
}

function problemOf(type: FieldType, value: Json): string | undefined {
  switch (type.type) {
    case 'scalar':
      return scalarProblem(type.scalar, value)
    case 'list':
      if (!isJsonList(value)) return `cannot restore slice from ${kindOf(value)}`
      return firstProblem(type.items, value)
    case 'map':
      if (!isJsonObject(value)) return `cannot restore map from ${kindOf(value)}`
      return firstProblem(type.values, Object.values(value))
    case 'struct':
      if (!isJsonObject(value)) return `cannot restore struct from: ${kindOf(value)}`
      return structProblem(type.struct, value)
  }
}

function firstProblem(type: FieldType, values: readonly (Json | undefined)[]): string | undefined {
  for (const value of values) {
    const problem = value === null || value === undefined ? undefined : problemOf(type, value)
    if (problem !== undefined) return problem
  }
  return undefined
}

const goKinds: Partial<Record<ScalarName, string>> = {
  string: 'string',
  bool: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
}

function scalarProblem(scalar: ScalarName, value: Json): string | undefined {
  if (scalar === 'bytes') return bytesProblem(value)
  const wanted = goKinds[scalar]
  const given = kindOf(value)
  if (wanted === undefined || given === wanted) return undefined
  const isInteger = given === 'int64'
  if (isInteger && wanted !== 'bool' && wanted !== 'string') return undefined
  if (isInteger && wanted === 'string') return 'cannot convert int64 to string'
  if (given === 'float64' && wanted.startsWith('int')) return `cannot convert float64 to ${wanted}`
  return `unrecognized type: ${wanted}`
}

function bytesProblem(value: Json): string | undefined {
  if (typeof value !== 'string') return `cannot restore slice from ${kindOf(value)}`
  const problem = base64Problem(value)
  return problem === undefined ? undefined : `error decoding from json: ${problem}`
}

function kindOf(value: Json): string {
  if (isJsonList(value)) return 'slice'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  if (typeof value === 'boolean') return 'bool'
  return typeof value === 'string' ? 'string' : 'map'
}
