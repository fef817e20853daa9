/** The mounts of one container: its volumes, `/etc/hosts`, and the file for its termination message. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, realpath, stat, writeFile } from 'node:fs/promises'
import { isAbsolute, join, normalize } from 'node:path'
import type { Container, Pod, VolumeMount } from '../../api/core/v1.ts'
import { ContainerConfigError, expand } from '../pod/env.ts'
import type { CriDraft, CriEnum } from '../runtime/cri.ts'
import { podPaths } from './paths.ts'
import type { MountedVolumes } from './volumes.ts'

export type ContainerMountsInput = {
  readonly pod: Pod
  readonly container: Container
  readonly volumes: MountedVolumes
  readonly env: ReadonlyMap<string, string>
  readonly rootDir: string
  /** Text of the pod's hosts file; undefined: leave the image's. */
  readonly hostsFile: string | undefined
}

const propagations: Readonly<Record<string, CriEnum<'MountPropagation'>>> = {
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
}

/** Makes the files that are not there yet and lists all mounts. */
export async function containerMounts(input: ContainerMountsInput): Promise<readonly CriDraft<'Mount'>[]> {
  const { pod, container } = input
  const mounts: CriDraft<'Mount'>[] = []
  for (const mount of container.volumeMounts ?? []) mounts.push(await volumeMount(input, mount))
  const paths = podPaths(input.rootDir, pod.metadata.uid)
  const hasHosts = mounts.some(({ containerPath }) => containerPath === '/etc/hosts')
  if (input.hostsFile !== undefined && !hasHosts) {
    await mkdir(paths.root, { recursive: true })
    await writeFile(paths.etcHosts, input.hostsFile, { mode: 0o644 })
    mounts.push({ hostPath: paths.etcHosts, containerPath: '/etc/hosts' })
  }
  mounts.push(await terminationMount(join(paths.containers, container.name), container))
  return mounts
}

async function terminationMount(directory: string, container: Container): Promise<CriDraft<'Mount'>> {
  await mkdir(directory, { recursive: true })
  const hostPath = join(directory, randomBytes(4).toString('hex'))
  await writeFile(hostPath, '')
  await chmod(hostPath, 0o666)
  return { hostPath, containerPath: container.terminationMessagePath ?? '/dev/termination-log' }
}

async function volumeMount(input: ContainerMountsInput, mount: VolumeMount): Promise<CriDraft<'Mount'>> {
  const volume = input.volumes.get(mount.name)
  if (volume === undefined) {
    throw new ContainerConfigError(
      `cannot find volume "${mount.name}" to mount into container "${input.container.name}"`,
    )
  }
  const subPath = expandedSubPath(input, mount)
  const readonly = mount.readOnly === true || volume.readOnly
  return {
    hostPath: subPath === '' ? volume.hostPath : await resolveSubPath(volume.hostPath, subPath),
    containerPath: isAbsolute(mount.mountPath) ? mount.mountPath : `/${mount.mountPath}`,
    readonly,
    propagation: propagations[mount.mountPropagation ?? ''] ?? 'PROPAGATION_PRIVATE',
    selinuxRelabel: false,
  }
}

function expandedSubPath({ env }: ContainerMountsInput, mount: VolumeMount): string {
  if (mount.subPathExpr === undefined || mount.subPathExpr === '') return mount.subPath ?? ''
  let missing: string | undefined
  const text = expand(mount.subPathExpr, (name) => {
    const value = env.get(name)
    if (value === undefined) missing ??= name
    return value
  })
  if (missing !== undefined) throw new ContainerConfigError(`missing value for "${missing}"`)
  return text
}

/** The path behind a subPath, created when absent. It must stay inside the volume, whatever links the pod has put there. */
async function resolveSubPath(volumePath: string, subPath: string): Promise<string> {
  if (isAbsolute(subPath) || normalize(subPath).startsWith('..')) {
    throw new ContainerConfigError(`subPath "${subPath}" must not leave the volume`)
  }
  const wanted = join(volumePath, subPath)
  const root = await realpath(volumePath)
  if ((await stat(wanted).catch(() => undefined)) === undefined) {
    await assertInside(root, await existingAncestor(wanted))
    await mkdir(wanted, { recursive: true })
    await chmod(wanted, (await stat(volumePath)).mode & 0o7777)
  }
  const real = await realpath(wanted)
  await assertInside(root, real)
  return real
}

async function existingAncestor(path: string): Promise<string> {
  for (let at = path; ; at = join(at, '..')) {
    const real = await realpath(at).catch(() => undefined)
    if (real !== undefined) return real
  }
}

async function assertInside(root: string, path: string): Promise<void> {
  if (path !== root && !path.startsWith(`${root}/`)) {
    throw new ContainerConfigError(`failed to prepare subPath for volumeMount: ${path} is not below ${root}`)
  }
}
