/** Small facts about a pod's spec that several parts of the kubelet ask for. */
import { createHash } from 'node:crypto'
import type { Container, EphemeralContainer, Pod } from '../../api/core/v1.ts'
import { configMirrorAnnotation, configSourceAnnotation } from '../runtime/labels.ts'

export type ContainerKind = 'init' | 'sidecar' | 'app' | 'ephemeral'
/** A container with its part in the pod; a sidecar is an init container that restarts always. */
export type PodContainer = {
  readonly kind: ContainerKind
  readonly container: Container
  /** The container whose processes an ephemeral container shares. */
  readonly target?: string
}

/** Every container of the spec in order of start: init and sidecar, app, ephemeral. */
export function containersOf(pod: Pod): readonly PodContainer[] {
  return [
    ...(pod.spec.initContainers ?? []).map((container) => ({ kind: initKind(container), container })),
    ...pod.spec.containers.map((container) => ({ kind: 'app' as const, container })),
    ...(pod.spec.ephemeralContainers ?? []).map(ephemeral),
  ]
}

function initKind(container: Container): 'init' | 'sidecar' {
  return container.restartPolicy === 'Always' ? 'sidecar' : 'init'
}

function ephemeral({ targetContainerName: target, ...container }: EphemeralContainer): PodContainer {
  return { kind: 'ephemeral', container, ...(target === undefined || target === '' ? {} : { target }) }
}

/** `web_default(uid)`: how upstream names a pod in messages. */
export function podDescription(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid})`
}

export function isStaticPod(pod: Pod): boolean {
  const source = pod.metadata.annotations?.[configSourceAnnotation]
  return source !== undefined && source !== 'api'
}

export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[configMirrorAnnotation] !== undefined
}

/** Changes when the container must be replaced: upstream hashes name and image, all that may change in place and matters. */
export function containerHash(container: Container): string {
  const text = JSON.stringify([container.name, container.image ?? ''])
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

export function isFinished(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed'
}
