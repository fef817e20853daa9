/** Reading configuration files strictly: every field is known and has its type, or the file is refused with all problems. */
import { isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'

/** A field of a file under its path, and the list that problems are noted in. */
export type ConfigObject = { readonly value: JsonObject; readonly path: string; readonly problems: string[] }

/** A file that cannot be used; the message has all problems. */
export class ConfigFileError extends Error {
  override readonly name = 'ConfigFileError'
}

/** Takes the object's fields by name; notes fields that nobody asked for. */
export function openObject(
  value: Json | undefined,
  path: string,
  problems: string[],
  known: readonly string[],
): ConfigObject {
  if (value !== undefined && value !== null && !isJsonObject(value)) problems.push(`${path || 'the file'} is no object`)
  const object = isJsonObject(value) ? value : {}
  for (const field of Object.keys(object)) {
    if (!known.includes(field)) problems.push(`unknown field ${JSON.stringify(below(path, field))}`)
  }
  return { value: object, path, problems }
}

/** A text; `''` when it is not there. */
export function textField({ value, path, problems }: ConfigObject, field: string): string {
  const found = value[field]
  if (found === undefined || found === null) return ''
  if (typeof found === 'string') return found
  problems.push(`${below(path, field)} is no string`)
  return ''
}

/** Yes or no, with a default. */
export function booleanField({ value, path, problems }: ConfigObject, field: string, absent: boolean): boolean {
  const found = value[field]
  if (found === undefined || found === null) return absent
  if (typeof found === 'boolean') return found
  problems.push(`${below(path, field)} is no boolean`)
  return absent
}

/** A list of texts. */
export function textsField(object: ConfigObject, field: string): readonly string[] {
  return itemsOf(object, field).flatMap(([item, path]) => {
    if (typeof item === 'string') return [item]
    object.problems.push(`${path} is no string`)
    return []
  })
}

/** A list of objects with these fields. */
export function objectsField(object: ConfigObject, field: string, known: readonly string[]): readonly ConfigObject[] {
  return itemsOf(object, field).map(([item, path]) => openObject(item, path, object.problems, known))
}

/** An object inside of an object. */
export function objectField(object: ConfigObject, field: string, known: readonly string[]): ConfigObject {
  return openObject(object.value[field], below(object.path, field), object.problems, known)
}

/** Whether the field is there. */
export function hasField({ value }: ConfigObject, field: string): boolean {
  return value[field] !== undefined && value[field] !== null
}

/** The path of a field: `jwt[0].issuer`. */
export function below(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`
}

function itemsOf({ value, path, problems }: ConfigObject, field: string): readonly (readonly [Json, string])[] {
  const found = value[field]
  if (found === undefined || found === null) return []
  const at = below(path, field)
  if (!Array.isArray(found)) {
    problems.push(`${at} is no list`)
    return []
  }
  return found.map((item: Json, index) => [item, `${at}[${index}]`] as const)
}

/** Opens the outermost object, whose kind and version must be these. */
export function openFile(
  value: unknown,
  kind: string,
  versions: readonly string[],
  known: readonly string[],
): ConfigObject {
  const problems: string[] = []
  const object = openObject(value as Json, '', problems, ['kind', 'apiVersion', ...known])
  const { kind: actualKind, apiVersion } = object.value
  const isKnown = actualKind === kind && versions.some((version) => apiVersion === `apiserver.config.k8s.io/${version}`)
  if (!isKnown) {
    throw new ConfigFileError(
      `no kind ${JSON.stringify(actualKind ?? '')} is registered for version ${JSON.stringify(apiVersion ?? '')}`,
    )
  }
  return object
}

/** Throws when something was wrong while reading. */
export function refuseProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw new ConfigFileError(`strict decoding error: ${problems.join(', ')}`)
}
