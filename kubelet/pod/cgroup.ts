/**
 * The cgroup of each pod: `/kubepods/burstable/pod<uid>` below `--cgroup-root`, on cgroup v1 and v2. The runtime makes the
 * containers' cgroups inside; the kubelet gives the pod its share and removes what is empty.
 */
import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { qosClass } from '../../api/core/pod-resources.ts'
import type { Pod } from '../../api/core/v1.ts'
import { cpuQuota, cpuShares, podCgroupResources } from './resources.ts'

const mountPoint = '/sys/fs/cgroup'

/** The cgroup path that the runtime is told, such as `/node-1/kubepods/besteffort/pod1234`. */
export function podCgroup(cgroupRoot: string, pod: Pod): string {
  const qos = qosClass(pod.spec)
  const tier = qos === 'Guaranteed' ? '' : qos.toLowerCase()
  return join('/', cgroupRoot, 'kubepods', tier, `pod${pod.metadata.uid}`)
}

/** Makes the pod's cgroup with its weight and limits. Where cgroups cannot be written, the containers' own limits must do. */
export async function createPodCgroup(cgroupRoot: string, pod: Pod): Promise<void> {
  const path = podCgroup(cgroupRoot, pod)
  for (const [controller, file, value] of cgroupFiles(pod)) {
    const directory = join(mountPoint, controller, path)
    if (!(await exists(join(mountPoint, controller)))) continue
    await mkdir(directory, { recursive: true }).catch(() => undefined)
    if (value !== undefined) await writeFile(join(directory, file), String(value)).catch(() => undefined)
  }
}

function cgroupFiles(pod: Pod): readonly (readonly [string, string, number | undefined])[] {
  const { milliCpu, limits } = podCgroupResources(pod)
  return [
    ['cpu', 'cpu.shares', cpuShares(milliCpu)],
    ['cpu', 'cpu.cfs_quota_us', limits.milliCpu === undefined ? undefined : cpuQuota(limits.milliCpu)],
    ['memory', 'memory.limit_in_bytes', limits.memoryBytes],
  ]
}

/**
 * Gives a pod's cgroup room for what its containers are about to get (`grow`), or exactly what they have (`settle`). No
 * child may have more than its parent, so a pod grows before its containers and shrinks after them.
 */
export async function resizePodCgroup(cgroupRoot: string, pod: Pod, how: 'grow' | 'settle'): Promise<void> {
  const path = podCgroup(cgroupRoot, pod)
  for (const [controller, file, value] of cgroupFiles(pod)) {
    const name = join(mountPoint, controller, path, file)
    if (value === undefined) continue
    if (how === 'grow') {
      const current = Number(await readFile(name, 'utf8').catch(() => '-1'))
      // A negative quota is none: there is nothing to grow.
      if (current < 0 || value <= current) continue
    }
    await writeFile(name, String(value)).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    })
  }
}

/** Removes the cgroup of a pod that has no process any more; what is busy stays for the next round. */
export async function removePodCgroup(cgroupRoot: string, podUid: string): Promise<void> {
  const controllers = await readdir(mountPoint).catch(() => [])
  for (const controller of ['', ...controllers]) {
    for (const tier of ['', 'burstable', 'besteffort']) {
      await removeTree(join(mountPoint, controller, cgroupRoot, 'kubepods', tier, `pod${podUid}`))
    }
  }
}

async function removeTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => undefined)
  if (entries === undefined) return
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(directory, entry.name))
  await rmdir(directory).catch(() => undefined)
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}
