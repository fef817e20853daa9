/** ValidatingAdmissionWebhook: others are asked whether a write may happen, all at once. */
import type { Resource } from '../../../api/resource.ts'
import type { Authorizer } from '../../authz/authorizer.ts'
import { AccessAnswers } from '../../cel/access-answers.ts'
import { kinds } from '../../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts'
import { noteFailedOpen } from './annotations.ts'
import { meetsConditions } from './conditions.ts'
import { type Caller, consult } from './dispatch.ts'
import { type Hook, hookReader } from './hooks.ts'
import { type Equivalents, invocationOf, isExempt } from './match.ts'

export type WebhookOptions = Caller & { readonly equivalents: Equivalents; readonly authorizer: Authorizer }

/** The plugin. */
export function validatingWebhooks(options: WebhookOptions): AdmissionPlugin {
  const hooks = hookReader(options.lookup.reader, kinds.validatingWebhookConfigurations)
  return {
    name: 'ValidatingAdmissionWebhook',
    validate: (request, signal) => {
      const all = hooks()
      return all.length === 0 || isExempt(request) ? undefined : askAll(options, request, all, signal)
    },
  }
}

async function askAll(
  options: WebhookOptions,
  request: AdmissionRequest,
  hooks: readonly Hook[],
  signal: AbortSignal,
): Promise<void> {
  const invocations = await invocationsOf(options, request, hooks, signal)
  const answers = invocations.map(async ({ hook, asked }, index) => {
    const verdict = await consult(options, hook, request, { asked, mutating: false }, signal)
    if (verdict === undefined) noteFailedOpen(request, hook, index)
  })
  const outcomes = await Promise.allSettled(answers)
  const refused = outcomes.find((outcome) => outcome.status === 'rejected')
  if (refused !== undefined) throw refused.reason
}

type Invocation = { readonly hook: Hook; readonly asked: Resource }

/** Who is asked is known before anyone is. */
async function invocationsOf(
  options: WebhookOptions,
  request: AdmissionRequest,
  hooks: readonly Hook[],
  signal: AbortSignal,
): Promise<readonly Invocation[]> {
  const answers = new AccessAnswers(options.authorizer)
  const invocations: Invocation[] = []
  for (const hook of hooks) {
    const asked = await invocationOf(hook, request, options, signal)
    if (asked !== undefined && (await meetsConditions(hook, request, asked, answers))) invocations.push({ hook, asked })
  }
  return invocations
}
