/**
 * The kubelet put together: parts are made once, then run side by side until one fails or the process is told to stop.
 * The README has the picture.
 */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Node, Pod } from '../api/core/v1.ts'
import { createInformer } from '../client/cache/informer.ts'
import { createRecorder, type EventSubject, type Recorder } from '../client/events/recorder.ts'
import { createClient } from '../client/rest/client.ts'
import { loadKubeconfig } from '../client/rest/kubeconfig.ts'
import { nodes as nodesRef, pods as podsRef, services as servicesRef } from '../client/rest/resource-refs.ts'
import { type Clock, systemClock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import { runAll, type Task } from '../component-base/run.ts'
import type { Config } from './config.ts'
import { collectImages } from './images/gc.ts'
import { createImages } from './images/pull.ts'
import { createMetrics } from './metrics.ts'
import { parseResolvConf, podResolvConf, type ResolvConf } from './network/resolv-conf.ts'
import { extendedResources, nodeAllocatable, nodeCapacity } from './node/capacity.ts'
import type { Pressure } from './node/conditions.ts'
import { changedConditionReasons } from './node/events.ts'
import { type Candidate, type Observations, runEviction } from './node/eviction.ts'
import { createRuntimeHealth, nodeHealth, noPressure } from './node/health.ts'
import { listNodeImages } from './node/images.ts'
import { renewLease } from './node/lease.ts'
import { readDisk, readMachine, readMemory, readPids } from './node/machine.ts'
import { keepNodeStatus } from './node/registration.ts'
import { nodeStatus } from './node/status.ts'
import { createWakeSignal } from './node/wake-signal.ts'
import { admitPod } from './pod/admission.ts'
import { type HousekeepingContext, keepHouse, removeOrphans } from './pod/housekeeping.ts'
import { createPodSources, keepMirrors } from './pod/sources.ts'
import { watchStaticPods } from './pod/static-pods.ts'
import { createStatusWriter } from './pod/status-writer.ts'
import { createPodWorkers, type PodWorkers, retryResizes } from './pod/workers.ts'
import { createProber } from './probes/prober.ts'
import { connectRuntime, type Runtime } from './runtime/cri.ts'
import { podUidLabel } from './runtime/labels.ts'
import { runPleg } from './runtime/pleg.ts'
import { serveKubelet } from './server/server.ts'
import { createObjectSource } from './volumes/objects.ts'
import { podLogDirectory } from './volumes/paths.ts'
import { createVolumes } from './volumes/volumes.ts'

const relistMs = 1000
const statusRefreshMs = 5000
const statusRetryMs = 500
const imageGcPeriodMs = 300_000

/** Runs until `signal` aborts. */
export async function runKubelet(config: Config, logger: Logger, signal: AbortSignal): Promise<void> {
  const clock = systemClock
  const client = createClient({ ...(await loadKubeconfig(config.kubeconfig)), userAgent: 'kubelet/v1.36.2' })
  const metrics = createMetrics(config.nodeName, clock)
  const runtime = metrics.measured(connectRuntime(config.containerRuntimeEndpoint, clock))
  try {
    await mkdir(join(config.rootDir, 'pods'), { recursive: true, mode: 0o750 })
    const { tasks } = await assemble({ config, logger, clock, client, metrics, runtime }, signal)
    await runAll(signal, tasks)
  } finally {
    runtime.close()
    client.close()
  }
}

type Base = {
  readonly config: Config
  readonly logger: Logger
  readonly clock: Clock
  readonly client: ReturnType<typeof createClient>
  readonly metrics: ReturnType<typeof createMetrics>
  readonly runtime: Runtime
}

async function assemble(base: Base, signal: AbortSignal): Promise<{ readonly tasks: Record<string, Task> }> {
  const { config, logger, clock, client, metrics, runtime } = base
  const machine = await readMachine(await runtimeVersion(base, signal))
  const disk = await readDisk(config.rootDir)
  const capacity = nodeCapacity(machine, disk.capacityBytes, config.maxPods)
  const allocatable = nodeAllocatable(capacity, config.reserved, config.evictionHard)
  const health = createRuntimeHealth(runtime, clock)
  await health.refresh(signal)
  const recorder = createRecorder({ client, component: 'kubelet', host: config.nodeName, clock, logger })
  const objects = createObjectSource(client, clock)
  const images = createImages({ runtime, objects, recorder, clock })
  const volumes = createVolumes({ rootDir: config.rootDir, objects, clock })
  const fieldSelector = `spec.nodeName=${config.nodeName}`
  const apiPods = createInformer({ client, ref: podsRef, fieldSelector, clock, logger })
  const services = createInformer({ client, ref: servicesRef, clock, logger })
  const sources = createPodSources(apiPods, config.staticPodPath !== '', () => workers)
  const statuses = createStatusWriter({ client, clock, logger, apiPod: sources.apiPodOf })
  const probes = createProber({ runtime, recorder, clock, logger, onChange: (uid) => workers.wake(uid) })
  let node: Node | undefined
  let pressure: Pressure = noPressure
  const statusChanged = createWakeSignal()
  // Upstream gives the node's name as uid: at its first start a kubelet knows no other.
  const nodeSubject = { apiVersion: 'v1', kind: 'Node', metadata: { name: config.nodeName, uid: config.nodeName } }
  recorder.event(nodeSubject, 'Normal', 'Starting', 'Starting kubelet.')
  const containerLogsDir = join(dirname(config.podLogsDir), 'containers')
  const logDirectoryOf = ({ metadata: { namespace = '', name, uid } }: Pod): string =>
    podLogDirectory(config.podLogsDir, { namespace, name, uid })

  const refuse = (pod: Pod) => {
    if (node === undefined) return undefined
    const all = { ...extendedResources(node.status), ...allocatable }
    return admitPod(pod, { node, allocatable: all, others: admitted(workers, pod) })
  }
  const onNode = (current: Node): void => {
    if (current.spec.podCIDR !== node?.spec.podCIDR) tellPodCidr(base, current.spec.podCIDR ?? '', signal)
    node = current
  }
  const readNode = async (stop: AbortSignal): Promise<void> => {
    try {
      onNode(await client.get(nodesRef, { name: config.nodeName }, stop))
    } catch (error) {
      stop.throwIfAborted()
      logger.info('Node was not read', { error })
    }
  }
  const workers: PodWorkers = createPodWorkers(
    {
      runtime,
      recorder,
      clock,
      logger,
      images,
      objects,
      volumes,
      probes,
      statuses,
      hooks: { runtime, clock, podIp: (uid) => statuses.get(uid)?.podIP },
      services: services.list,
      allocatable: () => allocatable,
      readNodeHostsFile: async () => await readFile('/etc/hosts', 'utf8'),
      rootDir: config.rootDir,
      clusterDomain: config.clusterDomain,
      nodeMemoryBytes: machine.memoryBytes,
      hostIps: config.nodeIps,
      containerLogsDir,
      cgroupRoot: config.cgroupRoot,
      syncFrequencyMs: config.syncFrequencyMs,
      resolvConf: (pod) => resolvConfOf(config, pod, { recorder, node: nodeSubject }),
      logDirectory: logDirectoryOf,
      removeLogs: async (pod) => await rm(logDirectoryOf(pod), { recursive: true, force: true }),
      admit: refuse,
      readNode,
      retryResizes: () => retryResizes(workers.list(), refuse),
      networkProblem: health.networkProblem,
      onPodStart: metrics.notePodStart,
      runtimeHandler: objects.runtimeHandler,
    },
    logger,
  )
  const housekeeping: HousekeepingContext = {
    runtime,
    volumes,
    clock,
    logger,
    rootDir: config.rootDir,
    podLogsDir: config.podLogsDir,
    containerLogsDir,
    cgroupRoot: config.cgroupRoot,
    logMaxBytes: config.logMaxBytes,
    logMaxFiles: config.logMaxFiles,
    isKnown: (uid) => workers.get(uid) !== undefined,
    pods: () => workers.list().map(({ pod }) => pod),
  }
  const tasks: Record<string, Task> = {
    events: recorder.run,
    services: services.run,
    pods: apiPods.run,
    probes: probes.run,
    statuses: statuses.run,
    // A pod's environment needs the services: none may start before they are known.
    workers: async (stop) => {
      await services.whenSynced(stop)
      await workers.run(stop)
    },
    pleg: async (stop) => {
      const cleanUp = once(async () => await removeOrphans(housekeeping, stop), logger)
      const options = {
        runtime,
        clock,
        logger,
        relistMs,
        onChange: workers.wake,
        onFailure: (error: unknown) => logger.info('Runtime did not list its pods', { error }),
      }
      await runPleg(
        {
          ...options,
          onList: (found, seconds) => {
            health.noteList()
            metrics.noteRelist(seconds, found)
            if (sources.ready() && [...found.keys()].some((uid) => workers.get(uid) === undefined)) cleanUp()
          },
        },
        stop,
      )
    },
    housekeeping: async (stop) => await keepHouse(housekeeping, sources.ready, stop),
    runtimeStatus: async (stop) => {
      for (;;) {
        const before = JSON.stringify(health.problems())
        await health.refresh(stop)
        if (JSON.stringify(health.problems()) !== before) {
          statusChanged.raise()
          workers.wakeAll()
        }
        await clock.sleep(health.problems().length > 0 ? statusRetryMs : statusRefreshMs, stop)
      }
    },
    nodeStatus: async (stop) => {
      const compute = async (before: Node['status'], step: AbortSignal) => {
        const { capacityBytes: diskBytes } = disk
        const nodeImages = await listNodeImages(runtime, step)
        const now = {
          health: nodeHealth(health, pressure),
          images: nodeImages,
          runtime: health.features(),
          nowMs: clock.now(),
        }
        const status = nodeStatus(before, { config, machine, diskBytes, ...now })
        for (const reason of changedConditionReasons(before.conditions ?? [], status.conditions ?? [])) {
          recorder.event(nodeSubject, 'Normal', reason, `Node ${config.nodeName} status is now: ${reason}`)
        }
        return status
      }
      const { architecture } = machine.info
      const changed = statusChanged.wait
      await keepNodeStatus({ client, clock, logger, config, architecture, onNode, changed, compute }, stop)
    },
    lease: async (stop) => {
      const { nodeName, leaseDurationSeconds: durationSeconds } = config
      await renewLease({ client, clock, logger, nodeName, durationSeconds, nodeUid: () => node?.metadata.uid }, stop)
    },
    eviction: async (stop) => {
      await runEviction(
        {
          thresholds: config.evictionHard,
          clock,
          logger,
          observe: async () => await observeNode(config),
          candidates: async (step) => await evictionCandidates(runtime, workers, step),
          evict: (pod, message) => {
            recorder.event(pod, 'Warning', 'Evicted', message)
            workers.get(pod.metadata.uid)?.fail({ reason: 'Evicted', message })
          },
          onPressure: (now) => {
            if (JSON.stringify(now) !== JSON.stringify(pressure)) statusChanged.raise()
            pressure = now
          },
        },
        stop,
      )
    },
    images: async (stop) => {
      const { imageGcHighPercent: highPercent, imageGcLowPercent: lowPercent, imageMinimumAgeMs: minimumAgeMs } = config
      const policy = { highPercent, lowPercent, minimumAgeMs }
      const readImageDisk = async () => await readDisk(config.rootDir)
      await collectImages({ runtime, clock, logger, policy, periodMs: imageGcPeriodMs, readDisk: readImageDisk }, stop)
    },
    server: async (stop) =>
      await serveKubelet(
        { config, runtime, client, clock, logger, workers, statuses, health, registry: metrics.registry },
        stop,
      ),
    ...(config.staticPodPath === '' ? {} : staticPodTasks(base, { sources, statuses, node: () => node })),
  }
  return { tasks }
}

/** Some runtimes write their CNI configuration from it; the others ignore it. */
function tellPodCidr({ runtime, logger }: Base, podCidr: string, signal: AbortSignal): void {
  runtime
    .call('UpdateRuntimeConfig', { runtimeConfig: { networkConfig: { podCidr } } }, signal)
    .catch((error: unknown) => logger.info('Runtime was not told the pod network', { podCidr, error }))
}

type StaticParts = Pick<Parameters<typeof keepMirrors>[0], 'sources' | 'statuses' | 'node'>

function staticPodTasks({ config, clock, logger, client }: Base, parts: StaticParts): Record<string, Task> {
  const { staticPodPath: folder, nodeName, fileCheckMs } = config
  return {
    staticPods: async (stop) => {
      // The table of all API types is large; only a node with manifests reads it.
      const { decodePod: decode } = await import('./pod/decode.ts')
      const { onStaticPods: onPods } = parts.sources
      await watchStaticPods(
        { folder, nodeName, periodMs: Math.min(fileCheckMs, 1000), clock, logger, decode, onPods },
        stop,
      )
    },
    mirrors: async (stop) => await keepMirrors({ client, clock, logger, ...parts }, stop),
  }
}

/** Waits for the runtime to answer. */
async function runtimeVersion({ runtime, clock, logger }: Base, signal: AbortSignal): Promise<string> {
  for (;;) {
    try {
      const { runtimeName, runtimeVersion: version } = await runtime.call('Version', {}, signal, 2_000)
      return `${runtimeName}://${version}`
    } catch (error) {
      if (signal.aborted) throw signal.reason
      logger.info('Runtime did not answer', { error })
      await clock.sleep(200, signal)
    }
  }
}

/** Reads the node's file, and tells the pod's author what of it or of `dnsConfig` could not be kept. */
async function resolvConfOf(
  { clusterDns, clusterDomain, resolvConf, nodeIps }: Config,
  pod: Pod,
  { recorder, node }: { readonly recorder: Recorder; readonly node: EventSubject },
): Promise<ResolvConf> {
  const host = resolvConf === '' ? undefined : parseResolvConf(await readFile(resolvConf, 'utf8').catch(() => ''))
  const { resolvConf: made, warnings } = podResolvConf(pod, { clusterDns, clusterDomain, host, nodeIps })
  const { name, namespace, uid } = pod.metadata
  for (const { reason, message } of warnings) {
    const isMissing = reason === 'MissingClusterDNS'
    if (isMissing) recorder.event(node, 'Warning', reason, message)
    const text = isMissing ? `pod: "${name}_${namespace}(${uid})". ${message}` : message
    recorder.event(pod, 'Warning', reason, text)
  }
  return made
}

function admitted(workers: PodWorkers, pod: Pod): readonly Pod[] {
  return workers
    .list()
    .filter((worker) => worker.isActive && worker.isAdmitted && worker.pod.metadata.uid !== pod.metadata.uid)
    .map((worker) => worker.pod)
}

async function observeNode(config: Config): Promise<Observations> {
  const [memory, disk, pids] = await Promise.all([readMemory(), readDisk(config.rootDir), readPids()])
  const space = { available: disk.availableBytes, capacity: disk.capacityBytes }
  const inodes = { available: disk.inodesFree, capacity: disk.inodes }
  return {
    'memory.available': { available: memory.availableBytes, capacity: memory.capacityBytes },
    'nodefs.available': space,
    'imagefs.available': space,
    // Some filesystems have no fixed number of inodes and say 0.
    ...(disk.inodes === 0 ? {} : { 'nodefs.inodesFree': inodes, 'imagefs.inodesFree': inodes }),
    'pid.available': { available: pids.max - pids.used, capacity: pids.max },
  }
}

async function evictionCandidates(
  runtime: Runtime,
  workers: PodWorkers,
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  const { stats } = await runtime.call('ListContainerStats', {}, signal)
  const bytes = new Map<string, number>()
  for (const { attributes, memory } of stats) {
    const uid = attributes?.labels[podUidLabel] ?? ''
    bytes.set(uid, (bytes.get(uid) ?? 0) + (memory?.workingSetBytes?.value ?? 0))
  }
  return workers
    .list()
    .filter((worker) => worker.isActive)
    .map(({ pod }) => ({ pod, memoryBytes: bytes.get(pod.metadata.uid) ?? 0 }))
}

/** A job that is not started again while it still runs. */
function once(work: () => Promise<void>, logger: Logger): () => void {
  let isRunning = false
  return () => {
    if (isRunning) return
    isRunning = true
    work()
      .catch((error: unknown) => logger.info('Orphans were not removed', { error }))
      .finally(() => {
        isRunning = false
      })
  }
}
