/** What the runtime is told about one container. Pure. */
import type { Container, Pod } from '../../api/core/v1.ts'
import type { CriDraft } from '../runtime/cri.ts'
import {
  containerHashAnnotation,
  containerNameLabel,
  gracePeriodAnnotation,
  grantedResourcesAnnotation,
  podNameLabel,
  podNamespaceLabel,
  podUidLabel,
  restartCountAnnotation,
  terminationMessagePathAnnotation,
  terminationMessagePolicyAnnotation,
} from '../runtime/labels.ts'
import { expand } from './env.ts'
import { containerHash } from './pods.ts'
import { containerResources } from './resources.ts'
import { containerSecurityContext, type ImageUser } from './security-context.ts'

export type ContainerInput = {
  readonly pod: Pod
  readonly container: Container
  readonly restartCount: number
  readonly imageRef: string
  readonly imageUser: ImageUser
  readonly env: ReadonlyMap<string, string>
  readonly mounts: readonly CriDraft<'Mount'>[]
  readonly nodeMemoryBytes: number
  readonly seccompRoot: string
  /** Id of the container whose processes this one shares. */
  readonly targetId?: string
}

/** The configuration for `CreateContainer`. */
export function containerConfig(input: ContainerInput): CriDraft<'ContainerConfig'> {
  const { pod, container, restartCount, env } = input
  const lookup = (name: string) => env.get(name)
  return {
    metadata: { name: container.name, attempt: restartCount },
    image: { image: input.imageRef, userSpecifiedImage: container.image ?? '' },
    command: (container.command ?? []).map((word) => expand(word, lookup)),
    args: (container.args ?? []).map((word) => expand(word, lookup)),
    workingDir: container.workingDir ?? '',
    envs: [...env].map(([key, value]) => ({ key, value: new TextEncoder().encode(value) })),
    mounts: input.mounts,
    labels: {
      [podNameLabel]: pod.metadata.name,
      [podNamespaceLabel]: pod.metadata.namespace ?? '',
      [podUidLabel]: pod.metadata.uid,
      [containerNameLabel]: container.name,
    },
    annotations: annotations(pod, container, restartCount),
    logPath: `${container.name}/${restartCount}.log`,
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    linux: {
      resources: containerResources(pod, container, { memoryBytes: input.nodeMemoryBytes }),
      securityContext: containerSecurityContext(pod, container, input.imageUser, input),
    },
  }
}

function annotations(pod: Pod, container: Container, restartCount: number): Readonly<Record<string, string>> {
  return {
    [containerHashAnnotation]: containerHash(container),
    [grantedResourcesAnnotation]: JSON.stringify(container.resources),
    [restartCountAnnotation]: String(restartCount),
    [terminationMessagePathAnnotation]: container.terminationMessagePath ?? '/dev/termination-log',
    [terminationMessagePolicyAnnotation]: container.terminationMessagePolicy ?? 'File',
    [gracePeriodAnnotation]: String(pod.spec.terminationGracePeriodSeconds ?? 30),
  }
}
