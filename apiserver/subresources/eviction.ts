/** `pods/eviction`: a deletion that disruption budgets may refuse for now. */
import type { Pod } from '../../api/core/v1.ts'
import type { PodDisruptionBudget } from '../../api/policy/v1.ts'
import { isJsonObject, type JsonObject } from '../../apimachinery/json.ts'
import { matches, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import { badRequest, forbidden, StatusError } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import { loopbackUser } from '../authn/user.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { kinds, readAll } from '../registry/typed-reader.ts'
import { asObject, createdStatus, isDryRun, requiredBody, served, writeOptions } from './answers.ts'
import { checkEvictionOptions, evictionOptions } from './eviction-options.ts'
import { admissionOfCreated } from './own-kind.ts'
import type { SubresourceAnswer, SubresourceContext, SubresourceHandler } from './subresource.ts'

/** More pods than this waiting for their eviction to show mean that the budget's controller is gone. */
const maxDisruptedPods = 2000

/** The handler. */
export const evictionHandler: SubresourceHandler = {
  group: '',
  plural: 'pods',
  subresource: 'eviction',
  verbs: ['create'],
  handle: async (request, _, context) => await evict(request, context),
}

async function evict(request: ApiRequest, context: SubresourceContext): Promise<SubresourceAnswer> {
  const { store, reader, clock } = context
  const { namespace, name } = request.info
  const [resource, definition] = [served(store, '', 'pods'), 'policy.v1.Eviction'] as const
  const admission = admissionOfCreated(request, context, { resource, subresource: 'eviction', definition })
  const eviction = await admission.mutate(await requiredBody(context, request, definition))
  if ((eviction.metadata.name ?? '') !== name) throw badRequest('name in URL does not match name in Eviction object')
  const options: JsonObject = isJsonObject(eviction.deleteOptions) ? eviction.deleteOptions : {}
  checkEvictionOptions(name, options, request.query.getAll('dryRun'))
  await admission.validate(eviction)
  const key = { namespace, name }
  const pod = (await store.get(resource, key, request.signal)) as unknown as Pod
  const plan = planEviction(pod, readAll(reader, kinds.podDisruptionBudgets, namespace))
  if (plan.type === 'refuse') throw plan.error
  if (plan.type === 'spend') await spend(request, context, plan.budget, name)
  if (plan.type !== 'delete') await markDisrupted(request, context, formatTime(clock.now()))
  await deletePod(request, context, options)
  return createdStatus
}

/** What an eviction does: delete at once, delete without a budget's leave, or take one disruption from a budget. */
export type EvictionPlan =
  | { readonly type: 'delete' }
  | { readonly type: 'allow' }
  | { readonly type: 'spend'; readonly budget: PodDisruptionBudget }
  | { readonly type: 'refuse'; readonly error: StatusError }

/** Decides by the budgets of the pod's namespace. */
export function planEviction(pod: Pod, budgets: readonly PodDisruptionBudget[]): EvictionPlan {
  if (needsNoBudget(pod)) return { type: 'delete' }
  const own = budgets.filter(({ spec }) => matches(selectorFromLabelSelector(spec.selector), pod.metadata.labels))
  const [budget, second] = own
  if (budget === undefined) return { type: 'allow' }
  if (second !== undefined) {
    const message = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'
    return { type: 'refuse', error: new StatusError('', message, undefined, 500) }
  }
  if (!isReady(pod) && mayEvictUnhealthy(budget)) return { type: 'allow' }
  const error = budgetRefusal(budget)
  return error === undefined ? { type: 'spend', budget } : { type: 'refuse', error }
}

function needsNoBudget({ metadata, status }: Pod): boolean {
  const phase = status?.phase
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || metadata.deletionTimestamp !== undefined
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true
}

function mayEvictUnhealthy({ spec, status }: PodDisruptionBudget): boolean {
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {}
  return currentHealthy >= desiredHealthy && desiredHealthy > 0
}

function budgetRefusal({ metadata, status }: PodDisruptionBudget): StatusError | undefined {
  const { observedGeneration = 0, disruptionsAllowed = 0, disruptedPods = {} } = status ?? {}
  if (observedGeneration < (metadata.generation ?? 0)) {
    return tooManyRequests(`The disruption budget ${metadata.name} is still being processed by the server.`, 10)
  }
  const budget = { group: 'policy', plural: 'poddisruptionbudget' }
  if (disruptionsAllowed < 0) return forbidden(budget, metadata.name, 'pdb disruptions allowed is negative')
  if (Object.keys(disruptedPods).length > maxDisruptedPods) {
    const message = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller'
    return forbidden(budget, metadata.name, message)
  }
  if (disruptionsAllowed > 0) return undefined
  const { desiredHealthy = 0, currentHealthy = 0 } = status ?? {}
  return tooManyRequests(
    `The disruption budget ${metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
    0,
  )
}

function tooManyRequests(cause: string, retryAfterSeconds: number): StatusError {
  return new StatusError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
    causes: [{ reason: 'DisruptionBudget', message: cause }],
  })
}

/** Takes one disruption; the budget is judged again on the state that is written. */
async function spend(
  request: ApiRequest,
  { store, clock }: SubresourceContext,
  { metadata }: PodDisruptionBudget,
  podName: string,
): Promise<void> {
  if (isDryRun(request)) return
  const key = { namespace: metadata.namespace ?? '', name: metadata.name }
  await store.update(
    served(store, 'policy', 'poddisruptionbudgets'),
    key,
    (current) => {
      const budget = current as unknown as PodDisruptionBudget
      const error = budgetRefusal(budget)
      if (error !== undefined) throw error
      return asObject(spent(budget, podName, formatTime(clock.now())))
    },
    { ...writeOptions(request), user: loopbackUser, subresource: 'status', strategy: 'asGiven' },
    request.signal,
  )
}

/** The budget with one disruption less. */
export function spent(budget: PodDisruptionBudget, podName: string, time: string): PodDisruptionBudget {
  const { status } = budget
  if (status === undefined) return budget
  const disruptionsAllowed = status.disruptionsAllowed - 1
  const conditions = disruptionsAllowed === 0 ? withNoneLeft(status, time) : status.conditions
  return {
    ...budget,
    status: {
      ...status,
      disruptionsAllowed,
      disruptedPods: { ...status.disruptedPods, [podName]: time },
      ...(conditions === undefined ? {} : { conditions }),
    },
  }
}

type BudgetStatus = NonNullable<PodDisruptionBudget['status']>

/** The conditions where no disruption is left. Source: `UpdateDisruptionAllowedCondition`. */
function withNoneLeft({ conditions = [], observedGeneration }: BudgetStatus, time: string): BudgetStatus['conditions'] {
  const before = conditions.find(({ type }) => type === 'DisruptionAllowed')
  const condition = {
    type: 'DisruptionAllowed',
    status: 'False',
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    lastTransitionTime: before?.status === 'False' ? before.lastTransitionTime : time,
    reason: 'InsufficientPods',
    message: '',
  }
  if (before === undefined) return [...conditions, condition]
  return conditions.map((one) => (one === before ? condition : one))
}

/** The condition that tells a pod's owner why it went. */
async function markDisrupted(request: ApiRequest, { store }: SubresourceContext, time: string): Promise<void> {
  if (isDryRun(request)) return
  const { namespace, name } = request.info
  await store.update(
    served(store, '', 'pods'),
    { namespace, name },
    (current) => {
      const pod = current as unknown as Pod
      const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget')
      const condition = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'EvictionByEvictionAPI',
        message: 'Eviction API: evicting',
        lastTransitionTime: time,
      }
      return asObject({ ...pod, status: { ...pod.status, conditions: [...others, condition] } })
    },
    { ...writeOptions(request), subresource: 'status', strategy: 'asGiven', isAdmitted: true },
    request.signal,
  )
}

async function deletePod(request: ApiRequest, { store }: SubresourceContext, options: JsonObject): Promise<void> {
  const { namespace, name } = request.info
  await store.delete(
    served(store, '', 'pods'),
    { namespace, name },
    { ...writeOptions(request), isAdmitted: true, ...evictionOptions(options, isDryRun(request)) },
    request.signal,
  )
}
