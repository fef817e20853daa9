/** `npm start`: every step is safe to repeat, so that a second start mends what is missing and changes nothing else. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, chmod, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { arch } from 'node:process'
import type { Node } from '../../api/core/v1.ts'
import { type Client, createClient } from '../../client/rest/client.ts'
import { loadKubeconfig } from '../../client/rest/kubeconfig.ts'
import { nodes as nodesRef } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import { run } from '../../component-base/exec.ts'
import { replaceFile } from '../../component-base/replace-file.ts'
import { applyManifests } from './addons.ts'
import { makeCertificates } from './certificates.ts'
import { clusterImages, pauseImage } from './images/images.ts'
import { ociArchive } from './images/oci.ts'
import {
  adminKubeconfig,
  bridge,
  clusterDomain,
  etcdClientPort,
  type FamilyAddresses,
  familiesOf,
  imageDir,
  logDir,
  marker,
  type NodeLayout,
  nodeLayout,
  runDir,
  stateDir,
  supervisorPidFile,
} from './layout.ts'
import { makeBridge, makeEgress, makeNodeNetwork, routeToPods } from './network.ts'
import { inNode, makeCniCacheDir, makeMountNamespace, makeNamespaceFolder } from './node-namespace.ts'
import type { LocalOptions } from './options.ts'
import {
  controlPlaneRequirements,
  installPackages,
  missing,
  nodeRequirements,
  optionalTestRequirements,
  testRequirements,
  wireguardRequirements,
} from './packages.ts'
import {
  cniConfiguration,
  containerdConfiguration,
  flannelConfiguration,
  kubeletConfiguration,
  type ProgramPaths,
  programsOf,
} from './programs.ts'
import { createProgress } from './progress.ts'
import { readPrograms, runningPid, startTime, writePrograms } from './supervisor.ts'
import { waitFor } from './wait.ts'

export type StartInput = {
  readonly options: LocalOptions
  readonly paths: ProgramPaths
  /** The bundle that runs `supervise`. */
  readonly bundle: string
  readonly searchPath: string
  readonly clock: Clock
  readonly write: (text: string) => void
}

/** A machine with much else to do takes ten times as long as a quiet one. */
const busyLimitMs = 180_000
/** CAP_SYS_RESOURCE: without it the kernel refuses to lower a process's OOM score. */
const capSysResource = 1n << 24n

/** Brings the cluster up and says how to use it. Throws `StepError`. */
export async function start(input: StartInput, signal: AbortSignal): Promise<void> {
  const { options, clock, write, paths } = input
  const { step } = createProgress(write, clock.now)
  const nodes = Array.from({ length: options.nodes }, (_, index) => nodeLayout(index + 1, options.ipFamily))
  const [primary] = familiesOf(options.ipFamily)
  const startedMs = clock.now()
  write(`Starting a Kubernetes cluster: control plane and ${nodes.length} node${nodes.length === 1 ? '' : 's'}\n`)

  await step('programs of the machine', async () => await ensurePackages(input, signal))
  await step('certificates', async () => {
    await mkdir(logDir, { recursive: true, mode: 0o700 })
    await chmod(stateDir, 0o700)
    await mkdir(runDir, { recursive: true, mode: 0o700 })
    await makeCertificates(nodes.length, primary.host, clock.now())
  })
  await step(`network ${bridge}`, async () => {
    await makeBridge(familiesOf(options.ipFamily), signal)
    if (nodes.length > 0) await makeEgress(familiesOf(options.ipFamily), signal)
    await makeNamespaceFolder(signal)
    if (nodes.length > 0) await makeCniCacheDir()
    await Promise.all(nodes.map(async (node) => await makeNode(node, options, paths, signal)))
  })
  await step('supervisor', async () => {
    await replacePrograms(input)
    await ensureSupervisor(input)
  })
  const client = createClient({ ...(await loadKubeconfig(adminKubeconfig)), userAgent: 'kubets-local' })
  try {
    await step('etcd', async () => await whenListening(etcdClientPort, clock, signal), { log: `${logDir}/etcd.log` })
    await step('apiserver', async () => await whenApiReady(client, clock, signal), {
      log: `${logDir}/apiserver.log`,
    })
    await step('cluster add-ons', async () => await applyManifests(client, nodes, options, signal), {
      log: `${logDir}/apiserver.log`,
    })
    if (nodes.length > 0) await finishNodes(input, nodes, client, step, signal)
  } finally {
    client.close()
  }
  write(`\nThe cluster is up after ${((clock.now() - startedMs) / 1000).toFixed(1)} s. To use it:\n\n`)
  write(`  export KUBECONFIG=${adminKubeconfig}\n  kubectl get nodes -o wide\n`)
}

async function finishNodes(
  { clock, options }: StartInput,
  nodes: readonly NodeLayout[],
  client: Client,
  step: ReturnType<typeof createProgress>['step'],
  signal: AbortSignal,
): Promise<void> {
  await step('images', async () => await importImages(nodes, clock, signal), {
    log: `${logDir}/${nodes[0]?.name}-containerd.log`,
  })
  for (const node of nodes) {
    await step(`${node.name} is Ready`, async () => await finishNode(client, node, clock, signal), {
      log: `${logDir}/${node.name}-kubelet.log`,
    })
  }
  await step(
    'Services and DNS answer',
    async () => await whenDnsAnswers(nodes, familiesOf(options.ipFamily)[0], clock, signal),
    {
      log: `${logDir}/${nodes[0]?.name}-dns.log`,
    },
  )
}

/** Installs the machine's programs that a cluster and its tests need; without apt, names the missing ones and throws. */
export async function install(searchPath: string, signal: AbortSignal): Promise<void> {
  const absent = await missing([...controlPlaneRequirements, ...nodeRequirements, ...testRequirements], searchPath)
  if (absent.length > 0) await installPackages(absent, searchPath, signal)
  const useful = await missing(optionalTestRequirements, searchPath)
  if (useful.length === 0) return
  await installPackages(useful, searchPath, signal).catch(() => {
    // The tests that need it say that they are skipped.
    signal.throwIfAborted()
  })
}

async function ensurePackages({ options, searchPath }: StartInput, signal: AbortSignal): Promise<void> {
  const tunnel = options.backend === 'wireguard' ? wireguardRequirements : []
  const wanted = [...controlPlaneRequirements, ...(options.nodes > 0 ? [...nodeRequirements, ...tunnel] : [])]
  const absent = await missing(wanted, searchPath)
  if (absent.length > 0) await installPackages(absent, searchPath, signal)
}

async function makeNode(
  node: NodeLayout,
  options: LocalOptions,
  paths: ProgramPaths,
  signal: AbortSignal,
): Promise<void> {
  for (const folder of ['cni/bin', 'cni/net.d', 'manifests', 'kubelet', 'log/pods']) {
    await mkdir(`${node.dir}/${folder}`, { recursive: true, mode: 0o755 })
  }
  const json = async (file: string, value: unknown): Promise<void> => {
    // containerd watches its folder and would read half a file.
    await replaceFile(`${node.dir}/${file}`, `${JSON.stringify(value, undefined, 2)}\n`, 0o600)
  }
  const facts = {
    restrictOomScoreAdj: ((await effectiveCapabilities()) & capSysResource) === 0n,
    snapshotter: await snapshotterFor(node, signal),
    sandboxImage: pauseImage,
  }
  await replaceFile(`${node.dir}/containerd.toml`, containerdConfiguration(node, facts), 0o600)
  await json('kubelet.json', kubeletConfiguration(node, options))
  await json('net-conf.json', flannelConfiguration(options))
  await json('cni/net.d/10-flannel.conflist', cniConfiguration(node))
  await installCniPlugins(node, paths, signal)
  await makeNodeNetwork(node, familiesOf(options.ipFamily), signal)
  await makeMountNamespace(node, signal)
}

/** Every plugin is the same program under another name. */
async function installCniPlugins(
  node: NodeLayout,
  { node: nodeProgram, dist }: ProgramPaths,
  signal: AbortSignal,
): Promise<void> {
  await run(nodeProgram, [`${dist}/cni.mjs`, 'install', `${node.dir}/cni/bin`], { signal })
}

async function effectiveCapabilities(): Promise<bigint> {
  const status = await readFile('/proc/self/status', 'utf8')
  return BigInt(`0x${/^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
}

/** overlayfs, unless the folder's file system cannot carry one (an overlay itself, say inside a container). */
async function snapshotterFor(node: NodeLayout, signal: AbortSignal): Promise<'overlayfs' | 'native'> {
  const probe = `${node.dir}/probe`
  const folders = ['lower', 'upper', 'work', 'merged'].map((name) => `${probe}/${name}`)
  for (const folder of folders) await mkdir(folder, { recursive: true })
  const [lower, upper, work, merged = ''] = folders
  try {
    const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`
    await run('mount', ['-t', 'overlay', 'overlay', '-o', layers, merged], { signal })
    await run('umount', [merged], { signal })
    return 'overlayfs'
  } catch {
    return 'native'
  }
}

/** Writes the list of programs; one whose command has changed is ended, so that the supervisor starts it anew. */
async function replacePrograms({ options, paths }: StartInput): Promise<void> {
  const wanted = programsOf(options, paths)
  const before = await readPrograms()
  await writePrograms(wanted)
  for (const program of before) {
    const now = wanted.find(({ name }) => name === program.name)
    if (JSON.stringify(now) === JSON.stringify(program)) continue
    const pid = await runningPid(program)
    if (pid !== undefined) process.kill(pid, 'SIGTERM')
  }
}

async function ensureSupervisor({ paths, bundle }: StartInput): Promise<void> {
  const [pid = '', started] = (await readFile(supervisorPidFile, 'utf8').catch(() => '')).split(' ')
  if (started !== undefined && (await startTime(Number(pid))) === started) return
  const log = await open(`${logDir}/supervisor.log`, 'a', 0o600)
  try {
    const env = { ...process.env, [marker]: stateDir }
    const child = spawn(paths.node, ['--enable-source-maps', bundle, 'supervise'], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env,
      cwd: '/',
    })
    child.unref()
    await writeFile(supervisorPidFile, `${child.pid} ${await startTime(child.pid ?? 0)}`)
  } finally {
    await log.close()
  }
}

async function whenListening(port: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const ask = async (): Promise<true> => {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect', { signal })
      return true
    } finally {
      socket.destroy()
    }
  }
  await waitFor(`an answer on port ${port}`, ask, { clock, limitMs: 30_000, signal })
}

async function whenApiReady(client: Client, clock: Clock, signal: AbortSignal): Promise<void> {
  const ask = async (): Promise<true> => {
    await client.raw({ method: 'GET', path: '/api/v1/namespaces/kube-system' }, signal)
    return true
  }
  await waitFor('an answer of the API server', ask, { clock, limitMs: busyLimitMs, signal })
}

async function importImages(nodes: readonly NodeLayout[], clock: Clock, signal: AbortSignal): Promise<void> {
  const archive = `${imageDir}/images.tar`
  await mkdir(imageDir, { recursive: true })
  const { stdout } = await run('sh', ['-c', 'command -v busybox'], { signal })
  await writeFile(archive, ociArchive(await clusterImages(stdout.trim(), arch === 'arm64' ? 'arm64' : 'amd64')))
  await Promise.all(
    nodes.map(async (node) => {
      const ctr = async (...args: string[]): Promise<unknown> => {
        const [file = '', ...rest] = inNode(node, ['ctr', '--address', node.containerdSocket, '-n', 'k8s.io', ...args])
        return await run(file, rest, { signal })
      }
      await waitFor('an answer of containerd', async () => await ctr('version'), { clock, limitMs: 30_000, signal })
      await ctr('images', 'import', archive)
    }),
  )
}

async function finishNode(client: Client, node: NodeLayout, clock: Clock, signal: AbortSignal): Promise<void> {
  const { spec } = await whenNodeReady(client, node, clock, signal)
  for (const podCidr of spec.podCIDRs ?? []) await routeToPods(node, podCidr, signal)
}

async function whenNodeReady(client: Client, node: NodeLayout, clock: Clock, signal: AbortSignal): Promise<Node> {
  const ask = async (): Promise<Node | undefined> => {
    const object = await client.get(nodesRef, { name: node.name }, signal)
    const ready = object.status.conditions?.find(({ type }) => type === 'Ready')
    if (ready?.status === 'True' && object.spec.podCIDR !== undefined) return object
    throw new Error(ready?.message ?? 'the node has no Ready condition yet')
  }
  return await waitFor('Ready', ask, { clock, limitMs: busyLimitMs, signal })
}

async function whenDnsAnswers(
  nodes: readonly NodeLayout[],
  { dns, kubernetes }: FamilyAddresses,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (const node of nodes) {
    const name = `kubernetes.default.svc.${clusterDomain}`
    const [file = '', ...args] = inNode(node, ['busybox', 'nslookup', name, dns])
    const ask = async (): Promise<true | undefined> => {
      const { stdout } = await run(file, args, { signal, timeoutMs: 5_000 })
      return stdout.includes(kubernetes) ? true : undefined
    }
    await waitFor(`the address of ${name} from ${node.name}`, ask, { clock, limitMs: 30_000, signal })
  }
}

/** True when a cluster's state is there. */
export async function clusterExists(): Promise<boolean> {
  return await access(stateDir).then(
    async () => (await readdir(stateDir)).length > 0,
    () => false,
  )
}
