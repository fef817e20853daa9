/** `CreateOptions`, `UpdateOptions`, `PatchOptions` and `DeleteOptions` from query and body. */
import { goQuote } from '../../apimachinery/field-errors.ts'
import { goType, isJsonObject, type JsonObject } from '../../apimachinery/json.ts'
import type { FieldValidation } from '../../apimachinery/schema/decode.ts'
import { JsonSyntaxError, parseJson, type StrictProblem } from '../../apimachinery/schema/parse-json.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import { badRequest, hasReason, invalid } from '../../apimachinery/status.ts'
import { writeOptionsObject } from '../admission/options.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { doubledYamlKeys, parseYamlText, unsupportedMediaType } from '../http/body.ts'
import { mediaTypeOf } from '../http/negotiation.ts'
import { parseProtobufBody, protobufType } from '../http/protobuf-body.ts'
import type { DeleteOptions, WriteOptions } from '../registry/store.ts'
import { isTrue } from './read-options.ts'

export type BodyOptions = WriteOptions & { readonly fieldValidation: FieldValidation; readonly fieldManager: string }
type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions'

/** Reads and checks the options of a write with a body. */
export function parseWriteOptions(request: ApiRequest, kind: OptionsKind): BodyOptions {
  const { query, user, warn, incoming } = request
  const fieldManager = query.get('fieldManager') ?? ''
  checkFieldManager(kind, fieldManager)
  const dryRun = parseDryRun(kind, query.getAll('dryRun'))
  const fieldValidation = parseFieldValidation(kind, query.get('fieldValidation') ?? '')
  return {
    user,
    warn,
    dryRun,
    ...(request.audit === undefined ? {} : { audit: request.audit }),
    fieldValidation,
    ...(kind === 'PatchOptions' ? { isPatch: true as const } : {}),
    fieldManager: fieldManager === '' ? managerFromUserAgent(incoming.headers['user-agent']) : fieldManager,
    options: writeOptionsObject(query, kind === 'CreateOptions' ? kind : 'UpdateOptions'),
  }
}

function parseDryRun(kind: string, values: readonly string[]): boolean {
  const wanted = values.filter((value) => value !== '')
  const wrong = wanted.filter((value) => value !== 'All')
  if (wrong.length > 0) {
    const message = `Unsupported value: ${JSON.stringify(wanted)}: supported values: "All"`
    throw invalidOptions(kind, 'dryRun', 'FieldValueNotSupported', message)
  }
  return wanted.length > 0
}

function parseFieldValidation(kind: string, text: string): FieldValidation {
  if (text === 'Ignore' || text === 'Warn' || text === 'Strict') return text
  if (text === '') return 'Warn'
  const message = `Unsupported value: ${JSON.stringify(text)}: supported values: "", "Ignore", "Strict", "Warn"`
  throw invalidOptions(kind, 'fieldValidation', 'FieldValueNotSupported', message)
}

/** Source: `ValidateFieldManager`. */
function checkFieldManager(kind: string, manager: string): void {
  if (Buffer.byteLength(manager) > 128) {
    throw invalidOptions(kind, 'fieldManager', 'FieldValueTooLong', 'Too long: may not be more than 128 bytes')
  }
  const hidden = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(manager)
  if (hidden !== null) {
    const code = (hidden[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
    const at = Buffer.byteLength(manager.slice(0, hidden.index))
    const message = `Invalid value: ${goQuote(manager)}: invalid character U+${code} (at position ${at})`
    throw invalidOptions(kind, 'fieldManager', 'FieldValueInvalid', message)
  }
}

function invalidOptions(
  kind: string,
  field: string,
  reason: 'FieldValueNotSupported' | 'FieldValueTooLong' | 'FieldValueInvalid',
  message: string,
): Error {
  return invalid({ group: 'meta.k8s.io', kind }, '', [{ reason, field, message }])
}

/** `kubectl/v1.33 (linux/amd64)` → `kubectl`. Source: `managerOrUserAgent`. */
export function managerFromUserAgent(userAgent: string | undefined): string {
  const name = (userAgent ?? '').split('/')[0] ?? ''
  return name.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '').slice(0, 128) || 'unknown'
}

export type ParsedBody = { readonly value: unknown; readonly duplicates: readonly StrictProblem[] }

/** What a body should be: `kind` for messages, the rest for bodies in protobuf. */
export type ExpectedBody = { readonly schemas: Schemas; readonly definition: string; readonly kind: string }

const bodyTypes = ['application/json', 'application/yaml', protobufType]

/** Reads a body in JSON, YAML or protobuf. */
export async function readObjectBody(
  request: Pick<ApiRequest, 'incoming' | 'body'>,
  { schemas, definition, kind }: ExpectedBody,
  fieldValidation: FieldValidation,
): Promise<ParsedBody> {
  const type = mediaTypeOf(request.incoming.headers)
  if (!bodyTypes.includes(type)) throw unsupportedMediaType(bodyTypes)
  const body = await request.body()
  if (type === protobufType) return { value: readProtobuf(schemas, definition, kind, body), duplicates: [] }
  if (type === 'application/yaml') return readYaml(body, kind, fieldValidation)
  return parseJsonBody(body, kind, fieldValidation)
}

function readProtobuf(schemas: Schemas, definition: string, kind: string, body: Buffer): unknown {
  if (body.length === 0) throw unrecognized(kind, 'empty data', body)
  if (body.length === protobufPrefix.length && body.equals(protobufPrefix)) throw unrecognized(kind, 'empty body', body)
  try {
    return parseProtobufBody(schemas, definition, body)
  } catch (error) {
    throw hasReason(error, 'BadRequest') ? unrecognized(kind, error.message, body) : error
  }
}

const protobufPrefix = Buffer.from('k8s\0')

function readYaml(body: Buffer, kind: string, fieldValidation: FieldValidation): ParsedBody {
  const text = body.toString('utf8')
  const value = parseYaml(text, kind, body)
  // Go takes an empty text for an empty map.
  if (value !== null && !isJsonObject(value)) throw unrecognized(kind, wrongRoot(value), body)
  const problem = fieldValidation === 'Ignore' ? undefined : doubledYamlKeys(text)
  return {
    value: sortedKeys(value ?? {}),
    duplicates: problem === undefined ? [] : [{ text: problem, rank: [] }],
  }
}

function parseYaml(text: string, kind: string, body: Buffer): unknown {
  try {
    return parseYamlText(text)
  } catch (error) {
    if (!hasReason(error, 'BadRequest')) throw error
    throw unrecognized(kind, error.message.replace(/^error converting YAML to JSON: /, ''), body)
  }
}

/** Upstream makes JSON of the YAML, whose keys are sorted: messages name fields in that order. */
function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys)
  if (!isJsonObject(value)) return value
  const keys = Object.keys(value).toSorted()
  return Object.fromEntries(keys.map((key) => [key, sortedKeys(value[key])]))
}

function parseJsonBody(body: Buffer, kind: string, fieldValidation: FieldValidation): ParsedBody {
  try {
    const parsed = parseJson(body.toString('utf8'), { duplicates: fieldValidation !== 'Ignore' })
    // Go takes null for an empty map.
    if (parsed.value === null) return { ...parsed, value: {} }
    if (!isJsonObject(parsed.value)) throw unrecognized(kind, wrongRoot(parsed.value), body)
    checkType(parsed.value, kind, body)
    return parsed
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw unrecognized(kind, `couldn't get version/kind; json parse error: ${error.message}`, body)
  }
}

/** Kind and version are looked at before anything else. */
function checkType({ kind: givenKind = '', apiVersion = '' }: JsonObject, kind: string, body: Buffer): void {
  for (const [name, value] of Object.entries({ apiVersion, kind: givenKind })) {
    if (typeof value === 'string' || value === null) continue
    const problem = `json: cannot unmarshal ${goType(value)} into Go struct field .${name} of type string`
    throw unrecognized(kind, `couldn't get version/kind; json parse error: ${problem}`, body)
  }
  if (typeof apiVersion === 'string' && apiVersion.split('/').length > 2) {
    throw unrecognized(kind, `unexpected GroupVersion string: ${apiVersion}`, body)
  }
}

function wrongRoot(value: unknown): string {
  return `couldn't get version/kind; json parse error: json: cannot unmarshal ${goType(value)} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`
}

/** Source: `transformDecodeError`, `summarizeData`. */
function unrecognized(kind: string, problem: string, body: Buffer): Error {
  return badRequest(`the object provided is unrecognized (must be of type ${kind}): ${problem} (${summarize(body)})`)
}

const summaryBytes = 30

function summarize(body: Buffer): string {
  if (body.length === 0) return '<empty>'
  const isText = body[0] === 0x7b
  const shown = body.subarray(0, summaryBytes)
  const more = body.length > summaryBytes ? ' ...' : ''
  return `${isText ? shown.toString('utf8') : shown.toString('hex')}${more}`
}

/** `DeleteOptions` from the body where there is one, else from the query. Throws BadRequest or Invalid. */
export async function parseDeleteOptions(request: ApiRequest, schemas: Schemas): Promise<DeleteOptions> {
  const body = await request.body()
  const given = body.length === 0 ? fromQuery(request.query) : fromBody(body, request, schemas)
  // Upstream records a body as its own type has it.
  if (body.length > 0) request.audit?.requestObject({ ...given.raw, apiVersion: 'meta.k8s.io/__internal' })
  const dryRun = parseDryRun('DeleteOptions', [...given.dryRun, ...request.query.getAll('dryRun')])
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions, raw } = given
  return {
    user: request.user,
    warn: request.warn,
    ...(request.audit === undefined ? {} : { audit: request.audit }),
    dryRun,
    options: raw,
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy: checkPolicy(propagationPolicy) }),
    ...(orphanDependents === undefined ? {} : { orphanDependents }),
    ...(preconditions === undefined ? {} : { preconditions }),
  }
}

type GivenDeleteOptions = {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: string
  readonly orphanDependents?: boolean
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
  readonly dryRun: readonly string[]
  readonly raw: JsonObject
}

function fromQuery(query: URLSearchParams): GivenDeleteOptions {
  const grace = query.get('gracePeriodSeconds')
  const policy = query.get('propagationPolicy')
  const orphan = query.get('orphanDependents')
  if (grace !== null && !/^-?\d+$/.test(grace)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`)
  }
  const given = {
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === null ? {} : { propagationPolicy: policy }),
    ...(orphan === null ? {} : { orphanDependents: isTrue(orphan) }),
  }
  return { ...given, dryRun: [], raw: { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', ...given } }
}

function fromBody(body: Buffer, request: ApiRequest, schemas: Schemas): GivenDeleteOptions {
  const value = deleteOptionsOf(body, mediaTypeOf(request.incoming.headers), schemas)
  if (!isJsonObject(value)) throw badRequest(wrongRoot(value))
  checkDeleteFields(value)
  return readDeleteOptions(value)
}

function deleteOptionsOf(body: Buffer, type: string, schemas: Schemas): unknown {
  switch (type) {
    case 'application/json':
      return parseDeleteJson(body)
    case 'application/yaml':
      return parseYamlText(body.toString('utf8')) ?? {}
    case protobufType:
      return parseProtobufBody(schemas, 'meta.v1.DeleteOptions', body)
    default:
      throw unsupportedMediaType(bodyTypes)
  }
}

function parseDeleteJson(body: Buffer): unknown {
  try {
    return parseJson(body.toString('utf8')).value ?? {}
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw badRequest(`couldn't get version/kind; json parse error: ${error.message}`)
  }
}

/** Field → what JSON must have there, and what Go calls it. */
const deleteFields: Readonly<Record<string, readonly [string, string]>> = {
  gracePeriodSeconds: ['number', 'int64'],
  orphanDependents: ['bool', 'bool'],
  propagationPolicy: ['string', 'v1.DeletionPropagation'],
  preconditions: ['object', 'v1.Preconditions'],
  dryRun: ['array', '[]string'],
}

function checkDeleteFields(value: JsonObject): void {
  const { kind = 'DeleteOptions', apiVersion = 'meta.k8s.io/v1' } = value
  if (kind !== 'DeleteOptions' && kind !== '') {
    const scheme = 'k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27'
    throw badRequest(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "${scheme}"`,
    )
  }
  for (const [field, [json, go]] of Object.entries(deleteFields)) {
    const given = value[field]
    if (given === undefined || given === null || goType(given) === json) continue
    throw badRequest(
      `json: cannot unmarshal ${goType(given)} into Go struct field DeleteOptions.${field} of type ${go}`,
    )
  }
}

function readDeleteOptions(value: JsonObject): GivenDeleteOptions {
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions, dryRun } = value
  return {
    ...(typeof gracePeriodSeconds === 'number' ? { gracePeriodSeconds } : {}),
    ...(typeof propagationPolicy === 'string' ? { propagationPolicy } : {}),
    ...(typeof orphanDependents === 'boolean' ? { orphanDependents } : {}),
    ...(isJsonObject(preconditions) ? { preconditions: readPreconditions(preconditions) } : {}),
    dryRun: Array.isArray(dryRun) ? dryRun.map(String) : [],
    raw: wireOptions(value),
  }
}

/** The options that a body gives, under the type that policies and webhooks see. */
function wireOptions(value: JsonObject): JsonObject {
  const known = Object.keys(deleteFields).flatMap((field) =>
    value[field] === undefined || value[field] === null ? [] : [[field, value[field]]],
  )
  return { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', ...(Object.fromEntries(known) as JsonObject) }
}

function readPreconditions({ uid, resourceVersion }: JsonObject): { uid?: string; resourceVersion?: string } {
  return {
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
  }
}

function checkPolicy(text: string): 'Orphan' | 'Background' | 'Foreground' {
  if (text === 'Orphan' || text === 'Background' || text === 'Foreground') return text
  const message = `Unsupported value: ${JSON.stringify(text)}: supported values: "Foreground", "Background", "Orphan", "nil"`
  throw invalidOptions('DeleteOptions', 'propagationPolicy', 'FieldValueNotSupported', message)
}
