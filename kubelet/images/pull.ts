/** Makes sure that a container's image is on the node, by its pull policy, with back-off and upstream's events. */
import type { Container, Pod } from '../../api/core/v1.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import type { Clock } from '../../component-base/clock.ts'
import { type BackoffEntry, backoffEndMs, nextBackoff } from '../pod/backoff.ts'
import type { ImageUser } from '../pod/security-context.ts'
import { CriError, type Runtime } from '../runtime/cri.ts'
import type { ObjectSource } from '../volumes/objects.ts'
import { credentialsFor } from './credentials.ts'
import { type ImageName, parseImageName, withDefaultTag } from './image-name.ts'

export type PulledImage = { readonly ref: string; readonly user: ImageUser; readonly sizeBytes: number }
export type ImageErrorReason =
  | 'ErrImagePull'
  | 'ImagePullBackOff'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'ImageInspectError'

/** Why there is no image: the container waits with this reason and message. */
export class ImageError extends Error {
  override readonly name = 'ImageError'
  readonly reason: ImageErrorReason
  readonly retryAtMs: number | undefined
  constructor(reason: ImageErrorReason, message: string, retryAtMs?: number) {
    super(message)
    this.reason = reason
    this.retryAtMs = retryAtMs
  }
}

export type Images = {
  readonly ensure: (pod: Pod, container: Container, fieldPath: string, signal: AbortSignal) => Promise<PulledImage>
  /** Forgets the back-off of a pod that is gone. */
  readonly forget: (podUid: string) => void
}
export type ImagesOptions = {
  readonly runtime: Runtime
  readonly objects: ObjectSource
  readonly recorder: Recorder
  readonly clock: Clock
}

/** A pull may take long; upstream only ends it when nothing moves. */
const pullTimeoutMs = 30 * 60_000

type Failure = { readonly backoff: BackoffEntry; readonly atMs: number; readonly message: string }

/** Pulls through the runtime. */
export function createImages({ runtime, objects, recorder, clock }: ImagesOptions): Images {
  const failures = new Map<string, Failure>()

  const inspect = async (image: string, signal: AbortSignal): Promise<PulledImage | undefined> => {
    const { image: found } = await runtime.call('ImageStatus', { image: { image } }, signal)
    if (found === null) return undefined
    const user: ImageUser = {
      ...(found.uid === null ? {} : { uid: found.uid.value }),
      ...(found.username === '' ? {} : { name: found.username }),
    }
    // An image without any user runs as root.
    const isRoot = user.uid === undefined && user.name === undefined
    return { ref: found.id, user: isRoot ? { uid: 0 } : user, sizeBytes: found.size }
  }

  const pull = async (pod: Pod, name: ImageName, image: string, signal: AbortSignal): Promise<void> => {
    const namespace = pod.metadata.namespace ?? ''
    const named = (pod.spec.imagePullSecrets ?? []).map((ref) => objects.secret(namespace, ref.name ?? '', signal))
    const secrets = (await Promise.all(named)).flatMap((secret) => secret ?? [])
    const attempts = credentialsFor(name, secrets)
    let failure: unknown
    for (const auth of attempts.length === 0 ? [undefined] : attempts) {
      try {
        await runtime.call('PullImage', { image: { image }, auth }, signal, pullTimeoutMs)
        return
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  return {
    forget: (podUid) => {
      for (const key of failures.keys()) if (key.startsWith(podUid)) failures.delete(key)
    },
    ensure: async (pod, container, fieldPath, signal) => {
      const text = container.image ?? ''
      const warn = (reason: string, message: string) => recorder.event(pod, 'Warning', reason, message, { fieldPath })
      const note = (reason: string, message: string) => recorder.event(pod, 'Normal', reason, message, { fieldPath })
      const name = parseImageName(text)
      if (typeof name === 'string') {
        const message = `Failed to apply default image tag "${text}": couldn't parse image name "${text}": ${name}`
        warn('InspectFailed', message)
        throw new ImageError('InvalidImageName', message)
      }
      const image = withDefaultTag(text, name)
      const policy = container.imagePullPolicy ?? (name.tag === 'latest' ? 'Always' : 'IfNotPresent')
      const present = policy === 'Always' ? undefined : await inspect(image, signal)
      if (present !== undefined) {
        note('Pulled', `Container image "${text}" already present on machine and can be accessed by the pod`)
        return present
      }
      if (policy === 'Never') {
        const message = `Container image "${text}" is not present with pull policy of Never`
        warn('ErrImageNeverPull', message)
        throw new ImageError('ErrImageNeverPull', message)
      }
      const key = `${pod.metadata.uid}_${image}`
      const failed = failures.get(key)
      const retryAtMs = failed === undefined ? undefined : backoffEndMs(failed.backoff, failed.atMs, clock.now())
      if (failed !== undefined && retryAtMs !== undefined) {
        const message = `Back-off pulling image "${text}"`
        note('BackOff', message)
        throw new ImageError('ImagePullBackOff', `${message}: ErrImagePull: ${failed.message}`, retryAtMs)
      }
      note('Pulling', `Pulling image "${text}"`)
      const startedMs = clock.now()
      try {
        await pull(pod, name, image, signal)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        const message = pullMessage(error)
        const backoff = nextBackoff(failed?.backoff, clock.now(), clock.now())
        failures.set(key, { backoff, atMs: clock.now(), message })
        warn('Failed', `Failed to pull image "${text}": ${message}`)
        throw new ImageError('ErrImagePull', message, clock.now() + backoff.delayMs)
      }
      failures.delete(key)
      const pulled = await inspect(image, signal)
      if (pulled === undefined) throw new CriError('ImageStatus', 'NotFound', `image "${text}" vanished after its pull`)
      const took = `${((clock.now() - startedMs) / 1000).toFixed(3)}s`
      const size = `Image size: ${pulled.sizeBytes} bytes.`
      note('Pulled', `Successfully pulled image "${text}" in ${took} (${took} including waiting). ${size}`)
      return pulled
    },
  }
}

/** The code `Unknown` says nothing that the text does not. */
function pullMessage(error: unknown): string {
  if (error instanceof CriError && error.code === 'Unknown') return error.details
  return error instanceof Error ? error.message : String(error)
}
