/** What this machine is and has: read once from /proc and the like, and the little that changes. */
import { readFile, statfs } from 'node:fs/promises'
import { arch, cpus, release } from 'node:os'
import type { NodeSystemInfo } from '../../api/core/v1.ts'
import { kubernetesVersion } from '../../component-base/version.ts'

export type Machine = {
  readonly info: NodeSystemInfo
  readonly cpuCount: number
  readonly memoryBytes: number
  readonly hugePages: Readonly<Record<string, number>>
}
export type DiskUsage = {
  readonly capacityBytes: number
  readonly availableBytes: number
  readonly inodes: number
  readonly inodesFree: number
}
export type MemoryUsage = { readonly capacityBytes: number; readonly availableBytes: number }

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' }

/** The parts of the machine that do not change while it runs. */
export async function readMachine(runtimeVersion: string): Promise<Machine> {
  const [machineId, systemUuid, bootId, osRelease, memory] = await Promise.all([
    readFirst(['/etc/machine-id', '/var/lib/dbus/machine-id']),
    readFirst(['/sys/class/dmi/id/product_uuid', '/etc/machine-id']),
    readFirst(['/proc/sys/kernel/random/boot_id']),
    readFirst(['/etc/os-release', '/usr/lib/os-release']),
    readMemory(),
  ])
  return {
    info: {
      machineID: machineId,
      systemUUID: systemUuid,
      bootID: bootId,
      kernelVersion: release(),
      osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? 'Linux',
      containerRuntimeVersion: runtimeVersion,
      kubeletVersion: kubernetesVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: architectures[arch()] ?? arch(),
    },
    cpuCount: cpus().length,
    memoryBytes: memory.capacityBytes,
    hugePages: { 'hugepages-1Gi': 0, 'hugepages-2Mi': 0 },
  }
}

/** Memory as eviction counts it: what can be had without swapping. */
export async function readMemory(): Promise<MemoryUsage> {
  const text = await readFile('/proc/meminfo', 'utf8')
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1024
  return { capacityBytes: bytes('MemTotal'), availableBytes: bytes('MemAvailable') }
}

/** Space of the filesystem that holds a path. */
export async function readDisk(path: string): Promise<DiskUsage> {
  const { bsize, blocks, bavail, files, ffree } = await statfs(path)
  return { capacityBytes: bsize * blocks, availableBytes: bsize * bavail, inodes: files, inodesFree: ffree }
}

/** Process ids in use and allowed. */
export async function readPids(): Promise<{ readonly max: number; readonly used: number }> {
  const [max, loadavg] = await Promise.all([readFirst(['/proc/sys/kernel/pid_max']), readFirst(['/proc/loadavg'])])
  return { max: Number(max), used: Number(/\d+\/(\d+)/.exec(loadavg)?.[1] ?? 0) }
}

async function readFirst(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => '')
    if (text.trim() !== '') return text.trim()
  }
  return ''
}

/** Processor time that the machine has spent, in core-seconds. */
export async function readCpuSeconds(): Promise<number> {
  const [, ...ticks] = (await readFirst(['/proc/stat'])).split('\n')[0]?.split(/\s+/) ?? []
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = ticks.map(Number)
  // The kernel counts in hundredths of a second here.
  return (user + nice + system + irq + softirq) / 100
}
