/** MutatingAdmissionWebhook: others change a write, one after the other, and some of them once more after the others. */

import { sameJson } from '../../../api/meta/causes.ts'
import type { ApiObject, Resource } from '../../../api/resource.ts'
import type { Json, JsonObject } from '../../../apimachinery/json.ts'
import { applyJsonPatch } from '../../../apimachinery/patch/json-patch.ts'
import type { Schemas } from '../../../apimachinery/schema/schema.ts'
import { internalError } from '../../../apimachinery/status.ts'
import { AccessAnswers } from '../../cel/access-answers.ts'
import { decodeResource, decodeView } from '../../registry/decode.ts'
import { kinds } from '../../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts'
import { asSent, withIdentity } from '../as-sent.ts'
import { Reinvocation } from '../reinvocation.ts'
import { unchanged } from '../request.ts'
import { type MutationNotes, mutationNotes } from './annotations.ts'
import { meetsConditions } from './conditions.ts'
import { consult } from './dispatch.ts'
import { type Hook, hookReader } from './hooks.ts'
import { invocationOf, isExempt } from './match.ts'
import { converted } from './review.ts'
import type { WebhookOptions } from './validating.ts'

export type MutatingOptions = WebhookOptions & { readonly schemas: Schemas }

const pluginName = 'MutatingAdmissionWebhook'

/** The plugin. */
export function mutatingWebhooks(options: MutatingOptions): AdmissionPlugin {
  const hooks = hookReader(options.lookup.reader, kinds.mutatingWebhookConfigurations)
  return {
    name: pluginName,
    mutate: (request, signal) => {
      const all = hooks()
      return all.length === 0 || isExempt(request) ? unchanged(request) : askAll(options, request, all, signal)
    },
  }
}

async function askAll(
  options: MutatingOptions,
  request: AdmissionRequest,
  hooks: readonly Hook[],
  signal: AbortSignal,
): Promise<ApiObject> {
  const draft = asSent(request)
  const object = await runHooks(options, draft, hooks, signal)
  return object === undefined || object === draft.object ? unchanged(request) : withIdentity(object, request)
}

async function runHooks(
  options: MutatingOptions,
  request: AdmissionRequest,
  hooks: readonly Hook[],
  signal: AbortSignal,
): Promise<ApiObject | undefined> {
  const { reinvocation = new Reinvocation() } = request
  const memory = reinvocation.memory(pluginName)
  memory.begin(request.object, reinvocation.isAgain)
  const answers = new AccessAnswers(options.authorizer)
  let { object } = request
  for (const [index, hook] of hooks.entries()) {
    const current = object === undefined ? request : { ...request, object }
    const asked = await invocationOf(hook, current, options, signal)
    if (asked === undefined || !(await meetsConditions(hook, current, asked, answers))) continue
    if (reinvocation.isAgain && !memory.mustRunAgain(hook.uid)) continue
    const notes = mutationNotes(request, hook, { round: reinvocation.isAgain ? 1 : 0, index })
    const next = await changedBy(options, hook, current, asked, notes, signal)
    if (next !== object) {
      memory.noteChange()
      reinvocation.want()
      object = next
    }
    if (hook.webhook.reinvocationPolicy === 'IfNeeded') memory.noteRan(hook.uid)
  }
  memory.end(object)
  return object
}

/** What one webhook makes of the object: the same one where it changes nothing. */
async function changedBy(
  options: MutatingOptions,
  hook: Hook,
  request: AdmissionRequest,
  asked: Resource,
  notes: MutationNotes,
  signal: AbortSignal,
): Promise<ApiObject | undefined> {
  let isMutated = false
  try {
    const verdict = await consult(options, hook, request, { asked, mutating: true }, signal)
    if (verdict === undefined) notes.failedOpen()
    // An empty patch is none.
    if (verdict?.patch === undefined || (Array.isArray(verdict.patch) && verdict.patch.length === 0)) {
      return request.object
    }
    const next = patched(options.schemas, request, asked, hook, verdict.patch)
    isMutated = !sameJson(next, request.object)
    notes.patched(verdict.patch)
    return isMutated ? next : request.object
  } finally {
    notes.mutated(isMutated)
  }
}

function patched(
  schemas: Schemas,
  request: AdmissionRequest,
  asked: Resource,
  { webhook: { name } }: Hook,
  patch: Json,
): ApiObject {
  const { object, resource, view } = request
  if (object === undefined) {
    throw internalError(
      `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`,
    )
  }
  try {
    if (view !== undefined) {
      return view.take(object, decodeView(schemas, view.definition, applyJsonPatch(view.show(object), patch)))
    }
    const shown = converted(object, resource, asked)
    const value = applyJsonPatch(shown as unknown as JsonObject, patch)
    return converted(decodeResource(schemas, asked, { value, fieldValidation: 'Ignore' }), asked, resource)
  } catch (error) {
    throw internalError(error instanceof Error ? error.message : String(error))
  }
}
