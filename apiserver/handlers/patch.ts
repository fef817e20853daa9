/** PATCH in its four content types; each is a function from the current object to the next one. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { goType, isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { applyJsonPatch } from '../../apimachinery/patch/json-patch.ts'
import { applyMergePatch } from '../../apimachinery/patch/merge-patch.ts'
import { restoreProblem } from '../../apimachinery/patch/restore.ts'
import { applyStrategicMerge, goMap } from '../../apimachinery/patch/strategic-merge.ts'
import {
  JsonSyntaxError,
  type ParsedJson,
  parseJson,
  type StrictProblem,
} from '../../apimachinery/schema/parse-json.ts'
import { type Schemas, type Struct, structOf } from '../../apimachinery/schema/schema.ts'
import { badRequest, invalid, type StatusError } from '../../apimachinery/status.ts'
import { unroutedMediaType, unsupportedMediaType } from '../http/body.ts'
import { mediaTypeOf, negotiateOutput } from '../http/negotiation.ts'
import { decodeResource, unregisteredKind } from '../registry/decode.ts'
import { applyPatch } from './apply.ts'
import { apiVersionOf, type ResourceHandler } from './context.ts'
import { checkName } from './update.ts'
import { parseWriteOptions } from './write-options.ts'
import { sendWritten } from './written.ts'

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]

const strategicMerge = 'application/strategic-merge-patch+json'
const customPatchTypes = patchTypes.filter((type) => type !== strategicMerge)

/** PATCH of an object or its status. */
export const patchObject: ResourceHandler = async (context, resource, request, response) => {
  const { info, incoming, query, signal, warn } = request
  const type = mediaTypeOf(incoming.headers)
  if (type === 'application/apply-patch+yaml') return await applyPatch(context, resource, request, response)
  refuseForce(query)
  const form = negotiateOutput(incoming.headers, query)
  const options = parseWriteOptions(request, 'PatchOptions')
  if (resource.isCustom !== true && !patchTypes.includes(type)) throw unroutedMediaType()
  if (resource.isCustom === true && type === strategicMerge) throw unsupportedMediaType(customPatchTypes)
  const patch = patchFunction(context.schemas, resource.definition, type, await request.body())
  const strictness = { fieldValidation: options.fieldValidation, duplicates: patch.duplicates, warn }
  const object = await context.store.update(
    resource,
    { namespace: info.namespace, name: info.name },
    (current) => {
      const value = patch.apply(asJson(current))
      const refusal = patch.refusal(value)
      if (resource.isCustom !== true) checkPatchedType(context.schemas, resource, value, refusal)
      const next = decodeResource(context.schemas, resource, { value, refusal, ...strictness })
      checkName(next, '', info.name)
      return next
    },
    { ...options, subresource: info.subresource },
    signal,
  )
  await sendWritten(context, resource, request, response, { code: 200, object, form })
}

/** Source: `ValidatePatchOptions`. */
function refuseForce(query: URLSearchParams): void {
  if (query.get('force') === null) return
  const message = 'Forbidden: may not be specified for non-apply patch'
  throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
    { reason: 'FieldValueForbidden', field: 'force', message },
  ])
}

export type Patch = {
  /** Applies it to any state of the object. */
  readonly apply: (current: JsonObject) => JsonObject
  /** Fields that stand twice in its text. */
  readonly duplicates: readonly StrictProblem[]
  /** The answer when what it has made of an object cannot be decoded. */
  readonly refusal: (patched: JsonObject) => (problem: string) => StatusError
}

/** Reads a patch body. Throws UnsupportedMediaType or BadRequest. */
export function patchFunction(schemas: Schemas, definition: string, mediaType: string, body: Buffer): Patch {
  const functions = {
    'application/json-patch+json': (patch: unknown) => (current: JsonObject) => applyJsonPatch(current, patch),
    'application/merge-patch+json': (patch: unknown) => (current: JsonObject) => applyMergePatch(current, patch),
    'application/strategic-merge-patch+json': (patch: unknown) => (current: JsonObject) =>
      applyStrategicMerge(schemas, definition, current, patch),
  }
  if (!isPatchType(functions, mediaType)) throw unsupportedMediaType(patchTypes)
  const isOperations = mediaType === 'application/json-patch+json'
  const isStrategic = mediaType === strategicMerge
  const { value, duplicates } = parsePatch(body, isStrategic ? '' : 'error decoding patch: ')
  const apply = functions[mediaType](value)
  return {
    // A strategic merge changes fields of a struct that knows its type already.
    apply: isStrategic ? (current) => withTypeOf(apply(current), current) : apply,
    refusal: isStrategic ? strategicRefusal(structOf(schemas, definition), value) : patchRefusal,
    duplicates: isOperations ? duplicates.map(({ text, rank }) => ({ text: `json patch ${text}`, rank })) : duplicates,
  }
}

function isPatchType<Functions extends object>(
  functions: Functions,
  type: string,
): type is Extract<keyof Functions, string> {
  return Object.hasOwn(functions, type)
}

function withTypeOf(patched: JsonObject, { kind, apiVersion }: JsonObject): JsonObject {
  const isText = (value: Json | undefined): boolean => typeof (value ?? '') === 'string'
  return {
    ...patched,
    ...(kind !== undefined && isText(patched['kind']) ? { kind } : {}),
    ...(apiVersion !== undefined && isText(patched['apiVersion']) ? { apiVersion } : {}),
  }
}

/** Source: `applyPatchToObject`. */
function strategicRefusal(struct: Struct, patch: unknown): Patch['refusal'] {
  const text = goMap(isJsonObject(patch) ? patch : {})
  return (patched) => (problem) =>
    invalid({ group: '', kind: '' }, '', [invalidValue('patch', text, restoreProblem(struct, patched, problem))])
}

/** Source: `jsonPatcher.applyPatchToCurrentObject`. */
function patchRefusal(patched: JsonObject): (problem: string) => StatusError {
  return (problem) => invalid({ group: '', kind: '' }, '', [invalidValue('patch', JSON.stringify(patched), problem)])
}

/** A patch cannot make another kind of an object; the answer is the decoder's. */
function checkPatchedType(
  schemas: Schemas,
  { facts }: Resource,
  { kind = '', apiVersion = '' }: JsonObject,
  refusal: (problem: string) => StatusError,
): void {
  for (const [name, value] of Object.entries({ apiVersion, kind })) {
    if (typeof value === 'string' || value === null) continue
    const problem = `json: cannot unmarshal ${goType(value)} into Go struct field .${name} of type string`
    throw refusal(`couldn't get version/kind; json parse error: ${problem}`)
  }
  const expected = apiVersionOf(facts)
  const [givenVersion, givenKind] = [String(apiVersion ?? '') || expected, String(kind ?? '') || facts.kind]
  if (givenVersion === expected && givenKind === facts.kind) return
  if (givenVersion.split('/').length > 2) throw refusal(`unexpected GroupVersion string: ${givenVersion}`)
  const isKnown = [...schemas.structs.values()].some(
    ({ gvk }) => gvk !== undefined && gvk.kind === givenKind && apiVersionOf(gvk) === givenVersion,
  )
  if (!isKnown) throw refusal(unregisteredKind(givenKind, givenVersion))
  const internal = `${facts.group === '' ? 'core' : facts.group.split('.')[0]}.${facts.kind}`
  const version = givenVersion.slice(givenVersion.indexOf('/') + 1)
  throw refusal(`converting (${version}.${givenKind}) to (${internal}): unknown conversion`)
}

function parsePatch(body: Buffer, attempt: string): ParsedJson {
  try {
    return parseJson(body.toString('utf8'), { duplicates: true })
  } catch (error) {
    throw error instanceof JsonSyntaxError ? badRequest(`${attempt}${error.message}`) : error
  }
}

/** API objects are JSON. */
function asJson(object: ApiObject): JsonObject {
  return object as unknown as JsonObject
}
