/** MutatingAdmissionWebhook: others change a write, one after the other, and some of them once more after the others. */

import { sameJson } from '../../../api/meta/causes.ts'
import type { ApiObject, Resource } from '../../../api/resource.ts'
import type { Json, JsonObject } from '../../../apimachinery/json.ts'
import { applyJsonPatch } from '../../../apimachinery/patch/json-patch.ts'
import type { Schemas } from '../../../apimachinery/schema/schema.ts'
import { decodeResource } from '../../registry/decode.ts'
import { kinds } from '../../registry/typed-reader.ts'
import { scaleOf, withScale } from '../../subresources/scale.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts'
import { asApiObject, unchanged } from '../request.ts'
import { consult, internalError } from './dispatch.ts'
import { type Hook, hookReader } from './hooks.ts'
import { invocationOf, isExempt } from './match.ts'
import { converted } from './review.ts'
import type { WebhookOptions } from './validating.ts'

export type MutatingOptions = WebhookOptions & {
  readonly schemas: Schemas
  /** The plugins that have run before; they run again on what webhooks have changed. */
  readonly before: readonly AdmissionPlugin[]
}

/** The plugin. */
export function mutatingWebhooks(options: MutatingOptions): AdmissionPlugin {
  const hooks = hookReader(options.lookup.reader, kinds.mutatingWebhookConfigurations)
  return {
    name: 'MutatingAdmissionWebhook',
    mutate: async (request, signal) => {
      const all = hooks()
      if (all.length === 0 || isExempt(request)) return unchanged(request)
      const draft = asSent(request)
      const first = await runHooks(options, draft, all, signal)
      if (first.object === undefined) return unchanged(request)
      if (!first.changed) return request.object ?? first.object
      const settled = await again(options, { ...draft, object: first.object }, first, signal)
      return withIdentity(settled, request.object)
    },
  }
}

type Round = {
  readonly object: ApiObject | undefined
  readonly changed: boolean
  /** Hooks that want to see what others have changed after them. */
  readonly outdated: readonly Hook[]
  /** Hooks that would want to see later changes. */
  readonly eligible: readonly Hook[]
}

async function runHooks(
  options: MutatingOptions,
  request: AdmissionRequest,
  hooks: readonly Hook[],
  signal: AbortSignal,
): Promise<Round> {
  let { object } = request
  let changed = false
  let eligible: Hook[] = []
  const outdated: Hook[] = []
  for (const hook of hooks) {
    const current = object === undefined ? request : { ...request, object }
    const asked = await invocationOf(hook, current, options, signal)
    if (asked === undefined) continue
    const verdict = await consult(options, hook, current, { asked, mutating: true }, signal)
    if (verdict?.patch !== undefined) {
      const next = patched(options.schemas, current, asked, hook, verdict.patch)
      if (!sameJson(next, object)) {
        changed = true
        outdated.push(...eligible)
        eligible = []
      }
      object = next
    }
    if (hook.webhook.reinvocationPolicy === 'IfNeeded') eligible.push(hook)
  }
  return { object, changed, outdated, eligible }
}

/** Once more: the plugins before, and the hooks that want it, on what came out of the first round. */
async function again(
  options: MutatingOptions,
  request: AdmissionRequest & { readonly object: ApiObject },
  { outdated, eligible }: Round,
  signal: AbortSignal,
): Promise<ApiObject> {
  let { object } = request
  for (const { mutate } of options.before) object = (await mutate?.({ ...request, object }, signal)) ?? object
  const hooks = sameJson(object, request.object) ? outdated : [...outdated, ...eligible]
  const round = await runHooks(options, { ...request, object }, hooks, signal)
  return round.object ?? object
}

function patched(
  schemas: Schemas,
  request: AdmissionRequest,
  asked: Resource,
  { webhook: { name } }: Hook,
  patch: Json,
): ApiObject {
  const { object, resource, subresource } = request
  if (object === undefined) {
    throw internalError(
      `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`,
    )
  }
  try {
    if (subresource === 'scale') {
      return withScale(object, applyJsonPatch(scaleOf(object), patch), resource.facts)
    }
    const shown = converted(object, resource, asked)
    const value = applyJsonPatch(shown as unknown as JsonObject, patch)
    return converted(decodeResource(schemas, asked, { value, fieldValidation: 'Ignore' }), asked, resource)
  } catch (error) {
    throw internalError(error instanceof Error ? error.message : String(error))
  }
}

/** Upstream names and numbers a new object only after webhooks have seen it. */
function asSent(request: AdmissionRequest): AdmissionRequest {
  const { object, operation } = request
  if (object === undefined || operation !== 'CREATE') return request
  const { uid: _uid, creationTimestamp: _time, name, ...rest } = object.metadata
  const metadata = isGenerated(object) ? rest : { name, ...rest }
  return { ...request, name: isGenerated(object) ? '' : request.name, object: asApiObject({ ...object, metadata }) }
}

function isGenerated({ metadata: { name, generateName = '' } }: ApiObject): boolean {
  return generateName !== '' && name.length > 5 && generateName.startsWith(name.slice(0, -5))
}

/** What the server has decided already stays. */
function withIdentity(object: ApiObject, before: ApiObject | undefined): ApiObject {
  if (before === undefined) return object
  const { uid, creationTimestamp } = before.metadata
  const name = [object.metadata.name, before.metadata.name].find((one) => one !== undefined && one !== '')
  return asApiObject({ ...object, metadata: { ...object.metadata, name, uid, creationTimestamp } })
}
