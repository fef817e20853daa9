/** Finds the pod and container that a path names. */
import type { Container, Pod, PodStatus } from '../../api/core/v1.ts'
import { containersOf, isStaticPod } from '../pod/pods.ts'
import type { StatusWriter } from '../pod/status-writer.ts'
import type { PodWorkers } from '../pod/workers.ts'
import type { Runtime } from '../runtime/cri.ts'
import { type RuntimeContainer, type RuntimePod, readRuntimePod } from '../runtime/runtime-pod.ts'
import { HttpError } from './http-error.ts'

export type Lookup = { readonly workers: PodWorkers; readonly statuses: StatusWriter; readonly runtime: Runtime }
export type FoundPod = { readonly pod: Pod; readonly status: PodStatus }

/** The pod of this name; a static pod is found under its mirror's name. Throws 404. */
export function findPod({ workers, statuses }: Lookup, namespace: string, name: string): FoundPod {
  const found = workers
    .list()
    .map(({ pod }) => pod)
    .filter(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
    // A deleted pod may still end beside its successor of the same name.
    .toSorted((a, b) => Number(isStaticPod(b)) - Number(isStaticPod(a)))
    .at(-1)
  if (found === undefined) throw new HttpError(404, 'pod does not exist')
  return { pod: found, status: statuses.get(found.metadata.uid) ?? found.status }
}

/** The container of the spec. Throws 404. */
export function findContainer(pod: Pod, name: string): Container {
  const found = containersOf(pod).find(({ container }) => container.name === name)
  if (found === undefined) throw new HttpError(404, `container ${name} not found in pod ${pod.metadata.name}`)
  return found.container
}

/** The run that streams go to. Throws 404 when nothing runs. */
export async function findRunning(
  { runtime }: Lookup,
  pod: Pod,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly run: RuntimeContainer; readonly runtimePod: RuntimePod }> {
  const runtimePod = await readRuntimePod(runtime, pod.metadata.uid, signal)
  const run = runtimePod.containers.find((one) => one.name === name && one.phase === 'running')
  if (run === undefined) throw new HttpError(404, `container not found ("${name}")`)
  return { run, runtimePod }
}
