/** Starts one container: image, environment, mounts, create, start, postStart hook. */
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Container, Pod, Service } from '../../api/core/v1.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import { ImageError, type Images } from '../images/pull.ts'
import { hostNetworkHostsFile, podHostsFile } from '../network/hosts-file.ts'
import { type CriDraft, CriError, type Runtime } from '../runtime/cri.ts'
import { containerMounts } from '../volumes/container-mounts.ts'
import type { ObjectSource } from '../volumes/objects.ts'
import type { MountedVolumes } from '../volumes/volumes.ts'
import { containerConfig } from './container-config.ts'
import { ContainerConfigError, containerEnv, envReferences } from './env.ts'
import { runHook } from './hooks.ts'
import { podHostName } from './hostname.ts'
import { type KillContext, killContainer } from './kill.ts'
import type { Waiting } from './plan.ts'
import type { ContainerKind } from './pods.ts'

export type StartContext = KillContext & {
  readonly runtime: Runtime
  readonly recorder: Recorder
  readonly images: Images
  readonly objects: ObjectSource
  readonly services: () => readonly Service[]
  readonly allocatable: () => Readonly<Record<string, string>>
  readonly readNodeHostsFile: () => Promise<string>
  readonly rootDir: string
  readonly clusterDomain: string
  readonly nodeMemoryBytes: number
  readonly hostIps: readonly string[]
  /** Where log collectors look for `<pod>_<namespace>_<container>-<id>.log`; undefined: nowhere. */
  readonly containerLogsDir: string | undefined
}
export type Start = {
  readonly pod: Pod
  readonly kind: ContainerKind
  readonly container: Container
  readonly restartCount: number
  readonly sandboxId: string
  readonly sandbox: CriDraft<'PodSandboxConfig'>
  readonly podIps: readonly string[]
  readonly volumes: MountedVolumes
  readonly targetId?: string
}

/** Why a container did not start: its waiting reason. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly waiting: Waiting
  constructor(reason: string, cause: unknown) {
    const message = cause instanceof CriError ? cause.details : cause instanceof Error ? cause.message : String(cause)
    super(message, { cause })
    this.waiting = { reason, message }
  }
}

/** Upstream's name for the field that an event is about. */
export function containerFieldPath(kind: ContainerKind, name: string): string {
  const field = kind === 'app' ? 'containers' : kind === 'ephemeral' ? 'ephemeralContainers' : 'initContainers'
  return `spec.${field}{${name}}`
}

/** Resolves with the id of the running container; throws `StartError`. */
export async function startContainer(context: StartContext, start: Start, signal: AbortSignal): Promise<string> {
  const { pod, kind, container } = start
  const fieldPath = containerFieldPath(kind, container.name)
  const { recorder, runtime } = context
  const image = await context.images.ensure(pod, container, fieldPath, signal).catch((error: unknown) => {
    if (error instanceof ImageError) {
      recorder.event(pod, 'Warning', 'Failed', `Error: ${error.reason}`, { fieldPath })
    }
    throw error
  })
  const fail = (reason: string, error: unknown): never => {
    if (signal.aborted) throw signal.reason
    const failure = new StartError(reason, error)
    recorder.event(pod, 'Warning', 'Failed', `Error: ${failure.message}`, { fieldPath })
    throw failure
  }
  const config = await configure(context, start, image, signal).catch((error: unknown) =>
    fail('CreateContainerConfigError', error),
  )
  await mkdir(join(String(start.sandbox.logDirectory), container.name), { recursive: true })
  const { containerId } = await runtime
    .call('CreateContainer', { podSandboxId: start.sandboxId, config, sandboxConfig: start.sandbox }, signal)
    .catch((error: unknown) => fail('CreateContainerError', error))
  recorder.event(pod, 'Normal', 'Created', 'Container created', { fieldPath })
  await runtime
    .call('StartContainer', { containerId }, signal)
    .catch((error: unknown) => fail('RunContainerError', error))
  recorder.event(pod, 'Normal', 'Started', 'Container started', { fieldPath })
  await linkLog(context, start, containerId)
  await postStart(context, start, containerId, signal)
  return containerId
}

async function configure(
  context: StartContext,
  start: Start,
  image: { readonly ref: string; readonly user: { readonly uid?: number; readonly name?: string } },
  signal: AbortSignal,
): Promise<CriDraft<'ContainerConfig'>> {
  const { pod, container, restartCount, volumes } = start
  const env = await resolveEnv(context, start, signal)
  const hostsFile = await hostsFileOf(context, start)
  const mounts = await containerMounts({ pod, container, volumes, env, rootDir: context.rootDir, hostsFile })
  return containerConfig({
    pod,
    container,
    restartCount,
    imageRef: image.ref,
    imageUser: image.user,
    env,
    mounts,
    nodeMemoryBytes: context.nodeMemoryBytes,
    seccompRoot: join(context.rootDir, 'seccomp'),
    ...(start.targetId === undefined ? {} : { targetId: start.targetId }),
  })
}

async function resolveEnv(
  context: StartContext,
  { pod, container, podIps }: Start,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const namespace = pod.metadata.namespace ?? ''
  const names = envReferences(container)
  const [configMaps, secrets] = await Promise.all([
    readAll(names.configMaps, (name) => context.objects.configMap(namespace, name, signal)),
    readAll(names.secrets, (name) => context.objects.secret(namespace, name, signal)),
  ])
  const { hostIps } = context
  const services = context.services()
  return containerEnv(pod, container, {
    services,
    configMaps,
    secrets,
    podIps: pod.spec.hostNetwork === true ? hostIps : podIps,
    hostIps,
    allocatable: context.allocatable(),
  })
}

async function readAll<T>(
  names: readonly string[],
  read: (name: string) => Promise<T | undefined>,
): Promise<ReadonlyMap<string, T>> {
  const found = new Map<string, T>()
  for (const name of names) {
    const object = await read(name)
    if (object !== undefined) found.set(name, object)
  }
  return found
}

async function hostsFileOf(context: StartContext, { pod, podIps }: Start): Promise<string | undefined> {
  const aliases = pod.spec.hostAliases ?? []
  if (pod.spec.hostNetwork === true) return hostNetworkHostsFile(await context.readNodeHostsFile(), aliases)
  if (podIps.length === 0) throw new ContainerConfigError('the pod has no address yet')
  return podHostsFile({ ...podHostName(pod, context.clusterDomain), podIps, aliases })
}

/** Log collectors find a container's log by this name. Source: upstream `legacyLogSymlink`. */
async function linkLog(context: StartContext, { pod, container, restartCount, sandbox }: Start, id: string) {
  if (context.containerLogsDir === undefined) return
  const target = join(String(sandbox.logDirectory), container.name, `${restartCount}.log`)
  const name = `${pod.metadata.name}_${pod.metadata.namespace ?? ''}_${container.name}-${id}.log`
  await mkdir(context.containerLogsDir, { recursive: true })
  await symlink(target, join(context.containerLogsDir, name)).catch(() => undefined)
}

async function postStart(context: StartContext, start: Start, id: string, signal: AbortSignal): Promise<void> {
  const { pod, kind, container } = start
  const handler = container.lifecycle?.postStart
  if (handler === undefined) return
  const failure = await runHook(context.hooks, { pod, container, containerId: id, handler }, signal)
  if (failure === undefined) return
  if (signal.aborted) throw signal.reason
  const fieldPath = containerFieldPath(kind, container.name)
  context.recorder.event(pod, 'Warning', 'FailedPostStartHook', 'PostStartHook failed', { fieldPath })
  const run = { id, name: container.name }
  const graceSeconds = pod.spec.terminationGracePeriodSeconds ?? 30
  await killContainer(context, { pod, container, run, message: 'FailedPostStartHook', graceSeconds }, signal)
  throw new StartError('PostStartHookError', failure)
}
