/**
 * What one mutation makes of an object. Pure. Source: upstream's `mutating/patch`.
 *
 *   apply configuration   merged as server-side apply does, without owners; whole lists and maps may not be given
 *   JSON patch            operations one after the other; a `test` that fails leaves the object as it is
 */
import {
  applyConfigurationJson,
  jsonPatchOperations,
  misnamedTypes,
} from '../../../api/admissionregistration/cel/patch-types.ts'
import { CelError } from '../../../apimachinery/cel/errors.ts'
import type { CelValue } from '../../../apimachinery/cel/values.ts'
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../../../apimachinery/json.ts'
import { typedConfiguration } from '../../../apimachinery/patch/apply-config.ts'
import { applyJsonPatch, PatchProblem } from '../../../apimachinery/patch/json-patch.ts'
import { mergeObjects } from '../../../apimachinery/patch/merge-fields.ts'
import type { Field, FieldType, Struct } from '../../../apimachinery/schema/schema.ts'

/** A mutation that does not fit the object, in upstream's words. */
export class MutationError extends Error {
  override readonly name = 'MutationError'
}

/** Lays the value of an apply configuration over an object. Throws `MutationError`. */
export function applyConfiguration(struct: Struct, object: JsonObject, value: CelValue): JsonObject {
  const misnamed = misnamedTypes(value)
  if (misnamed.length > 0) throw new MutationError(`type mismatch: ${misnamed.join('\n')}`)
  const { apiVersion = '', kind = '' } = object
  const { config, problem } = typedConfiguration(struct, { ...asJson(value), apiVersion, kind })
  if (problem !== undefined) {
    throw new MutationError(`error applying patch: failed to convert patch object to typed object: ${problem}`)
  }
  const atomics = atomicsOfStruct(struct, config, '')
  if (atomics.length > 0) {
    throw new MutationError(
      `error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`,
    )
  }
  return mergeObjects(struct, object, config)
}

function asJson(value: CelValue): JsonObject {
  try {
    return applyConfigurationJson(value)
  } catch (error) {
    // Upstream shows the Go type in the place of what is wrong.
    if (error instanceof CelError) throw new MutationError('invalid return type: *dynamic.ObjectVal')
    throw error
  }
}

/** Applies the operations that a JSON patch expression has made. Throws `MutationError`. */
export function applyOperations(object: JsonObject, value: CelValue): JsonObject {
  try {
    return applyJsonPatch(object, jsonPatchOperations(value))
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    if (!(cause instanceof PatchProblem)) throw error
    if (cause.message.endsWith('test failed')) return object
    throw new MutationError(`JSON Patch: ${cause.message}`)
  }
}

/**
 * Paths of lists, maps and structs that are merged as one value: whoever wants to change a part of one would drop the rest.
 * Source: `findAtomics`.
 */
function atomicsOfStruct(struct: Struct, value: JsonObject, path: string): readonly string[] {
  return Object.keys(value).flatMap((key) => {
    const [field, part] = [struct.fields.get(key), value[key]]
    return field === undefined || part === undefined ? [] : atomicsOf(field, field.type, part, `${path}.${key}`)
  })
}

function atomicsOf(field: Field | undefined, type: FieldType, value: Json, path: string): readonly string[] {
  if (type.type === 'list' && isJsonList(value)) {
    const isAtomic = field === undefined || field.listType === 'atomic'
    const inside = value.flatMap((item, index) => atomicsOf(undefined, type.items, item, `${path}[${index}]`))
    return isAtomic ? [path, ...inside] : inside
  }
  if (!isJsonObject(value) || type.type === 'list') return []
  const isAtomic = field === undefined ? type.type === 'struct' && type.struct.atomic : field.atomic
  const inside = type.type === 'struct' ? atomicsOfStruct(type.struct, value, path) : []
  return isAtomic ? [path, ...inside] : inside
}
