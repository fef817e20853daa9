/** Makes the volumes of a pod exist on the node, keeps them current, and removes them. Every step is safe to repeat. */
import { chmod, chown, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pod, ProjectedVolumeSource, Volume, VolumeProjection } from '../../api/core/v1.ts'
import { wholeValue } from '../../apimachinery/quantity.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Addresses } from '../pod/field-ref.ts'
import { writePayload } from './atomic-writer.ts'
import { prepareHostPath } from './host-path.ts'
import { mountsBelow, mountTmpfs, unmountBelow } from './mount-table.ts'
import type { ObjectSource } from './objects.ts'
import { podPaths, volumePath } from './paths.ts'
import {
  configMapFiles,
  defaultFileMode,
  downwardFiles,
  type Files,
  secretFiles,
  tokenFile,
  VolumeError,
} from './payload.ts'

export type MountedVolume = { readonly hostPath: string; readonly readOnly: boolean }
/** Volume name → where it is on the node. */
export type MountedVolumes = ReadonlyMap<string, MountedVolume>
/** The first volume that could not be made. The message is that of upstream's `FailedMount` event. */
export class MountError extends Error {
  override readonly name = 'MountError'
  constructor(volume: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super(`MountVolume.SetUp failed for volume "${volume}" : ${why}`, { cause })
  }
}
export type VolumeFacts = Addresses & { readonly allocatable: Readonly<Record<string, string>> }
export type Volumes = {
  readonly setUp: (pod: Pod, facts: VolumeFacts, signal: AbortSignal) => Promise<MountedVolumes>
  /** Unmounts and deletes everything of a pod. */
  readonly tearDown: (podUid: string, signal: AbortSignal) => Promise<void>
}

type Job = { readonly pod: Pod; readonly volume: Volume; readonly facts: VolumeFacts; readonly signal: AbortSignal }

/** Volumes below `rootDir`. */
export function createVolumes(options: {
  readonly rootDir: string
  readonly objects: ObjectSource
  readonly clock: Clock
}): Volumes {
  const { rootDir, objects } = options
  return {
    setUp: async (pod, facts, signal) => {
      const mounted = new Map<string, MountedVolume>()
      for (const volume of pod.spec.volumes ?? []) {
        try {
          mounted.set(volume.name, await setUpVolume(options, { pod, volume, facts, signal }))
        } catch (error) {
          if (signal.aborted) throw signal.reason
          throw new MountError(volume.name, error)
        }
      }
      return mounted
    },
    tearDown: async (podUid, signal) => {
      const { root } = podPaths(rootDir, podUid)
      objects.forget(podUid)
      await unmountBelow(root, signal)
      // Deleting through a mount that stayed would delete someone's data.
      const left = await mountsBelow(root)
      if (left.length > 0) throw new Error(`unmount ${left[0]}: still mounted`)
      await rm(root, { recursive: true, force: true })
    },
  }
}

type Context = { readonly rootDir: string; readonly objects: ObjectSource; readonly clock: Clock }

async function setUpVolume(context: Context, job: Job): Promise<MountedVolume> {
  const { volume, pod, signal } = job
  const namespace = pod.metadata.namespace ?? ''
  if (volume.emptyDir !== undefined) return await setUpEmptyDir(context, job)
  if (volume.hostPath !== undefined) {
    await prepareHostPath(volume.hostPath.path, volume.hostPath.type ?? '')
    return { hostPath: volume.hostPath.path, readOnly: false }
  }
  if (volume.configMap !== undefined) {
    const { name = '', optional, defaultMode = defaultFileMode } = volume.configMap
    const object = await context.objects.configMap(namespace, name, signal)
    if (object === undefined && optional !== true) throw new VolumeError(`configmap "${name}" not found`)
    return await setUpFiles(context, job, 'configmap', configMapFiles(object, volume.configMap, defaultMode))
  }
  if (volume.secret !== undefined) {
    const { secretName = '', optional, defaultMode = defaultFileMode } = volume.secret
    const object = await context.objects.secret(namespace, secretName, signal)
    if (object === undefined && optional !== true) throw new VolumeError(`secret "${secretName}" not found`)
    return await setUpFiles(context, job, 'secret', secretFiles(object, volume.secret, defaultMode))
  }
  if (volume.downwardAPI !== undefined) {
    const { items = [], defaultMode = defaultFileMode } = volume.downwardAPI
    return await setUpFiles(context, job, 'downward-api', downwardFiles(pod, items, defaultMode, job.facts))
  }
  if (volume.projected !== undefined) {
    return await setUpFiles(context, job, 'projected', await projectedFiles(context, job, volume.projected))
  }
  if (volume.persistentVolumeClaim !== undefined) return await setUpClaim(context, job, volume.persistentVolumeClaim)
  throw new VolumeError(`no volume plugin matched name: ${Object.keys(volume).find((key) => key !== 'name') ?? ''}`)
}

async function setUpEmptyDir({ rootDir }: Context, { pod, volume, signal }: Job): Promise<MountedVolume> {
  const hostPath = volumePath(rootDir, pod.metadata.uid, 'empty-dir', volume.name)
  await mkdir(hostPath, { recursive: true })
  if (volume.emptyDir?.medium === 'Memory') {
    const limit = volume.emptyDir.sizeLimit
    const size = limit === undefined || wholeValue(limit) === 0 ? '' : `,size=${wholeValue(limit)}`
    await mountTmpfs(hostPath, `mode=1777${size}`, signal)
  }
  const fsGroup = pod.spec.securityContext?.fsGroup
  const mode = fsGroup === undefined ? 0o777 : 0o2777
  // A tmpfs keeps its sticky bit.
  if (((await stat(hostPath)).mode & ~0o1000 & 0o7777) !== mode) {
    if (fsGroup !== undefined) await chown(hostPath, 0, fsGroup)
    await chmod(hostPath, mode)
  }
  return { hostPath, readOnly: false }
}

async function setUpFiles(context: Context, job: Job, plugin: string, files: Files): Promise<MountedVolume> {
  const { pod, volume, signal } = job
  const hostPath = volumePath(context.rootDir, pod.metadata.uid, plugin, volume.name)
  await mkdir(hostPath, { recursive: true })
  // What may be secret never touches the disk.
  if (plugin !== 'configmap') await mountTmpfs(hostPath, 'mode=1777', signal)
  const fsGroup = pod.spec.securityContext?.fsGroup
  if (((await stat(hostPath)).mode & 0o777) !== 0o777) await chmod(hostPath, 0o777)
  await writePayload(hostPath, new Map(files), {
    nowMs: context.clock.now(),
    ...(fsGroup === undefined ? {} : { fsGroup }),
  })
  return { hostPath, readOnly: false }
}

async function projectedFiles(context: Context, job: Job, projected: ProjectedVolumeSource): Promise<Files> {
  const mode = projected.defaultMode ?? defaultFileMode
  const files: Files[] = []
  for (const source of projected.sources ?? []) files.push(await projectionFiles(context, job, source, mode))
  return files.flat()
}

async function projectionFiles(context: Context, job: Job, source: VolumeProjection, mode: number): Promise<Files> {
  const { pod, facts, signal } = job
  const namespace = pod.metadata.namespace ?? ''
  if (source.configMap !== undefined) {
    const { name = '', optional } = source.configMap
    const object = await context.objects.configMap(namespace, name, signal)
    if (object === undefined && optional !== true) throw new VolumeError(`configmap "${name}" not found`)
    return configMapFiles(object, source.configMap, mode)
  }
  if (source.secret !== undefined) {
    const { name = '', optional } = source.secret
    const object = await context.objects.secret(namespace, name, signal)
    if (object === undefined && optional !== true) throw new VolumeError(`secret "${name}" not found`)
    return secretFiles(object, source.secret, mode)
  }
  if (source.downwardAPI !== undefined) return downwardFiles(pod, source.downwardAPI.items ?? [], mode, facts)
  if (source.serviceAccountToken !== undefined) {
    const token = await context.objects.token(pod, source.serviceAccountToken, signal)
    return [[source.serviceAccountToken.path, tokenFile(pod, token, mode)]]
  }
  throw new VolumeError('unsupported projection')
}

async function setUpClaim(
  { objects }: Context,
  { pod, signal }: Job,
  { claimName, readOnly = false }: { readonly claimName: string; readonly readOnly?: boolean },
): Promise<MountedVolume> {
  const claim = await objects.claim(pod.metadata.namespace ?? '', claimName, signal)
  if (claim === undefined) throw new VolumeError(`persistentvolumeclaim "${claimName}" not found`)
  const volumeName = claim.spec.volumeName
  if (claim.status.phase !== 'Bound' || volumeName === undefined || volumeName === '') {
    throw new VolumeError(`PVC ${pod.metadata.namespace ?? ''}/${claimName} is not bound`)
  }
  const volume = await objects.volume(volumeName, signal)
  if (volume === undefined) throw new VolumeError(`persistentvolume "${volumeName}" not found`)
  const { hostPath, local } = volume.spec
  if (hostPath !== undefined) {
    await prepareHostPath(hostPath.path, hostPath.type ?? '')
    return { hostPath: hostPath.path, readOnly }
  }
  if (local !== undefined) {
    await prepareHostPath(local.path, 'Directory')
    return { hostPath: local.path, readOnly }
  }
  throw new VolumeError(`no volume plugin matched persistentvolume "${volumeName}"`)
}

/** Uids of the pods that have left something below `rootDir`. */
export async function podsOnDisk(rootDir: string): Promise<readonly string[]> {
  return await readdir(join(rootDir, 'pods')).catch(() => [])
}
