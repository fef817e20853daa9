/** Server-side apply: PATCH with `application/apply-patch+yaml`. Creates what is not there. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import { isJsonObject, type JsonObject } from '../../apimachinery/json.ts'
import { applyConfiguration } from '../../apimachinery/patch/apply.ts'
import { decodeConfiguration } from '../../apimachinery/patch/apply-config.ts'
import { strictWarnings } from '../../apimachinery/schema/decode.ts'
import { type Struct, structOf } from '../../apimachinery/schema/schema.ts'
import { badRequest, conflict, hasReason, invalid } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { doubledYamlKeys, parseYamlText } from '../http/body.ts'
import { negotiateOutput } from '../http/negotiation.ts'
import { decodeResource } from '../registry/decode.ts'
import { ignoredFields } from '../registry/managed-fields.ts'
import { apiVersionOf, type HandlerContext, type ResourceHandler } from './context.ts'
import { isTrue } from './read-options.ts'
import { checkName } from './update.ts'
import { type BodyOptions, parseWriteOptions } from './write-options.ts'
import { sendWritten } from './written.ts'

/** The content type of server-side apply. */
export const applyType = 'application/apply-patch+yaml'

/** Applies the body to the object, or creates the object from it. */
export const applyPatch: ResourceHandler = async (context, resource, request, response) => {
  const { info, incoming, query, signal } = request
  const form = negotiateOutput(incoming.headers, query)
  const options = parseWriteOptions(request, 'PatchOptions')
  requireManager(query)
  const text = (await request.body()).toString('utf8')
  const { config, sent } = readConfiguration(
    structOf(context.schemas, resource.definition),
    servedVersions(context, resource),
    text,
  )
  const apply = applier(context, resource, request, { config, sent }, options.fieldManager, () =>
    checkDoubledKeys(text, options),
  )
  const key = { namespace: info.namespace, name: info.name }
  const write = { ...options, subresource: info.subresource, keepManagedFields: true }
  try {
    const object = await context.store.update(resource, key, apply, write, signal)
    await sendWritten(context, resource, request, response, { code: 200, object, form })
  } catch (error) {
    if (info.subresource !== '' || !hasReason(error, 'NotFound')) throw error
    refuseUid(resource, info.name, config)
    const object = await context.store.create(resource, info.namespace, apply(undefined), write, signal)
    await sendWritten(context, resource, request, response, { code: 201, object, form })
  }
}

/** Throws Invalid for a request that does not say who applies. */
export function requireManager(query: URLSearchParams): void {
  if ((query.get('fieldManager') ?? '') !== '') return
  throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
    {
      reason: 'FieldValueRequired',
      field: 'fieldManager',
      message: 'Required value: is required for apply patch',
    },
  ])
}

function servedVersions({ resources }: HandlerContext, { facts }: Resource): readonly string[] {
  const served = resources.all().filter((other) => other.facts.kind === facts.kind)
  return [apiVersionOf(facts), ...served.map((other) => apiVersionOf(other.facts))]
}

/** What an applier has sent: as it was, and as the schema has it. */
export type Configuration = { readonly config: JsonObject; readonly sent: JsonObject }

/** Reads the body of an apply; the first of `versions` is the one of the path. Throws BadRequest. */
export function readConfiguration(struct: Struct, versions: readonly string[], text: string): Configuration {
  // Go takes an empty body for an empty map.
  const value = parseConfiguration(text) ?? {}
  const sent = isJsonObject(value) ? value : {}
  const [apiVersion, kind] = [String(sent['apiVersion'] ?? ''), String(sent['kind'] ?? '')]
  const [expected = ''] = versions
  const ownKind = struct.gvk?.kind ?? ''
  if (isJsonObject(value) && (apiVersion !== expected || kind !== ownKind)) {
    if (kind !== ownKind || !versions.includes(apiVersion)) {
      const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
      throw badRequest(`invalid object type: ${group}/${version}, Kind=${kind}`)
    }
    throw badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${apiVersion}, expected: ${expected}`,
    )
  }
  return { config: decodeConfiguration(struct, value), sent }
}

function parseConfiguration(text: string): unknown {
  try {
    return parseYamlText(text)
  } catch (error) {
    throw hasReason(error, 'BadRequest') ? badRequest(`error decoding YAML: ${error.message}`) : error
  }
}

/** Ownership of the name keeps the metadata from being pruned; whoever creates must say it. */
function named(config: JsonObject, name: string, creates: boolean): JsonObject {
  const metadata = isJsonObject(config['metadata']) ? config['metadata'] : {}
  if ((metadata['name'] ?? '') !== '') return config
  if (creates) {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`)
  }
  return { ...config, metadata: { ...metadata, name } }
}

/** Refuses keys that stand twice, or warns. Source: `applyPatcher.applyPatchToCurrentObject`. */
export function checkDoubledKeys(text: string, { fieldValidation, warn }: BodyOptions): void {
  const problem = fieldValidation === 'Ignore' ? undefined : doubledYamlKeys(text)
  if (problem === undefined) return
  if (fieldValidation === 'Strict') {
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${problem}`)
  }
  for (const warning of strictWarnings(problem)) warn?.(warning)
}

function applier(
  { schemas, clock }: HandlerContext,
  resource: Resource,
  { info, query, warn }: ApiRequest,
  { config: given, sent }: Configuration,
  manager: string,
  checkText: () => void,
): (current: ApiObject | undefined) => ApiObject {
  const struct = structOf(schemas, resource.definition)
  return (current) => {
    const config = named(given, info.name, current === undefined)
    const value = applyConfiguration({
      struct,
      // API objects are JSON.
      ...(current === undefined ? {} : { live: current as unknown as JsonObject }),
      config,
      sent,
      manager,
      apiVersion: apiVersionOf(resource.facts),
      subresource: info.subresource,
      ignored: ignoredFields(resource, current ?? config, info.subresource),
      force: isTrue(query.get('force')),
      time: formatTime(clock.now()),
    })
    checkText()
    const next = decodeResource(schemas, resource, { value, fieldValidation: 'Strict', warn })
    checkName(next, '', info.name)
    return next
  }
}

/** A uid means an object that exists. */
function refuseUid({ facts }: Resource, name: string, config: JsonObject): void {
  const metadata = isJsonObject(config['metadata']) ? config['metadata'] : {}
  const uid = metadata['uid']
  if (typeof uid !== 'string' || uid === '') return
  throw conflict(
    facts,
    name,
    `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
  )
}
