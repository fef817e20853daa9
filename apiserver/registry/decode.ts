/** From the value of a request's body to an object of a kind, in upstream's words when that is not possible. */

import type { ResourceFacts } from '../../api/facts/resources.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { isJsonObject, type JsonObject } from '../../apimachinery/json.ts'
import { decodeError, decodeObject, type FieldValidation } from '../../apimachinery/schema/decode.ts'
import type { StrictProblem } from '../../apimachinery/schema/parse-json.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import { badRequest, invalid, type StatusError } from '../../apimachinery/status.ts'

export type DecodeInput = {
  readonly value: unknown
  /** Doubled fields of the body's text. */
  readonly duplicates?: readonly StrictProblem[]
  readonly fieldValidation: FieldValidation
  readonly warn?: (text: string) => void
  /** The answer to a value that cannot be decoded; absent: that of a body. */
  readonly refusal?: (problem: string) => StatusError
}

/** Decodes and fills in all defaults: those of the table and those of the kind. Throws BadRequest. */
export function decodeResource(schemas: Schemas, resource: Resource, input: DecodeInput): ApiObject {
  checkType(schemas, resource, input.value)
  const object = decode(schemas, resource.definition, resource.facts.kind, input)
  // The decoder has made it an object of this definition, whose root has kind, apiVersion and metadata.
  const decoded = withMetadata(object) as unknown as ApiObject
  return resource.defaults?.(decoded) ?? decoded
}

/** What a policy or webhook has made of what a subresource shows; without a definition it is taken as it is. */
export function decodeView(schemas: Schemas, definition: string | undefined, value: JsonObject): JsonObject {
  if (definition === undefined) return value
  const kind = schemas.structs.get(definition)?.gvk?.kind ?? ''
  return decode(schemas, definition, kind, { value, fieldValidation: 'Ignore' })
}

/** Refuses a body that says to be of another kind than the definition's. */
export function checkKind({ structs }: Schemas, definition: string, value: unknown): void {
  const { gvk } = structs.get(definition) ?? {}
  const kind = isJsonObject(value) ? String(value['kind'] || '') : ''
  if (gvk === undefined || !isJsonObject(value) || kind === '' || kind === gvk.kind) return
  const apiVersion = String(value['apiVersion'] || (gvk.group === '' ? gvk.version : `${gvk.group}/${gvk.version}`))
  throw decodeError(sentType(value, gvk.kind), gvk.kind, unregisteredKind(kind, apiVersion))
}

/** Decodes an object of any definition. */
export function decode(schemas: Schemas, definition: string, kind: string, input: DecodeInput): JsonObject {
  const { value, duplicates = [], fieldValidation, warn, refusal } = input
  const { object, warnings, errors } = decodeObject(schemas, definition, value, { fieldValidation, duplicates })
  if (errors[0] !== undefined) throw refusal?.(errors[0]) ?? decodeError(sentType(value, kind), kind, errors[0])
  for (const warning of warnings) warn?.(warning)
  return object
}

function withMetadata(object: JsonObject): JsonObject {
  return isJsonObject(object['metadata']) ? object : { ...object, metadata: {} }
}

function sentType(value: unknown, fallback: string): { kind: string; version: string } {
  const { kind, apiVersion } = isJsonObject(value) ? value : {}
  return {
    kind: typeof kind === 'string' && kind !== '' ? kind : fallback,
    version: typeof apiVersion === 'string' ? apiVersion.slice(apiVersion.indexOf('/') + 1) : 'v1',
  }
}

/** What Go's scheme says of a kind that nobody has registered. */
export function unregisteredKind(kind: string, apiVersion: string): string {
  return `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/api/legacyscheme/scheme.go:30"`
}

/** A body may leave out its type; it may not claim another one. */
function checkType(schemas: Schemas, { facts, isCustom }: Resource, value: unknown): void {
  if (!isJsonObject(value)) return
  if (isCustom === true) checkCustomType(facts, value)
  const expected = facts.group === '' ? facts.version : `${facts.group}/${facts.version}`
  const kind = String(value['kind'] || facts.kind)
  const apiVersion = String(value['apiVersion'] || expected)
  if (kind === facts.kind && apiVersion === expected) return
  // Custom kinds are no part of the scheme.
  const isKnown = isCustom !== true && definedKinds(schemas).has(`${apiVersion} ${kind}`)
  if (kind === facts.kind && (isKnown || isCustom === true)) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    )
  }
  const problem = isKnown ? unconvertible(kind, apiVersion, facts) : unregisteredKind(kind, apiVersion)
  throw decodeError({ kind, version: apiVersion.slice(apiVersion.indexOf('/') + 1) }, facts.kind, problem)
}

/** What Go says of a kind that is not the one that is due: the types of the version and of the server's inner form. */
function unconvertible(kind: string, apiVersion: string, { group, kind: due }: ResourceFacts): string {
  const inner = group === '' || group === 'events.k8s.io' ? 'core' : (group.split('.')[0] ?? group)
  const sent = `${apiVersion.slice(apiVersion.indexOf('/') + 1)}.${kind}`
  return `converting (${sent}) to (${inner}.${due}): unknown conversion`
}

const kindsOf = new WeakMap<Schemas['structs'], ReadonlySet<string>>()

/** All kinds of the table as `apps/v1 Deployment`. */
function definedKinds({ structs }: Schemas): ReadonlySet<string> {
  const known = kindsOf.get(structs)
  if (known !== undefined) return known
  const kinds = new Set<string>()
  for (const { gvk } of structs.values()) {
    if (gvk !== undefined) kinds.add(`${gvk.group === '' ? '' : `${gvk.group}/`}${gvk.version} ${gvk.kind}`)
  }
  kindsOf.set(structs, kinds)
  return kinds
}

/** Objects of custom kinds are known by their type alone. Source: `unstructured.UnstructuredJSONScheme`, `ValidateTypeMeta`. */
function checkCustomType(facts: ResourceFacts, value: JsonObject): void {
  const { kind = '', metadata } = value
  if (kind === '') {
    const text = JSON.stringify(value)
    throw badRequest(
      `the object provided is unrecognized (must be of type ${facts.kind}): Object 'Kind' is missing in '${text}' (${text})`,
    )
  }
  if (typeof kind !== 'string' || kind === facts.kind) return
  const name = isJsonObject(metadata) && typeof metadata['name'] === 'string' ? metadata['name'] : ''
  throw invalid({ group: facts.group, kind }, name, [invalidValue('kind', kind, `must be ${facts.kind}`)])
}
