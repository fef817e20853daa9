/** Pod: the smallest thing that runs. Source: pkg/registry/core/pod/strategy.go. */
import { setCondition } from '../../apimachinery/conditions.ts'
import { factsOf } from '../facts/resources.ts'
import { sameJson } from '../meta/causes.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { mergeMatchLabelKeys } from './match-label-keys.ts'
import { podColumns } from './pod-columns.ts'
import { defaultPodSpec, mirrorServiceAccount } from './pod-defaults.ts'
import { dropDisabledFields } from './pod-disabled.ts'
import { qosClass } from './pod-resources.ts'
import { validatePodStatusUpdate, validatePodUpdate } from './pod-update.ts'
import { validateNewPod } from './pod-validation.ts'
import { podWarnings } from './pod-warnings.ts'
import type { Pod, PodStatus } from './v1.ts'

export const pods = defineResource<Pod>({
  facts: factsOf('', 'pods'),
  definition: 'core.v1.Pod',
  metadataRules: { update: 'whole' },
  validateName: subdomainName,
  defaults: (pod) => ({ ...pod, spec: defaultPodSpec(pod.spec), status: mirrorPodIp(pod.status) }),
  validate: validateNewPod,
  validateUpdate: validatePodUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
  prepareForCreate: preparePod,
  prepareForUpdate: (pod, old) => ({
    ...pod,
    metadata: { ...pod.metadata, generation: nextGeneration(pod, old) },
    spec: dropDisabledFields(mirrorServiceAccount(pod.spec), old.spec),
    status: old.status,
  }),
  prepareForStatusUpdate: (pod, old) => {
    // Old kubelets sent garbage here; upstream ignores owner references and deletion on this path.
    const { ownerReferences: _, ...metadata } = pod.metadata
    const { ownerReferences } = old.metadata
    return {
      ...pod,
      metadata: { ...metadata, ...(ownerReferences === undefined ? {} : { ownerReferences }) },
      spec: old.spec,
      status: { ...(old.status.qosClass === undefined ? {} : { qosClass: old.status.qosClass }), ...pod.status },
    }
  },
  columns: podColumns,
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec.nodeName ?? '',
    // The name that the field had in v1beta3.
    'spec.host': (pod) => pod.spec.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => String(pod.spec.hostNetwork ?? false),
    'status.phase': (pod) => pod.status.phase ?? '',
    'status.podIP': (pod) => pod.status.podIPs?.[0]?.ip ?? '',
    'status.podIPs': (pod) => pod.status.podIPs?.[0]?.ip ?? '',
    'status.nominatedNodeName': (pod) => pod.status.nominatedNodeName ?? '',
  },
  gracePeriodSeconds: podGracePeriod,
  warnings: podWarnings,
})

/** What a pod's creation sets: phase, quality of service, and the mark of a pod that may not be scheduled yet. */
export function preparePod(pod: Pod): Pod {
  const gated = (pod.spec.schedulingGates ?? []).length > 0
  const spec = mergeMatchLabelKeys(mirrorServiceAccount(dropDisabledFields(pod.spec)), pod.metadata.labels ?? {})
  const status: PodStatus = {
    phase: 'Pending',
    qosClass: qosClass(pod.spec),
    ...(gated
      ? { conditions: setCondition([], { ...schedulingGated, lastTransitionTime: pod.metadata.creationTimestamp }) }
      : {}),
  }
  return { ...pod, metadata: { ...pod.metadata, generation: 1 }, spec, status }
}

const schedulingGated = {
  lastProbeTime: null,
  type: 'PodScheduled',
  status: 'False',
  reason: 'SchedulingGated',
  message: 'Scheduling is blocked due to non-empty scheduling gates',
} as const

/** A changed spec is a new generation. */
export function nextGeneration(pod: Pod, old: Pod): number {
  const generation = old.metadata.generation ?? 0
  return sameJson(pod.spec, old.spec) ? generation : generation + 1
}

/** The old single address and the first of the list say the same; the list wins. */
function mirrorPodIp(status: PodStatus = {}): PodStatus {
  const ips = status.podIPs ?? []
  const first = ips[0]?.ip
  if (status.podIP !== undefined && status.podIP !== first) {
    return status.podIP === '' ? status : { ...status, podIPs: [{ ip: status.podIP }] }
  }
  return first === undefined ? status : { ...status, podIP: first }
}

/** Source: `podStrategy.CheckGracefulDelete`. */
export function podGracePeriod({ spec, status }: Pod, requested: number | undefined): number {
  const isOver = status.phase === 'Failed' || status.phase === 'Succeeded'
  if ((spec.nodeName ?? '') === '' || isOver) return 0
  const period = requested ?? spec.terminationGracePeriodSeconds ?? 0
  return period < 0 ? 1 : period
}
