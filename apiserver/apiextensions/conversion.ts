/** Conversion between versions of a custom kind by a webhook. Source: apiextensions-apiserver `pkg/apiserver/conversion`. */
import { randomUUID } from 'node:crypto'
import type { CustomResourceDefinition } from '../../api/apiextensions/v1.ts'
import type { ApiObject, ObjectMetadata } from '../../api/resource.ts'
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { StatusError } from '../../apimachinery/status.ts'
import { ask } from '../admission/webhook/call.ts'
import { NoTarget, targetOf } from '../admission/webhook/target.ts'
import type { ObjectReader } from '../registry/reader.ts'

/** Source: `defaultWebhookTimeout` of the conversion webhook. */
const timeoutSeconds = 30

/** Converts stored objects, or objects to be stored, to another version. */
export type Convert = (objects: readonly ApiObject[], apiVersion: string) => Promise<readonly ApiObject[]>

/** The webhook of a definition; `undefined` when its versions differ in name only. */
export function webhookConversion(
  { spec }: CustomResourceDefinition,
  reader: ObjectReader,
  random: () => number,
): Convert | undefined {
  const { conversion, names } = spec
  const clientConfig = conversion?.strategy === 'Webhook' ? conversion.webhook?.clientConfig : undefined
  if (clientConfig === undefined) return undefined
  const { caBundle = '' } = clientConfig
  const ca = caBundle === '' ? undefined : Buffer.from(caBundle, 'base64').toString('utf8')
  return async (objects, apiVersion) => {
    const from = objects[0]?.apiVersion ?? apiVersion
    const uid = randomUUID()
    const request = { uid, desiredAPIVersion: apiVersion, objects: objects as unknown as readonly Json[] }
    const body: JsonObject = { kind: 'ConversionReview', apiVersion: 'apiextensions.k8s.io/v1', request }
    try {
      const target = targetOf(clientConfig, timeoutSeconds, reader, (count) => Math.floor(random() * count))
      const answer = await ask({ target, ca, body, timeoutMs: timeoutSeconds * 1000 }, new AbortController().signal)
      return readReview(answer, uid, objects, apiVersion)
    } catch (error) {
      throw internal(`conversion webhook for ${from}, Kind=${names.kind} failed: ${problemOf(error)}`)
    }
  }
}

function problemOf(error: unknown): string {
  if (error instanceof NoTarget) return `Post ${JSON.stringify(error.url)}: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}

function internal(message: string): StatusError {
  return new StatusError('InternalError', `Internal error occurred: ${message}`, {
    causes: [{ reason: 'InternalError', message }],
  })
}

/** The converted objects, checked: a webhook may change anything but what an object is. */
export function readReview(
  answer: Json,
  uid: string,
  objects: readonly ApiObject[],
  apiVersion: string,
): readonly ApiObject[] {
  const response = isJsonObject(answer) && isJsonObject(answer['response']) ? answer['response'] : undefined
  if (response === undefined) throw new Error('no response provided')
  if (response['uid'] !== uid) {
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'] ?? '')}`)
  }
  const result = isJsonObject(response['result']) ? response['result'] : {}
  if (result['status'] !== 'Success') {
    const message = typeof result['message'] === 'string' && result['message'] !== '' ? result['message'] : undefined
    throw new Error(message ?? 'conversion request failed without further explanation')
  }
  const converted = isJsonList(response['convertedObjects']) ? response['convertedObjects'] : []
  if (converted.length !== objects.length) {
    throw new Error(`webhook returned ${converted.length} objects, expected ${objects.length}`)
  }
  return converted.map((object, index) => checked(object, index, objects[index], apiVersion))
}

/** Of the metadata only labels and annotations are the webhook's to change. */
function checked(object: Json, index: number, original: ApiObject | undefined, apiVersion: string): ApiObject {
  if (!isJsonObject(object) || original === undefined) throw new Error(`invalid converted object at index ${index}`)
  const at = `invalid converted object at index ${index}: invalid`
  if (object['apiVersion'] !== apiVersion) throw new Error(`${at} groupVersion, expected ${apiVersion}`)
  if (object['kind'] !== original.kind) throw new Error(`${at} kind, expected ${original.kind}`)
  const metadata: Partial<ObjectMetadata> = isJsonObject(object['metadata']) ? object['metadata'] : {}
  for (const key of ['name', 'namespace', 'uid'] as const) {
    if ((metadata[key] ?? '') !== (original.metadata[key] ?? '')) throw new Error(`${at} metadata.${key}`)
  }
  const { labels: _labels, annotations: _annotations, ...kept } = original.metadata
  const { labels, annotations } = metadata
  const { kind: _kind, apiVersion: _version, metadata: _metadata, ...rest } = object
  return {
    kind: original.kind,
    apiVersion,
    metadata: {
      ...kept,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    ...rest,
  }
}
