/** Finds the processes of the cluster, whoever started them: programs by a variable of their environment, containers by cgroup. */
import { readdir, readFile } from 'node:fs/promises'
import { cgroupRoot, marker, stateDir } from './layout.ts'
import { startTime } from './supervisor.ts'

/** Pids of everything that belongs to the cluster, this process excepted. */
export async function clusterProcesses(): Promise<readonly number[]> {
  const entries = await readdir('/proc')
  const pids = entries.filter((entry) => /^\d+$/.test(entry)).map(Number)
  const own = await Promise.all(pids.map(async (pid) => ((await isOurs(pid)) ? [pid] : [])))
  return own.flat().filter((pid) => pid !== process.pid)
}

async function isOurs(pid: number): Promise<boolean> {
  const [environment, cgroup, started] = await Promise.all([
    readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
    readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => ''),
    startTime(pid),
  ])
  // A zombie holds nothing any more; only its parent can let go of it.
  if (started === '') return false
  return environment.split('\0').includes(`${marker}=${stateDir}`) || new RegExp(`:/(.*/)?${cgroupRoot}/`).test(cgroup)
}

/** Resident memory in bytes; 0 when the process is gone. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}
