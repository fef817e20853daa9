/** What may change in a pod that exists. Source: `ValidatePodUpdate`, `ValidatePodStatusUpdate`. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isIpAddress } from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, sameJson, when } from '../meta/causes.ts'
import { internalForm } from '../meta/internal-form.ts'
import { validateTrimmedImage } from './containers.ts'
import { validateAnnotationChanges } from './pod-annotations.ts'
import { validatePod } from './pod-validation.ts'
import { specDiff } from './spec-diff.ts'
import type { Container, ContainerStatus, Pod, PodSpec } from './v1.ts'

const maxInt32 = 2147483647
const updatable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
]

/** Images, deadline, tolerations and gates may change, within limits; nothing else. */
export function validatePodUpdate(pod: Pod, old: Pod): Causes {
  const { spec } = pod
  const containers = validateImages(spec.containers, old.spec.containers, 'spec.containers')
  // The lists cannot be compared any further then.
  const stop = (causes: Causes) => causes.some(({ reason }) => reason === 'FieldValueForbidden')
  const initContainers = stop(containers)
    ? []
    : validateImages(spec.initContainers, old.spec.initContainers, 'spec.initContainers')
  return [
    ...validatePod(pod),
    ...validateAnnotationChanges(pod, old),
    ...containers,
    ...initContainers,
    ...(stop(containers) || stop(initContainers) ? [] : validateSpecChange(spec, old.spec)),
  ]
}

function validateImages(now: Containers, before: Containers, field: string): Causes {
  if ((now ?? []).length !== (before ?? []).length) {
    return [forbiddenField(field, 'pod updates may not add or remove containers')]
  }
  return each(field, now, ({ image = '' }, path) => [
    ...when(image === '', required(`${path}.image`)),
    ...validateTrimmedImage(image, `${path}.image`),
  ])
}
type Containers = readonly Container[] | undefined

function validateSpecChange(spec: PodSpec, old: PodSpec): Causes {
  const deadline = validateDeadline(spec.activeDeadlineSeconds, old.activeDeadlineSeconds)
  // Only a deadline that is gone leaves the rest to be looked at.
  if (deadline.length > 0 && spec.activeDeadlineSeconds !== undefined) return deadline
  return [
    ...deadline,
    ...validateTolerationsGrow(spec, old),
    ...validateGatesShrink(spec, old),
    ...validateGatedScheduling(spec, old),
    ...validateRest(spec, old),
  ]
}

function validateDeadline(now: number | undefined, before: number | undefined): Causes {
  const field = 'spec.activeDeadlineSeconds'
  if (now === undefined) {
    return when(before !== undefined, () =>
      invalidValue(field, now, 'must not update from a positive integer to nil value'),
    )
  }
  if (now < 0 || now > maxInt32) return [invalidValue(field, now, `must be between 0 and ${maxInt32}, inclusive`)]
  return when(before !== undefined && before < now, () =>
    invalidValue(field, now, 'must be less than or equal to previous value'),
  )
}

function validateTolerationsGrow(spec: PodSpec, old: PodSpec): Causes {
  const bare = ({ tolerationSeconds: _, ...rest }: NonNullable<PodSpec['tolerations']>[number]) => rest
  const now = (spec.tolerations ?? []).map(bare)
  const lost = (old.tolerations ?? []).map(bare).some((one) => !now.some((other) => sameJson(one, other)))
  return when(
    lost,
    forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'),
  )
}

function validateGatesShrink(spec: PodSpec, old: PodSpec): Causes {
  const before = new Set((old.schedulingGates ?? []).map(({ name }) => name))
  return each('spec.schedulingGates', spec.schedulingGates, ({ name }, path) =>
    when(
      !before.has(name),
      forbiddenField(`${path}.name`, `only deletion is allowed, but found new scheduling gate '${name}'`),
    ),
  )
}

/** While a pod is gated, its node selector may become stricter. */
function validateGatedScheduling(spec: PodSpec, old: PodSpec): Causes {
  if ((old.schedulingGates ?? []).length === 0) return []
  const now = spec.nodeSelector ?? {}
  const changed = Object.entries(old.nodeSelector ?? {}).some(([key, value]) => now[key] !== value)
  return when(changed, () =>
    invalidValue(
      'spec.nodeSelector',
      now,
      'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
    ),
  )
}

function validateRest(spec: PodSpec, old: PodSpec): Causes {
  const munged = munge(spec, old)
  return when(!sameJson(munged, old), () =>
    forbiddenField(
      'spec',
      `pod updates may not change fields other than ${updatable.join(',')}\n${specDiff(internalForm('core.v1.PodSpec', munged), internalForm('core.v1.PodSpec', old))}`,
    ),
  )
}

/** The new spec with everything that may change put back. */
function munge(spec: PodSpec, old: PodSpec): PodSpec {
  const gated = (old.schedulingGates ?? []).length > 0
  const { terminationGracePeriodSeconds: grace = 0 } = old
  const back: (keyof PodSpec)[] = ['activeDeadlineSeconds', 'tolerations', 'schedulingGates', 'serviceAccount']
  if (gated) back.push('nodeSelector', 'affinity')
  if (grace < 0 && spec.terminationGracePeriodSeconds === 1) back.push('terminationGracePeriodSeconds')
  const restored = Object.fromEntries(back.map((key) => [key, old[key]]))
  const { containers, initContainers } = spec
  return {
    ...spec,
    ...restored,
    containers: withImages(containers, old.containers),
    ...(initContainers === undefined ? {} : { initContainers: withImages(initContainers, old.initContainers) }),
  }
}

function withImages(now: readonly Container[], before: Containers): readonly Container[] {
  return (now ?? []).map((container, index) => {
    const image = before?.[index]?.image
    return image === undefined ? container : { ...container, image }
  })
}

/** What a kubelet may report. */
export function validatePodStatusUpdate(pod: Pod, old: Pod): Causes {
  const { status } = pod
  const qos = status.qosClass ?? ''
  return [
    ...validateTransitions(
      status.containerStatuses,
      old.status.containerStatuses,
      pod.spec,
      'status.containerStatuses',
    ),
    ...each('status.podIPs', status.podIPs, ({ ip }, path) => invalidValues(path, ip, isIpAddress(ip))),
    ...each('status.hostIPs', status.hostIPs, ({ ip }, path) => invalidValues(path, ip, isIpAddress(ip))),
    ...when(old.status.qosClass !== undefined && qos !== '' && qos !== old.status.qosClass, () =>
      invalidValue('status.qosClass', qos, 'field is immutable'),
    ),
  ]
}

function validateTransitions(
  now: readonly ContainerStatus[] | undefined,
  before: readonly ContainerStatus[] | undefined,
  spec: PodSpec,
  field: string,
): Causes {
  if (spec.restartPolicy === 'Always') return []
  return each(field, before, (old, _path, index) => {
    const ended = old.state?.terminated
    const status = (now ?? []).find(({ name }) => name === old.name)
    const ownPolicy = spec.containers.find(({ name }) => name === old.name)?.restartPolicy
    if (ended === undefined || status === undefined || ownPolicy !== undefined) return []
    if (ended.exitCode !== 0 && spec.restartPolicy === 'OnFailure') return []
    return when(
      status.state?.terminated === undefined,
      forbiddenField(`${field}[${index}].state`, 'may not be transitioned to non-terminated state'),
    )
  })
}
