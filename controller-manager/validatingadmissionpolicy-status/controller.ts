/** The validatingadmissionpolicy-status controller: warns of expressions that do not fit the objects they are about. */
import { typeWarnings } from '../../api/admissionregistration/cel/type-check.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { validatingAdmissionPolicies as policiesRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown } from '../informers.ts'
import { plan } from './plan.ts'
import { cachedDocuments, paramsType, typedKinds } from './schemas.ts'

const controllerName = 'validatingadmissionpolicy-status'
/** Source: `ConcurrentPolicySyncs`. */
const workers = 5

/** Wires the controller. */
export function startValidatingAdmissionPolicyStatusController(context: ControllerContext): Task {
  const { client, informers, logger } = context
  const policies = informers.of(policiesRef)
  const queue = newQueue(context)
  enqueueChanges(policies, queue)
  return controllerTask(
    [policies],
    {
      name: controllerName,
      queue,
      observe: (key) => policies.get(key),
      plan,
      apply: async ({ policy }, signal) => {
        const read = cachedDocuments(async (path) => await client.raw<JsonObject>({ method: 'GET', path }, signal))
        const warnings = typeWarnings(policy, await typedKinds(policy, read), await paramsType(policy, read))
        const { name, generation } = policy.metadata
        const body = {
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind: 'ValidatingAdmissionPolicy',
          metadata: { name },
          status: {
            observedGeneration: generation,
            typeChecking: warnings.length === 0 ? {} : { expressionWarnings: warnings },
          },
        }
        const patch = { type: 'apply', body, subresource: 'status', fieldManager: controllerName, force: true } as const
        await whenShown(policies, await client.patch(policiesRef, { name }, patch, signal), signal)
      },
      report: reportTo(logger, controllerName),
    },
    workers,
  )
}
