/** `pods/binding` and `bindings`: the scheduler's decision, written once and never changed. */
import type { Binding, Node, Pod } from '../../api/core/v1.ts'
import { notSupported, required } from '../../apimachinery/field-errors.ts'
import { badRequest, conflict, invalid, type StatusCause } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { kinds, read } from '../registry/typed-reader.ts'
import { asObject, createdStatus, requiredBody, served, writeOptions } from './answers.ts'
import type { SubresourceAnswer, SubresourceContext, SubresourceHandler } from './subresource.ts'

/** A pod takes these over from its node, so that programs in it can know where they run. */
const topologyLabels = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region']

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
  const { store, reader, clock } = context
  const binding = await requiredBody(context, request, 'core.v1.Binding')
  const name = request.info.name === '' ? (binding.metadata.name ?? '') : request.info.name
  if ((binding.metadata.name ?? '') !== name) throw badRequest('name in URL does not match name in Binding object')
  const causes = bindingCauses(binding)
  if (causes.length > 0) throw invalid({ group: '', kind: 'Binding' }, name, causes)
  const node = read(reader, kinds.nodes, '', binding.target.name ?? '')
  const { uid, resourceVersion } = binding.metadata
  await store.update(
    served(store, '', 'pods'),
    { namespace: request.info.namespace, name },
    (current) => asObject(bound(current as unknown as Pod, binding, node, formatTime(clock.now()))),
    {
      ...writeOptions(request),
      subresource: 'binding',
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
export function bound(pod: Pod, binding: Binding, node: Node | undefined, time: string): Pod {
  const refusal = bindingRefusal(pod)
  if (refusal !== undefined) throw conflict({ group: '', plural: 'pods/binding' }, pod.metadata.name, refusal)
  const labels = Object.entries(node?.metadata.labels ?? {}).filter(([label]) => topologyLabels.includes(label))
  const annotations = { ...pod.metadata.annotations, ...binding.metadata.annotations }
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(labels.length === 0 ? {} : { labels: { ...pod.metadata.labels, ...Object.fromEntries(labels) } }),
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
  return [...others, { type: 'PodScheduled', status: 'True', lastTransitionTime: time }]
}
