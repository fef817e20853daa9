/** `AdmissionReview`, both ways. Pure. Source: admission.k8s.io/v1, upstream's `VerifyAdmissionResponse`. */
import type { ApiObject, Resource } from '../../../api/resource.ts'
import { isJsonObject, type Json, type JsonObject } from '../../../apimachinery/json.ts'
import type { UserInfo } from '../../http/request-info.ts'
import type { AdmissionRequest } from '../admission.ts'
import type { Hook } from './hooks.ts'
import { isOfNamespaces } from './match.ts'

export type ReviewVersion = 'v1' | 'v1beta1'
/** What a webhook has answered. */
export type Verdict = {
  readonly allowed: boolean
  /** Operations of a JSON patch. */
  readonly patch?: Json
  readonly result?: JsonObject
  readonly warnings: readonly string[]
  readonly auditAnnotations?: JsonObject
}

/** An answer that is no answer; the message is upstream's. */
export class InvalidReview extends Error {
  override readonly name = 'InvalidReview'
}

/** The first version in the webhook's list that we speak. */
export function reviewVersion({ webhook }: Hook): ReviewVersion {
  const known = (webhook.admissionReviewVersions ?? []).find((version) => version === 'v1' || version === 'v1beta1')
  if (known === undefined) {
    throw new InvalidReview('webhook does not accept known AdmissionReview versions (v1, v1beta1)')
  }
  return known
}

/** The question, about the write as the resource in the version of `asked`. */
export function buildReview(
  request: AdmissionRequest,
  asked: Resource,
  { uid, version }: { readonly uid: string; readonly version: ReviewVersion },
): JsonObject {
  return {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${version}`,
    request: {
      uid,
      ...requestFacts(request, asked, asked),
      object: shown(request, request.object, asked),
      oldObject: shown(request, request.oldObject, asked),
    },
  }
}

/** The write without its objects, as the kind of `asked` and the resource of `matched`. What is empty is not there. */
export function requestFacts(request: AdmissionRequest, asked: Resource, matched: Resource): JsonObject {
  const { operation, user, dryRun, subresource, name } = request
  const namespace = namespaceOf(request)
  return {
    kind: kindOf(asked, subresource),
    resource: resourceOf(matched),
    ...(subresource === '' ? {} : { subResource: subresource }),
    requestKind: kindOf(request.resource, subresource),
    requestResource: resourceOf(request.resource),
    ...(subresource === '' ? {} : { requestSubResource: subresource }),
    ...(name === '' ? {} : { name }),
    ...(namespace === '' ? {} : { namespace }),
    operation,
    userInfo: userInfoOf(user),
    dryRun,
    options: request.options ?? null,
  }
}

/** The namespace that the write is about; a namespace lies in itself. */
export function namespaceOf(request: AdmissionRequest): string {
  return isOfNamespaces(request) ? request.name : request.namespace
}

/** Who writes; what is empty is not there. */
export function userInfoOf({ name, uid = '', groups, extra }: UserInfo): JsonObject {
  return {
    username: name,
    ...(uid === '' ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(extra === undefined ? {} : { extra }),
  }
}

/** The kind of what is written, which for a subresource is its own. */
export function kindOf({ facts }: Resource, subresource: string): JsonObject {
  const { group, version, kind } = facts.subresources?.[subresource] ?? facts
  return { group, version, kind }
}

/** Group, version and plural. */
export function resourceOf({ facts: { group, version, plural } }: Resource): JsonObject {
  return { group, version, resource: plural }
}

/** An object as the webhook or policy knows it; `null` where there is none. */
export function shown({ resource, view }: AdmissionRequest, object: ApiObject | undefined, asked: Resource): Json {
  if (object === undefined) return null
  if (view !== undefined) return view.show(object)
  return converted(object, resource, asked) as unknown as JsonObject
}

/** The object in another version of its kind. */
export function converted(object: ApiObject, from: Resource, to: Resource): ApiObject {
  if (from === to) return object
  const stored = from.storedAs?.toStored(object) ?? object
  return to.storedAs?.fromStored(stored) ?? stored
}

/** Reads the answer to the question `uid`. Throws `InvalidReview`. */
export function readReview(
  answer: Json,
  { uid, version, mutating }: { readonly uid: string; readonly version: ReviewVersion; readonly mutating: boolean },
): Verdict {
  const review = isJsonObject(answer) ? answer : {}
  const { response } = review
  if (!isJsonObject(response)) throw new InvalidReview('webhook response was absent')
  if (version === 'v1') checkIdentity(review, response, uid)
  const { patch, patchType = null, status, warnings, auditAnnotations } = response
  const text = typeof patch === 'string' ? patch : ''
  if (version === 'v1') checkPatch(text, patchType, mutating)
  return {
    allowed: response['allowed'] === true,
    ...(mutating && text !== '' ? { patch: parsePatch(text, version === 'v1beta1' ? 'JSONPatch' : patchType) } : {}),
    ...(isJsonObject(status) ? { result: status } : {}),
    ...(isJsonObject(auditAnnotations) ? { auditAnnotations } : {}),
    warnings: Array.isArray(warnings) ? warnings.filter((warning) => typeof warning === 'string') : [],
  }
}

function checkIdentity({ apiVersion = '', kind = '' }: JsonObject, response: JsonObject, uid: string): void {
  if (response['uid'] !== uid) {
    throw new InvalidReview(`expected response.uid=${quoted(uid)}, got ${quoted(response['uid'])}`)
  }
  if (apiVersion !== 'admission.k8s.io/v1' || kind !== 'AdmissionReview') {
    const got = `${String(apiVersion)}, Kind=${String(kind)}`
    throw new InvalidReview(`expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${got}`)
  }
}

function quoted(value: Json | undefined): string {
  return JSON.stringify(typeof value === 'string' ? value : '')
}

function checkPatch(patch: string, patchType: Json, mutating: boolean): void {
  if (!mutating) {
    if (patch !== '') throw new InvalidReview('validating webhook may not return response.patch')
    if (patchType !== null) throw new InvalidReview('validating webhook may not return response.patchType')
    return
  }
  if (patch !== '' && patchType === null) {
    throw new InvalidReview('webhook returned response.patch but not response.patchType')
  }
  if (patch === '' && patchType !== null) {
    throw new InvalidReview('webhook returned response.patchType but not response.patch')
  }
  if (patchType === '') throw new InvalidReview('webhook returned invalid response.patchType of ""')
}

function parsePatch(patch: string, patchType: Json): Json {
  if (patchType !== 'JSONPatch') {
    throw new InvalidReview(`unsupported patch type ${quoted(patchType)}`)
  }
  try {
    return JSON.parse(Buffer.from(patch, 'base64').toString('utf8')) as Json
  } catch (error) {
    throw new InvalidReview(error instanceof Error ? error.message : 'the patch is no JSON')
  }
}
