/** `npm stop`: ends and removes everything of the cluster, also what a killed start or program left behind. */
import { readdir, readFile, rm, rmdir } from 'node:fs/promises'
import type { Clock } from '../../component-base/clock.ts'
import { cgroupRoot, clusterFile, nodeLayout, runDir, stateDir } from './layout.ts'
import { removeNetwork } from './network.ts'
import { removeCniCacheDir, removeMountNamespaces } from './node-namespace.ts'
import { clusterProcesses } from './processes.ts'
import { createProgress } from './progress.ts'
import { waitFor } from './wait.ts'

const maxNodes = 9

/** Throws `StepError` when something cannot be removed. */
export async function stop(clock: Clock, write: (text: string) => void, signal: AbortSignal): Promise<void> {
  const { step } = createProgress(write, clock.now)
  const nodes = Array.from({ length: maxNodes }, (_, index) => nodeLayout(index + 1))
  await step('processes', async () => {
    await rm(clusterFile, { force: true })
    await waitFor('the end of every process', killAll, { clock, limitMs: 20_000, signal })
  })
  await step('namespaces and mounts', async () => {
    await removeMountNamespaces(nodes, signal)
    await waitFor('the end of every mount', async () => ((await mountsBelow(stateDir)) === 0 ? true : undefined), {
      clock,
      limitMs: 10_000,
      signal,
    })
  })
  await step('network', async () => await removeNetwork(nodes, signal))
  await step('cgroups', async () => {
    await waitFor('the end of every cgroup', async () => ((await removeCgroups()) ? true : undefined), {
      clock,
      limitMs: 10_000,
      signal,
    })
  })
  await step('files', async () => {
    await removeCniCacheDir()
    await rm(runDir, { recursive: true, force: true })
    await rm(stateDir, { recursive: true, force: true })
  })
}

/** Kills what is there; `true` once nothing is. */
async function killAll(): Promise<true | undefined> {
  const pids = await clusterProcesses()
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone meanwhile.
    }
  }
  return pids.length === 0 ? true : undefined
}

async function mountsBelow(folder: string): Promise<number> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8')
  return mounts.split('\n').filter((line) => line.split(' ')[4]?.startsWith(`${folder}/`) === true).length
}

/** Removes our cgroup from every hierarchy, children first. */
async function removeCgroups(): Promise<boolean> {
  const root = '/sys/fs/cgroup'
  const hierarchies = await readdir(root, { withFileTypes: true }).catch(() => [])
  const candidates = [
    `${root}/${cgroupRoot}`,
    ...hierarchies.filter((entry) => entry.isDirectory()).map(({ name }) => `${root}/${name}/${cgroupRoot}`),
  ]
  const removed = await Promise.all(candidates.map(async (folder) => await removeTree(folder)))
  return removed.every((ok) => ok)
}

async function removeTree(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined)
  if (entries === undefined) return true
  for (const entry of entries) if (entry.isDirectory()) await removeTree(`${folder}/${entry.name}`)
  return await rmdir(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  )
}
