/** `pods/binding` and `bindings`: the scheduler's decision, written once and never changed. */
import type { Binding, Pod } from '../../api/core/v1.ts'
import { notSupported, required } from '../../apimachinery/field-errors.ts'
import { badRequest, conflict, invalid, type StatusCause } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { asObject, createdStatus, requiredBody, served, writeOptions } from './answers.ts'
import { admissionOfCreated } from './own-kind.ts'
import type { SubresourceAnswer, SubresourceContext, SubresourceHandler } from './subresource.ts'

/** Both paths of a binding. */
export const bindingHandlers: readonly SubresourceHandler[] = [
  {
    group: '',
    plural: 'pods',
    subresource: 'binding',
    verbs: ['create'],
    handle: (request, _, context) => bind(request, context),
  },
  {
    group: '',
    plural: 'bindings',
    subresource: '',
    verbs: ['create'],
    handle: (request, _, context) => bind(request, context),
  },
]

async function bind(request: ApiRequest, context: SubresourceContext): Promise<SubresourceAnswer> {
  const { store, clock } = context
  const { resource: plural, subresource } = request.info
  const definition = 'core.v1.Binding'
  const admission = admissionOfCreated(request, context, {
    resource: served(store, '', plural),
    subresource,
    definition,
  })
  const binding = await admission.mutate(await requiredBody(context, request, definition))
  const name = request.info.name === '' ? (binding.metadata.name ?? '') : request.info.name
  if ((binding.metadata.name ?? '') !== name) throw badRequest('name in URL does not match name in Binding object')
  const causes = bindingCauses(binding)
  if (causes.length > 0) throw invalid({ group: '', kind: 'Binding' }, name, causes)
  await admission.validate(binding)
  const { uid, resourceVersion } = binding.metadata
  await store.update(
    served(store, '', 'pods'),
    { namespace: request.info.namespace, name },
    (current) => asObject(bound(current as unknown as Pod, binding, formatTime(clock.now()))),
    {
      ...writeOptions(request),
      subresource: 'binding',
      isAdmitted: true,
      strategy: 'asGiven',
      preconditions: {
        ...(uid === undefined || uid === '' ? {} : { uid }),
        ...(resourceVersion === undefined || resourceVersion === '' ? {} : { resourceVersion }),
      },
    },
    request.signal,
  )
  return createdStatus
}

/** What is wrong with the target. */
export function bindingCauses({ target }: Binding): readonly StatusCause[] {
  const { kind = '', name = '' } = target
  return [
    ...(kind === '' || kind === 'Node' ? [] : [notSupported('target.kind', kind, ['Node', '<empty>'])]),
    ...(name === '' ? [required('target.name')] : []),
  ]
}

/** The pod on its node; throws `Conflict` when it may not go there (any more). */
export function bound(pod: Pod, binding: Binding, time: string): Pod {
  const refusal = bindingRefusal(pod)
  if (refusal !== undefined) throw conflict({ group: '', plural: 'pods/binding' }, pod.metadata.name, refusal)
  const labels = { ...pod.metadata.labels, ...binding.metadata.labels }
  const annotations = { ...pod.metadata.annotations, ...binding.metadata.annotations }
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
    },
    spec: { ...pod.spec, nodeName: binding.target.name ?? '' },
    status: { ...pod.status, conditions: scheduled(pod, time) },
  }
}

function bindingRefusal({ metadata, spec }: Pod): string | undefined {
  if (metadata.deletionTimestamp !== undefined) {
    return `pod ${metadata.name} is being deleted, cannot be assigned to a host`
  }
  if (spec.nodeName !== undefined && spec.nodeName !== '') {
    return `pod ${metadata.name} is already assigned to node ${JSON.stringify(spec.nodeName)}`
  }
  if ((spec.schedulingGates ?? []).length > 0) {
    return `pod ${metadata.name} has non-empty .spec.schedulingGates`
  }
  return undefined
}

type Conditions = NonNullable<NonNullable<Pod['status']>['conditions']>

function scheduled(pod: Pod, time: string): Conditions {
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled')
  return [...others, { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: time }]
}
