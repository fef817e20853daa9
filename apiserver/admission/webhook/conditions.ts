/** A webhook's `matchConditions`: whether it is asked at all. */
import type { Resource } from '../../../api/resource.ts'
import { forbidden } from '../../../apimachinery/status.ts'
import type { AccessAnswers } from '../../cel/access-answers.ts'
import type { AdmissionRequest } from '../admission.ts'
import { checkConditions } from '../match-conditions.ts'
import type { Hook } from './hooks.ts'
import { shown } from './review.ts'

/** Throws `Forbidden` where the conditions cannot be evaluated and that is not to be ignored. */
export async function meetsConditions(
  { conditions, webhook }: Hook,
  request: AdmissionRequest,
  asked: Resource,
  answers: AccessAnswers,
): Promise<boolean> {
  if (conditions.length === 0) return true
  const input = {
    request,
    asked,
    matched: request.resource,
    object: shown(request, request.object, asked),
    oldObject: shown(request, request.oldObject, asked),
    params: null,
    namespace: null,
    ask: answers.ask,
  }
  const verdict = await answers.settled(() => checkConditions(conditions, input, webhook.failurePolicy))
  if (verdict.type === 'failed') throw forbidden(request.resource.facts, request.name, verdict.message)
  return verdict.type === 'matches'
}
