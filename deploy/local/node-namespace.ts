/**
 * A node's mount namespace: its own `/run` (sockets, leases, `subnet.env`, CNI namespaces) and its own view of `/sys`, so that
 * nodes do not see one another and every mount of a node is gone with its last process and the file that holds the namespace.
 */
import { mkdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises'
import { run } from '../../component-base/exec.ts'
import { type NodeLayout, runDir } from './layout.ts'
import { tolerate } from './network.ts'

/** The command line that runs `command` inside the node. */
export function inNode(node: NodeLayout, command: readonly string[]): readonly string[] {
  return ['nsenter', `--net=/run/netns/${node.netns}`, `--mount=${node.mountNs}`, '--', ...command]
}

/** Makes the folder that holds the namespaces a mount of its own: the kernel keeps them only on private mounts. */
export async function makeNamespaceFolder(signal: AbortSignal): Promise<void> {
  const folder = `${runDir}/ns`
  await mkdir(folder, { recursive: true })
  if (await isMountPoint(folder)) return
  await run('mount', ['--bind', folder, folder], { signal })
  await run('mount', ['--make-private', folder], { signal })
}

/** Where libcni inside containerd remembers its results, whatever the configuration says. */
const cniCacheDir = '/var/lib/cni'
/** Says that the folder was not there before us. */
const madeCniCacheDir = `${runDir}/made-cni-cache-dir`

/** Makes sure that there is a folder to mount over. */
export async function makeCniCacheDir(): Promise<void> {
  if ((await mkdir(cniCacheDir, { recursive: true })) !== undefined) await writeFile(madeCniCacheDir, '')
}

/** Removes the folder if we made it and it is empty. */
export async function removeCniCacheDir(): Promise<void> {
  if (await exists(madeCniCacheDir)) await rmdir(cniCacheDir).catch(() => {})
}

/** Makes the node's mount namespace. Safe to repeat. */
export async function makeMountNamespace(node: NodeLayout, signal: AbortSignal): Promise<void> {
  if (await isMountPoint(node.mountNs)) return
  await writeFile(node.mountNs, '')
  await run('unshare', [`--mount=${node.mountNs}`, '--propagation', 'slave', 'true'], { signal })
  const [command = '', ...enter] = inNode(node, [])
  const mount = async (...args: string[]): Promise<void> => {
    await run(command, [...enter, 'mount', ...args], { signal })
  }
  const staging = `${node.dir}/cgroup`
  await mkdir(staging, { recursive: true })
  await mount('--rbind', '/sys/fs/cgroup', staging)
  await mount('-t', 'sysfs', 'sysfs', '/sys')
  await mount('--rbind', staging, '/sys/fs/cgroup')
  await tolerate('not mounted', run(command, [...enter, 'umount', '-R', '-l', staging], { signal }))
  await mount('-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run')
  await mount('--bind', `${node.dir}/cni`, cniCacheDir)
}

/** Lets go of the namespaces; with their last process the kernel removes their mounts. */
export async function removeMountNamespaces(nodes: readonly NodeLayout[], signal: AbortSignal): Promise<void> {
  const none = 'not mounted|no mount point|No such file|not found'
  for (const node of nodes) await tolerate(none, run('umount', ['-l', node.mountNs], { signal }))
  await tolerate(none, run('umount', ['-l', `${runDir}/ns`], { signal }))
}

/** True for a folder with a mount, and for a file that holds a namespace. */
async function isMountPoint(path: string): Promise<boolean> {
  if (!(await exists(path))) return false
  const mounts = await readFile('/proc/self/mountinfo', 'utf8')
  return mounts.split('\n').some((line) => line.split(' ')[4] === path)
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}
