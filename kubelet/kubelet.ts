/**
 * The kubelet put together: sources of pods on one side, the runtime on the other, a worker per pod between them.
 *
 *   API (pods of this node) ─┐                          ┌─▶ CRI: sandboxes, containers, images
 *   static pods (files) ─────┴─▶ workers ─ plan ─ act ──┼─▶ volumes, hosts file, cgroups
 *   runtime (PLEG), probes ─────▲                       └─▶ status, events ──▶ API
 */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Node, Pod } from '../api/core/v1.ts'
import { type Change, createInformer } from '../client/cache/informer.ts'
import { createRecorder } from '../client/events/recorder.ts'
import { type Client, createClient } from '../client/rest/client.ts'
import { loadKubeconfig } from '../client/rest/kubeconfig.ts'
import { pods as podsRef, services as servicesRef } from '../client/rest/resource-refs.ts'
import { type Clock, systemClock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import { runAll, type Task } from '../component-base/run.ts'
import type { Config } from './config.ts'
import { createImages } from './images/pull.ts'
import { parseResolvConf, podResolvConf } from './network/resolv-conf.ts'
import { nodeAllocatable, nodeCapacity } from './node/capacity.ts'
import { createRuntimeHealth, nodeHealth, noPressure } from './node/health.ts'
import { listNodeImages } from './node/images.ts'
import { renewLease } from './node/lease.ts'
import { readDisk, readMachine } from './node/machine.ts'
import { keepNodeStatus } from './node/registration.ts'
import { nodeStatus } from './node/status.ts'
import { admitPod } from './pod/admission.ts'
import { decodePod } from './pod/decode.ts'
import { type HousekeepingContext, removeOrphans, removeSurplus } from './pod/housekeeping.ts'
import { deleteMirror, ensureMirror } from './pod/mirror-pods.ts'
import { isMirrorPod, isStaticPod } from './pod/pods.ts'
import { watchStaticPods } from './pod/static-pods.ts'
import { createStatusWriter } from './pod/status-writer.ts'
import { createPodWorkers } from './pod/workers.ts'
import { createProber } from './probes/prober.ts'
import { connectRuntime } from './runtime/cri.ts'
import { runPleg } from './runtime/pleg.ts'
import { serveKubelet } from './server/server.ts'
import { createObjectSource } from './volumes/objects.ts'
import { podLogDirectory } from './volumes/paths.ts'
import { createVolumes } from './volumes/volumes.ts'

const relistMs = 1000
const statusRefreshMs = 5000
const surplusPeriodMs = 60_000

/** Runs until `signal` aborts. */
export async function runKubelet(config: Config, logger: Logger, signal: AbortSignal): Promise<void> {
  const clock: Clock = systemClock
  const client = createClient({ ...(await loadKubeconfig(config.kubeconfig)), userAgent: 'kubelet/v1.36.2' })
  const runtime = connectRuntime(config.containerRuntimeEndpoint, clock)
  try {
    await mkdir(join(config.rootDir, 'pods'), { recursive: true, mode: 0o750 })
    const version = await waitForRuntime(runtime, clock, logger, signal)
    const machine = await readMachine(version)
    const disk = await readDisk(config.rootDir)
    const allocatable = nodeAllocatable(
      nodeCapacity(machine, disk.capacityBytes, config.maxPods),
      config.reserved,
      config.evictionHard,
    )
    const health = createRuntimeHealth(runtime, clock)
    await health.refresh(signal)
    const recorder = createRecorder({ client, component: 'kubelet', host: config.nodeName, clock, logger })
    const objects = createObjectSource(client, clock)
    const images = createImages({ runtime, objects, recorder, clock })
    const volumes = createVolumes({ rootDir: config.rootDir, objects, clock })
    const apiPods = createInformer({
      client,
      ref: podsRef,
      fieldSelector: `spec.nodeName=${config.nodeName}`,
      clock,
      logger,
    })
    const services = createInformer({ client, ref: servicesRef, clock, logger })
    let node: Node | undefined
    const tellNode = createSignal()

    const apiPodOf = (pod: Pod): Pod | undefined => {
      const found = apiPods.get(`${pod.metadata.namespace ?? ''}/${pod.metadata.name}`)
      if (found === undefined) return undefined
      return isStaticPod(pod)
        ? isMirrorPod(found)
          ? found
          : undefined
        : found.metadata.uid === pod.metadata.uid
          ? found
          : undefined
    }
    const statuses = createStatusWriter({ client, clock, logger, apiPod: apiPodOf })
    const probes = createProber({
      runtime,
      recorder,
      clock,
      logger,
      random: Math.random,
      onChange: (uid) => workers.wake(uid),
    })
    const hostResolvConf = async () => parseResolvConf(await readFile(config.resolvConf, 'utf8').catch(() => ''))
    const logDirectoryOf = ({ metadata: { namespace = '', name, uid } }: Pod) =>
      podLogDirectory(config.podLogsDir, { namespace, name, uid })

    const workers = createPodWorkers(
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
        hooks: {
          runtime,
          clock,
          podIp: (uid) => statuses.get(uid)?.podIP,
        },
        services: () => services.list(),
        allocatable: () => allocatable,
        readNodeHostsFile: async () => await readFile('/etc/hosts', 'utf8'),
        rootDir: config.rootDir,
        clusterDomain: config.clusterDomain,
        nodeMemoryBytes: machine.memoryBytes,
        hostIps: config.nodeIps,
        containerLogsDir: join(dirname(config.podLogsDir), 'containers'),
        cgroupRoot: config.cgroupRoot,
        syncFrequencyMs: config.syncFrequencyMs,
        resolvConf: async (pod) =>
          podResolvConf(pod, {
            clusterDns: config.clusterDns,
            clusterDomain: config.clusterDomain,
            host: await hostResolvConf(),
          }),
        logDirectory: logDirectoryOf,
        removeLogs: async (pod) => await rm(logDirectoryOf(pod), { recursive: true, force: true }),
        admit: (pod) => {
          if (node === undefined) return undefined
          const others = workers
            .list()
            .filter((worker) => worker.isActive && worker.pod.metadata.uid !== pod.metadata.uid && worker.isAdmitted)
            .map((worker) => worker.pod)
          return admitPod(pod, { node, allocatable, others })
        },
        networkProblem: health.networkProblem,
      },
      logger,
    )

    let staticPods: readonly Pod[] | undefined
    const onStaticPods = (found: readonly Pod[]): void => {
      const before = staticPods ?? []
      staticPods = found
      for (const pod of found) {
        if (!before.some(({ metadata }) => metadata.uid === pod.metadata.uid)) workers.update(pod)
      }
      for (const { metadata } of before) {
        if (!found.some((pod) => pod.metadata.uid === metadata.uid)) workers.remove(metadata.uid)
      }
    }
    apiPods.onChange((change: Change<Pod>) => {
      const { object: pod } = change
      if (isMirrorPod(pod)) return
      if (change.type === 'deleted') workers.remove(pod.metadata.uid)
      else {
        // The same name with another uid: the one before was deleted while we did not look.
        if (change.type === 'updated' && change.old.metadata.uid !== pod.metadata.uid)
          workers.remove(change.old.metadata.uid)
        workers.update(pod)
      }
    })

    const housekeeping: HousekeepingContext = {
      runtime,
      volumes,
      clock,
      logger,
      rootDir: config.rootDir,
      podLogsDir: config.podLogsDir,
      cgroupRoot: config.cgroupRoot,
      isKnown: (uid) => workers.get(uid) !== undefined,
    }
    const sourcesReady = () => apiPods.synced() && (config.staticPodPath === '' || staticPods !== undefined)
    const tasks: Record<string, Task> = {
      events: recorder.run,
      services: services.run,
      pods: apiPods.run,
      workers: async (stop) => {
        await services.whenSynced(stop)
        await workers.run(stop)
      },
      probes: probes.run,
      statuses: statuses.run,
      pleg: async (stop) => {
        let isCleaning = false
        await runPleg(
          {
            runtime,
            clock,
            logger,
            relistMs,
            onChange: workers.wake,
            onFailure: (error) => logger.info('Runtime did not list its pods', { error }),
            onList: (found) => {
              health.noteList()
              if (!sourcesReady() || isCleaning) return
              isCleaning = true
              removeOrphans(housekeeping, found, stop)
                .catch((error: unknown) => logger.info('Orphans were not removed', { error }))
                .finally(() => {
                  isCleaning = false
                })
            },
          },
          stop,
        )
      },
      surplus: async (stop) => {
        for (;;) {
          await clock.sleep(surplusPeriodMs, stop)
          await removeSurplus(
            housekeeping,
            workers.list().map(({ pod }) => pod),
            stop,
          ).catch((error: unknown) => logger.info('Dead containers were not removed', { error }))
        }
      },
      runtimeStatus: async (stop) => {
        for (;;) {
          const before = JSON.stringify(health.problems())
          await health.refresh(stop)
          if (JSON.stringify(health.problems()) !== before) {
            tellNode.raise()
            workers.wakeAll()
          }
          await clock.sleep(health.problems().length > 0 ? 500 : statusRefreshMs, stop)
        }
      },
      nodeStatus: async (stop) =>
        await keepNodeStatus(
          {
            client,
            clock,
            logger,
            config,
            architecture: machine.info.architecture,
            onNode: (current) => {
              node = current
            },
            changed: tellNode.wait,
            compute: async (before, step) =>
              nodeStatus(before, {
                config,
                machine,
                diskBytes: disk.capacityBytes,
                health: nodeHealth(health, noPressure),
                images: await listNodeImages(runtime, step),
                nowMs: clock.now(),
              }),
          },
          stop,
        ),
      lease: async (stop) =>
        await renewLease(
          {
            client,
            clock,
            logger,
            nodeName: config.nodeName,
            durationSeconds: config.leaseDurationSeconds,
            nodeUid: () => node?.metadata.uid,
          },
          stop,
        ),
      server: async (stop) =>
        await serveKubelet({ config, runtime, client, clock, logger, workers, statuses, health, logDirectoryOf }, stop),
      ...(config.staticPodPath === ''
        ? {}
        : {
            staticPods: async (stop) =>
              await watchStaticPods(
                {
                  folder: config.staticPodPath,
                  nodeName: config.nodeName,
                  periodMs: Math.min(config.fileCheckMs, 1000),
                  clock,
                  logger,
                  decode: decodePod,
                  onPods: onStaticPods,
                },
                stop,
              ),
            mirrors: async (stop) =>
              await keepMirrors(
                { client, clock, logger },
                () => ({
                  staticPods,
                  mirrors: apiPods.synced() ? apiPods.list().filter(isMirrorPod) : undefined,
                  node,
                }),
                statuses,
                stop,
              ),
          }),
    }
    await runAll(signal, tasks)
  } finally {
    runtime.close()
    client.close()
  }
}

async function waitForRuntime(
  runtime: ReturnType<typeof connectRuntime>,
  clock: Clock,
  logger: Logger,
  signal: AbortSignal,
): Promise<string> {
  for (;;) {
    try {
      const { runtimeName, runtimeVersion } = await runtime.call('Version', {}, signal, 2_000)
      return `${runtimeName}://${runtimeVersion}`
    } catch (error) {
      if (signal.aborted) throw signal.reason
      logger.info('Runtime did not answer', { error })
      await clock.sleep(200, signal)
    }
  }
}

type MirrorFacts = {
  readonly staticPods: readonly Pod[] | undefined
  readonly mirrors: readonly Pod[] | undefined
  readonly node: Node | undefined
}

async function keepMirrors(
  { client, clock, logger }: { readonly client: Client; readonly clock: Clock; readonly logger: Logger },
  facts: () => MirrorFacts,
  statuses: ReturnType<typeof createStatusWriter>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const { staticPods, mirrors, node } = facts()
    if (staticPods !== undefined && mirrors !== undefined) {
      try {
        for (const pod of staticPods) {
          const { name, namespace, uid } = pod.metadata
          const mirror = mirrors.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace)
          await ensureMirror(client, pod, mirror, node, signal)
          const status = statuses.get(uid)
          if (status !== undefined) statuses.set(pod, status)
        }
        for (const mirror of mirrors) {
          const { name, namespace } = mirror.metadata
          const isWanted = staticPods.some(({ metadata }) => metadata.name === name && metadata.namespace === namespace)
          if (!isWanted) await deleteMirror(client, mirror, signal)
        }
      } catch (error) {
        if (signal.aborted) throw signal.reason
        logger.info('Mirror pods were not written', { error })
      }
    }
    await clock.sleep(1000, signal)
  }
}

/** A flag that one task raises and another waits for. */
function createSignal(): { readonly raise: () => void; readonly wait: (signal: AbortSignal) => Promise<void> } {
  let waiters: (() => void)[] = []
  return {
    raise: () => {
      for (const wake of waiters) wake()
      waiters = []
    },
    wait: async (signal) => {
      await new Promise<void>((resolve) => {
        waiters.push(resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    },
  }
}
