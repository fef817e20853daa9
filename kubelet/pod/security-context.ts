/** `securityContext` of pod and container as the runtime wants it. Pure. */
import type { Container, Pod, SeccompProfile } from '../../api/core/v1.ts'
import type { CriDraft, CriEnum } from '../runtime/cri.ts'
import { ContainerConfigError } from './env.ts'

/** The user that the image names: a number, or a name that only the runtime can resolve. */
export type ImageUser = { readonly uid?: number; readonly name?: string }

// Source: upstream `pkg/securitycontext/util.go`: what `procMount: Default` hides and protects.
const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** The security part of one container. Throws `ContainerConfigError` when `runAsNonRoot` is broken. */
export function containerSecurityContext(
  pod: Pod,
  container: Container,
  image: ImageUser,
  options: { readonly seccompRoot: string; readonly targetId?: string },
): CriDraft<'LinuxContainerSecurityContext'> {
  const ofPod = pod.spec.securityContext
  const own = container.securityContext
  const user = own?.runAsUser ?? ofPod?.runAsUser
  const group = own?.runAsGroup ?? ofPod?.runAsGroup
  const privileged = own?.privileged === true
  if ((own?.runAsNonRoot ?? ofPod?.runAsNonRoot) === true) verifyNonRoot(pod, container, user, image)
  return {
    privileged,
    namespaceOptions: {
      ...namespaceOptions(pod),
      ...(options.targetId === undefined ? {} : { pid: 'TARGET', targetId: options.targetId }),
    },
    capabilities: {
      addCapabilities: own?.capabilities?.add ?? [],
      dropCapabilities: own?.capabilities?.drop ?? [],
    },
    readonlyRootfs: own?.readOnlyRootFilesystem === true,
    noNewPrivs: own?.allowPrivilegeEscalation === false,
    ...runAs(user, group, image),
    supplementalGroups: [
      ...(ofPod?.supplementalGroups ?? []),
      ...(ofPod?.fsGroup === undefined ? [] : [ofPod.fsGroup]),
    ],
    seccomp: seccompProfile(own?.seccompProfile ?? ofPod?.seccompProfile, privileged, options.seccompRoot),
    maskedPaths: privileged || own?.procMount === 'Unmasked' ? [] : maskedPaths,
    readonlyPaths: privileged || own?.procMount === 'Unmasked' ? [] : readonlyPaths,
  }
}

function runAs(
  user: number | undefined,
  group: number | undefined,
  image: ImageUser,
): CriDraft<'LinuxContainerSecurityContext'> {
  const uid = user ?? image.uid
  return {
    ...(uid === undefined ? { runAsUsername: image.name ?? '' } : { runAsUser: { value: uid } }),
    ...(group === undefined ? {} : { runAsGroup: { value: group } }),
    // A group needs a user beside it; the runtime refuses the group alone.
    ...(group !== undefined && uid === undefined && image.name === undefined ? { runAsUser: { value: 0 } } : {}),
  }
}

function verifyNonRoot(pod: Pod, container: Container, user: number | undefined, image: ImageUser): void {
  const where = `(pod: "${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid})", container: ${container.name})`
  if (user !== undefined) {
    if (user !== 0) return
    throw new ContainerConfigError(`container's runAsUser breaks non-root policy ${where}`)
  }
  if (image.uid === 0 || (image.uid === undefined && (image.name ?? '') === '')) {
    throw new ContainerConfigError(`container has runAsNonRoot and image will run as root ${where}`)
  }
  if (image.uid === undefined) {
    throw new ContainerConfigError(
      `container has runAsNonRoot and image has non-numeric user (${image.name ?? ''}), cannot verify user is non-root ${where}`,
    )
  }
}

function seccompProfile(
  profile: SeccompProfile | undefined,
  privileged: boolean,
  seccompRoot: string,
): CriDraft<'SecurityProfile'> {
  if (privileged || profile === undefined || profile.type === 'Unconfined') return { profileType: 'Unconfined' }
  if (profile.type === 'RuntimeDefault') return { profileType: 'RuntimeDefault' }
  return { profileType: 'Localhost', localhostRef: `${seccompRoot}/${profile.localhostProfile ?? ''}` }
}

/** The sandbox runs nothing of the user, so it is always confined unless the pod asks otherwise. */
export function sandboxSeccomp({ spec }: Pod): CriDraft<'SecurityProfile'> {
  const type = spec.securityContext?.seccompProfile?.type
  return { profileType: type === 'Unconfined' ? 'Unconfined' : 'RuntimeDefault' }
}

/** Which namespaces of the node the pod shares. */
export function namespaceOptions({ spec }: Pod): CriDraft<'NamespaceOption'> {
  const pid: CriEnum<'NamespaceMode'> =
    spec.hostPID === true ? 'NODE' : spec.shareProcessNamespace === true ? 'POD' : 'CONTAINER'
  return { network: spec.hostNetwork === true ? 'NODE' : 'POD', ipc: spec.hostIPC === true ? 'NODE' : 'POD', pid }
}
