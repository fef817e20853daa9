/** What the runtime says about one pod: its sandboxes and containers, newest first. */
import type { ResourceRequirements } from '../../api/core/v1.ts'
import { type Cri, isNotFound, type Runtime } from './cri.ts'
import {
  containerHashAnnotation,
  containerNameLabel,
  grantedResourcesAnnotation,
  podNameLabel,
  podNamespaceLabel,
  podUidLabel,
  restartCountAnnotation,
} from './labels.ts'
import { terminationMessage } from './termination-message.ts'

export type RuntimeSandbox = {
  readonly id: string
  readonly attempt: number
  readonly ready: boolean
  readonly createdAtMs: number
  readonly hostNetwork: boolean
  readonly ips: readonly string[]
}
export type ContainerPhase = 'created' | 'running' | 'exited' | 'unknown'
export type RuntimeContainer = {
  readonly id: string
  readonly name: string
  readonly restartCount: number
  readonly phase: ContainerPhase
  readonly createdAtMs: number
  readonly startedAtMs: number
  readonly finishedAtMs: number
  readonly exitCode: number
  readonly reason: string
  readonly message: string
  readonly image: string
  readonly imageRef: string
  /** Hash of the container's spec when it was created. */
  readonly hash: string
  readonly logPath: string
  /** What the kernel was told; undefined: the runtime does not say. */
  readonly resources?: RuntimeResources
  /** What the container was granted when it was created. */
  readonly granted?: ResourceRequirements
}
/** Limits as the kernel counts them; 0: none. */
export type RuntimeResources = {
  readonly cpuShares: number
  readonly cpuQuota: number
  readonly memoryLimitBytes: number
}
export type RuntimePod = {
  readonly uid: string
  readonly sandboxes: readonly RuntimeSandbox[]
  readonly containers: readonly RuntimeContainer[]
}

/** Whose a sandbox or container is, and the little that PLEG compares. */
export type RuntimePodSummary = {
  readonly uid: string
  readonly name: string
  readonly namespace: string
  /** `id → state` of every sandbox and container. */
  readonly states: ReadonlyMap<string, string>
}

/** Reads everything about one pod; what vanishes while reading is left out. */
export async function readRuntimePod(runtime: Runtime, uid: string, signal: AbortSignal): Promise<RuntimePod> {
  const filter = { labelSelector: { [podUidLabel]: uid } }
  const [{ items }, { containers }] = await Promise.all([
    runtime.call('ListPodSandbox', { filter }, signal),
    runtime.call('ListContainers', { filter }, signal),
  ])
  const sandboxes = await Promise.all(items.map((item) => readSandbox(runtime, item.id, signal)))
  const statuses = await Promise.all(containers.map((container) => readContainer(runtime, container.id, signal)))
  return {
    uid,
    sandboxes: sandboxes.flatMap((sandbox) => sandbox ?? []).toSorted(newestFirst),
    containers: statuses.flatMap((status) => status ?? []).toSorted(newestFirst),
  }
}

/** All pods that the runtime knows, by uid; sandboxes that are not ours (no pod uid) are left out. */
export async function listRuntimePods(
  runtime: Runtime,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, RuntimePodSummary>> {
  const [{ items }, { containers }] = await Promise.all([
    runtime.call('ListPodSandbox', {}, signal),
    runtime.call('ListContainers', {}, signal),
  ])
  const pods = new Map<string, RuntimePodSummary & { readonly states: Map<string, string> }>()
  for (const { id, state, labels } of [...items, ...containers]) {
    const uid = labels[podUidLabel]
    if (uid === undefined || uid === '') continue
    const pod = pods.get(uid) ?? {
      uid,
      name: labels[podNameLabel] ?? '',
      namespace: labels[podNamespaceLabel] ?? '',
      states: new Map<string, string>(),
    }
    pod.states.set(id, state)
    pods.set(uid, pod)
  }
  return pods
}

async function readSandbox(runtime: Runtime, id: string, signal: AbortSignal): Promise<RuntimeSandbox | undefined> {
  try {
    const { status } = await runtime.call('PodSandboxStatus', { podSandboxId: id }, signal)
    return status === null ? undefined : sandboxOf(status)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** One container, or undefined when it is gone. */
export async function readContainer(
  runtime: Runtime,
  id: string,
  signal: AbortSignal,
): Promise<RuntimeContainer | undefined> {
  try {
    const { status } = await runtime.call('ContainerStatus', { containerId: id }, signal)
    return status === null ? undefined : await withMessage(containerOf(status), status)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

function sandboxOf(status: Cri<'PodSandboxStatus'>): RuntimeSandbox {
  const network = status.network
  const ips = [network?.ip ?? '', ...(network?.additionalIps ?? []).map(({ ip }) => ip)].filter((ip) => ip !== '')
  return {
    id: status.id,
    attempt: status.metadata?.attempt ?? 0,
    ready: status.state === 'SANDBOX_READY',
    createdAtMs: status.createdAt / 1e6,
    hostNetwork: status.linux?.namespaces?.options?.network === 'NODE',
    ips,
  }
}

const phases: Readonly<Record<string, ContainerPhase>> = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
}

function containerOf(status: Cri<'ContainerStatus'>): RuntimeContainer {
  return {
    id: status.id,
    name: status.labels[containerNameLabel] ?? status.metadata?.name ?? '',
    restartCount: Number(status.annotations[restartCountAnnotation] ?? status.metadata?.attempt ?? 0),
    phase: phases[status.state] ?? 'unknown',
    createdAtMs: status.createdAt / 1e6,
    startedAtMs: status.startedAt / 1e6,
    finishedAtMs: status.finishedAt / 1e6,
    exitCode: status.exitCode,
    reason: status.reason,
    message: status.message,
    image: status.image?.image ?? '',
    imageRef: status.imageRef,
    hash: status.annotations[containerHashAnnotation] ?? '',
    logPath: status.logPath,
    ...resourcesOf(status),
  }
}

function resourcesOf({ resources, annotations }: Cri<'ContainerStatus'>): Partial<RuntimeContainer> {
  const linux = resources?.linux
  const granted = parseGranted(annotations[grantedResourcesAnnotation])
  return {
    ...(linux === undefined || linux === null
      ? {}
      : {
          resources: {
            cpuShares: linux.cpuShares,
            cpuQuota: Math.max(linux.cpuQuota, 0),
            memoryLimitBytes: linux.memoryLimitInBytes,
          },
        }),
    ...(granted === undefined ? {} : { granted }),
  }
}

/** An annotation that cannot be read is as good as none. */
function parseGranted(text: string | undefined): ResourceRequirements | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    // Written by `containerConfig` and kept by the runtime as it is.
    return typeof value === 'object' && value !== null ? (value as ResourceRequirements) : undefined
  } catch {
    return undefined
  }
}

async function withMessage(container: RuntimeContainer, status: Cri<'ContainerStatus'>): Promise<RuntimeContainer> {
  if (container.phase !== 'exited') return container
  const texts = [container.message, await terminationMessage(status)]
  return { ...container, message: texts.filter((text) => text !== '').join(': ') }
}

function newestFirst(a: { readonly createdAtMs: number }, b: { readonly createdAtMs: number }): number {
  return b.createdAtMs - a.createdAtMs
}
