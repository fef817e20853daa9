/** ValidatingAdmissionWebhook: others are asked whether a write may happen, all at once. */
import { kinds } from '../../registry/typed-reader.ts'
import type { AdmissionPlugin } from '../admission.ts'
import { type Caller, consult } from './dispatch.ts'
import { hookReader } from './hooks.ts'
import { type Equivalents, invocationOf, isExempt } from './match.ts'

export type WebhookOptions = Caller & { readonly equivalents: Equivalents }

/** The plugin. */
export function validatingWebhooks(options: WebhookOptions): AdmissionPlugin {
  const hooks = hookReader(options.lookup.reader, kinds.validatingWebhookConfigurations)
  return {
    name: 'ValidatingAdmissionWebhook',
    validate: async (request, signal) => {
      if (isExempt(request)) return
      const answers = hooks().map(async (hook) => {
        const asked = await invocationOf(hook, request, options, signal)
        if (asked !== undefined) await consult(options, hook, request, { asked, mutating: false }, signal)
      })
      const outcomes = await Promise.allSettled(answers)
      const refused = outcomes.find((outcome) => outcome.status === 'rejected')
      if (refused !== undefined) throw refused.reason
    },
  }
}
