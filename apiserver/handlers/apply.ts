/** Server-side apply: PATCH with `application/apply-patch+yaml`. Creates what is not there. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import { isJsonObject, type JsonObject } from '../../apimachinery/json.ts'
import { applyConfiguration } from '../../apimachinery/patch/apply.ts'
import { decodeConfiguration } from '../../apimachinery/patch/apply-config.ts'
import { strictWarnings } from '../../apimachinery/schema/decode.ts'
import { structOf } from '../../apimachinery/schema/schema.ts'
import { badRequest, conflict, hasReason, invalid } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { doubledYamlKeys, parseYamlText } from '../http/body.ts'
import { negotiateOutput } from '../http/negotiation.ts'
import { decodeResource } from '../registry/decode.ts'
import { ignoredFields } from '../registry/managed-fields.ts'
import { apiVersionOf, type HandlerContext, type ResourceHandler } from './context.ts'
import { isTrue } from './read-options.ts'
import { type BodyOptions, parseWriteOptions } from './write-options.ts'
import { sendWritten } from './written.ts'

/** Applies the body to the object, or creates the object from it. */
export const applyPatch: ResourceHandler = async (context, resource, request, response) => {
  const { info, incoming, query, signal } = request
  const form = negotiateOutput(incoming.headers, query)
  const options = parseWriteOptions(request, 'PatchOptions')
  requireManager(query)
  const text = (await request.body()).toString('utf8')
  const config = readConfiguration(context, resource, info.name, text)
  checkDoubledKeys(text, options)
  const apply = applier(context, resource, request, config, options.fieldManager)
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

function requireManager(query: URLSearchParams): void {
  if ((query.get('fieldManager') ?? '') !== '') return
  throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
    {
      reason: 'FieldValueRequired',
      field: 'fieldManager',
      message: 'Required value: is required for apply patch',
    },
  ])
}

function readConfiguration({ schemas }: HandlerContext, resource: Resource, name: string, text: string): JsonObject {
  const value = parseYamlText(text)
  const config = decodeConfiguration(structOf(schemas, resource.definition), value)
  const expected = apiVersionOf(resource.facts)
  if (config['apiVersion'] !== expected) {
    throw badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${String(config['apiVersion'] ?? '')}, expected: ${expected}`,
    )
  }
  const metadata = isJsonObject(config['metadata']) ? config['metadata'] : {}
  return { ...config, metadata: { ...metadata, name: metadata['name'] ?? name } }
}

/** Source: `applyPatcher.applyPatchToCurrentObject`. */
function checkDoubledKeys(text: string, { fieldValidation, warn }: BodyOptions): void {
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
  config: JsonObject,
  manager: string,
): (current: ApiObject | undefined) => ApiObject {
  const struct = structOf(schemas, resource.definition)
  return (current) => {
    const value = applyConfiguration({
      struct,
      // API objects are JSON.
      ...(current === undefined ? {} : { live: current as unknown as JsonObject }),
      config,
      manager,
      apiVersion: apiVersionOf(resource.facts),
      subresource: info.subresource,
      ignored: ignoredFields(resource, current ?? config, info.subresource),
      force: isTrue(query.get('force')),
      time: formatTime(clock.now()),
    })
    return decodeResource(schemas, resource, { value, fieldValidation: 'Strict', warn })
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
