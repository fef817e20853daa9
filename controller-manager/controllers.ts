/** Which controllers there are: upstream's names, the service account each acts as, and what starts it. */
import { createRecorder, type Recorder } from '../client/events/recorder.ts'
import type { Client } from '../client/rest/client.ts'
import type { ClientConfig } from '../client/rest/kubeconfig.ts'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import { runAll, type Task } from '../component-base/run.ts'
import { startCertificateSigningController } from './certificate-signing/controller.ts'
import { startClusterRoleAggregationController } from './clusterrole-aggregation/controller.ts'
import { type Config, isEnabled } from './config.ts'
import type { ControllerContext, StartController } from './context.ts'
import { type OwnClient, serviceAccountClient } from './credentials.ts'
import { startCronJobController } from './cronjob/controller.ts'
import { startDaemonSetController } from './daemonset/controller.ts'
import { startDeploymentController } from './deployment/controller.ts'
import { startDisruptionController } from './disruption/controller.ts'
import { startEndpointsController } from './endpoints/controller.ts'
import { startEndpointSliceController } from './endpointslice/controller.ts'
import { startEndpointSliceMirroringController } from './endpointslice-mirroring/controller.ts'
import { startEphemeralVolumeController } from './ephemeral-volume/controller.ts'
import { startGarbageCollector } from './garbage-collector/controller.ts'
import { createInformers } from './informers.ts'
import { startJobController } from './job/controller.ts'
import { startNamespaceController } from './namespace/controller.ts'
import { startNodeIpamController } from './node-ipam/controller.ts'
import { startNodeLifecycleController } from './node-lifecycle/controller.ts'
import { startPersistentVolumeBinder } from './persistentvolume-binder/controller.ts'
import { startPodGcController } from './pod-gc/controller.ts'
import { startPvProtectionController } from './pv-protection/controller.ts'
import { startPvcProtectionController } from './pvc-protection/controller.ts'
import { startReplicaSetController } from './replicaset/controller.ts'
import { startReplicationControllerController } from './replicationcontroller/controller.ts'
import { startResourceQuotaController } from './resource-quota/controller.ts'
import { startRootCaController } from './root-ca/controller.ts'
import { startServiceCidrController } from './service-cidr/controller.ts'
import { startServiceAccountController } from './serviceaccount/controller.ts'
import { startServiceAccountTokenController } from './serviceaccount-token/controller.ts'
import { startStatefulSetController } from './statefulset/controller.ts'
import { startTaintEvictionController } from './taint-eviction/controller.ts'
import { startTtlAfterFinishedController } from './ttl-after-finished/controller.ts'
import { startValidatingAdmissionPolicyStatusController } from './validatingadmissionpolicy-status/controller.ts'
import { startVolumeAttributesClassProtectionController } from './volumeattributesclass-protection/controller.ts'

/** One controller of the process. */
type Registration = {
  readonly name: string
  /** The name it had before 1.28; `--controllers` takes both. */
  readonly alias: string
  /** Empty: acts as kube-controller-manager itself. */
  readonly serviceAccount: string
  readonly start: StartController
  /** A reason not to run under this configuration. */
  readonly isOff?: (config: Config) => boolean
}

const registrations: readonly Registration[] = [
  {
    name: 'deployment-controller',
    alias: 'deployment',
    serviceAccount: 'deployment-controller',
    start: startDeploymentController,
  },
  {
    name: 'replicaset-controller',
    alias: 'replicaset',
    serviceAccount: 'replicaset-controller',
    start: startReplicaSetController,
  },
  {
    name: 'serviceaccount-controller',
    alias: 'serviceaccount',
    serviceAccount: 'service-account-controller',
    start: startServiceAccountController,
  },
  {
    name: 'root-ca-certificate-publisher-controller',
    alias: 'root-ca-cert-publisher',
    serviceAccount: 'root-ca-cert-publisher',
    start: startRootCaController,
    isOff: ({ rootCa }) => rootCa === undefined,
  },
  {
    name: 'node-ipam-controller',
    alias: 'nodeipam',
    serviceAccount: 'node-controller',
    start: startNodeIpamController,
    isOff: ({ allocateNodeCidrs }) => !allocateNodeCidrs,
  },
  {
    name: 'endpointslice-controller',
    alias: 'endpointslice',
    serviceAccount: 'endpointslice-controller',
    start: startEndpointSliceController,
  },
  {
    name: 'endpoints-controller',
    alias: 'endpoint',
    serviceAccount: 'endpoint-controller',
    start: startEndpointsController,
  },
  {
    name: 'node-lifecycle-controller',
    alias: 'nodelifecycle',
    serviceAccount: 'node-controller',
    start: startNodeLifecycleController,
  },
  {
    name: 'taint-eviction-controller',
    alias: 'taint-eviction',
    serviceAccount: 'node-controller',
    start: startTaintEvictionController,
  },
  {
    name: 'namespace-controller',
    alias: 'namespace',
    serviceAccount: 'namespace-controller',
    start: startNamespaceController,
  },
  {
    name: 'garbage-collector-controller',
    alias: 'garbagecollector',
    serviceAccount: 'generic-garbage-collector',
    start: startGarbageCollector,
    isOff: ({ garbageCollection }) => !garbageCollection,
  },
  {
    name: 'pod-garbage-collector-controller',
    alias: 'podgc',
    serviceAccount: 'pod-garbage-collector',
    start: startPodGcController,
  },
  { name: 'job-controller', alias: 'job', serviceAccount: 'job-controller', start: startJobController },
  {
    name: 'statefulset-controller',
    alias: 'statefulset',
    serviceAccount: 'statefulset-controller',
    start: startStatefulSetController,
  },
  {
    name: 'daemonset-controller',
    alias: 'daemonset',
    serviceAccount: 'daemon-set-controller',
    start: startDaemonSetController,
  },
  { name: 'cronjob-controller', alias: 'cronjob', serviceAccount: 'cronjob-controller', start: startCronJobController },
  {
    name: 'replicationcontroller-controller',
    alias: 'replicationcontroller',
    serviceAccount: 'replication-controller',
    start: startReplicationControllerController,
  },
  {
    name: 'endpointslice-mirroring-controller',
    alias: 'endpointslicemirroring',
    serviceAccount: 'endpointslicemirroring-controller',
    start: startEndpointSliceMirroringController,
  },
  {
    name: 'clusterrole-aggregation-controller',
    alias: 'clusterrole-aggregation',
    serviceAccount: 'clusterrole-aggregation-controller',
    start: startClusterRoleAggregationController,
  },
  {
    name: 'service-cidr-controller',
    alias: 'service-cidr',
    serviceAccount: 'service-cidrs-controller',
    start: startServiceCidrController,
  },
  {
    name: 'ttl-after-finished-controller',
    alias: 'ttl-after-finished',
    serviceAccount: 'ttl-after-finished-controller',
    start: startTtlAfterFinishedController,
  },
  {
    name: 'validatingadmissionpolicy-status-controller',
    alias: 'validatingadmissionpolicy-status',
    serviceAccount: 'validatingadmissionpolicy-status-controller',
    start: startValidatingAdmissionPolicyStatusController,
  },
  {
    name: 'serviceaccount-token-controller',
    alias: 'serviceaccount-token',
    serviceAccount: '',
    start: startServiceAccountTokenController,
    isOff: ({ serviceAccountKey }) => serviceAccountKey === undefined,
  },
  {
    name: 'disruption-controller',
    alias: 'disruption',
    serviceAccount: 'disruption-controller',
    start: startDisruptionController,
  },
  {
    name: 'resourcequota-controller',
    alias: 'resourcequota',
    serviceAccount: 'resourcequota-controller',
    start: startResourceQuotaController,
  },
  {
    name: 'persistentvolume-binder-controller',
    alias: 'persistentvolume-binder',
    serviceAccount: 'persistent-volume-binder',
    start: startPersistentVolumeBinder,
  },
  {
    name: 'persistentvolumeclaim-protection-controller',
    alias: 'pvc-protection',
    serviceAccount: 'pvc-protection-controller',
    start: startPvcProtectionController,
  },
  {
    name: 'persistentvolume-protection-controller',
    alias: 'pv-protection',
    serviceAccount: 'pv-protection-controller',
    start: startPvProtectionController,
  },
  {
    name: 'volumeattributesclass-protection-controller',
    alias: 'volumeattributesclass-protection',
    serviceAccount: 'volumeattributesclass-protection-controller',
    start: startVolumeAttributesClassProtectionController,
  },
  {
    name: 'ephemeral-volume-controller',
    alias: 'ephemeral-volume',
    serviceAccount: 'ephemeral-volume-controller',
    start: startEphemeralVolumeController,
  },
  {
    name: 'certificatesigningrequest-signing-controller',
    alias: 'csrsigning',
    serviceAccount: 'certificate-controller',
    start: startCertificateSigningController,
    isOff: ({ signing }) => signing === undefined,
  },
]

/** What {@link runControllers} needs. */
export type RunOptions = {
  readonly client: Client
  /** How `client` reaches the server, for the clients of service accounts. */
  readonly connection: ClientConfig
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
  readonly config: Config
  /** The flag `--controllers`. */
  readonly wanted: readonly string[]
  readonly useServiceAccounts: boolean
}

/** Starts the wanted controllers and runs them until `signal` aborts. */
export async function runControllers(options: RunOptions, signal: AbortSignal): Promise<void> {
  const { clock, client, logger, config, wanted } = options
  const informers = createInformers({ clock, client, logger })
  const recorders = new Map<string, Recorder>()
  const recorder = (component: string): Recorder => {
    const found = recorders.get(component) ?? createRecorder({ client, component, clock, logger })
    recorders.set(component, found)
    return found
  }
  const clients = new Map<string, OwnClient>()
  const started = registrations
    .filter(({ name, alias, isOff }) => isWanted(name, alias, wanted) && isOff?.(config) !== true)
    .map(({ name, serviceAccount, start }): readonly [string, Task] => {
      const own = ownClient(options, clients, serviceAccount)
      const context: ControllerContext = { ...options, client: own?.client ?? client, informers, recorder }
      return [name, afterReady(own, start(context))]
    })
  logger.info('Started controllers', { controllers: started.map(([name]) => name) })
  await runAll(signal, {
    ...Object.fromEntries(started),
    ...Object.fromEntries([...clients].map(([name, own]) => [`token of ${name}`, own.run])),
    ...Object.fromEntries([...recorders].map(([name, { run }]) => [`events of ${name}`, run])),
    informers: informers.run,
  })
}

function isWanted(name: string, alias: string, wanted: readonly string[]): boolean {
  return isEnabled(
    name,
    wanted.map((text) => (text.replace(/^-/, '') === alias ? text.replace(alias, name) : text)),
    true,
  )
}

function ownClient(options: RunOptions, clients: Map<string, OwnClient>, name: string): OwnClient | undefined {
  if (!options.useServiceAccounts || name === '') return undefined
  const { client: root, connection, clock } = options
  const own = clients.get(name) ?? serviceAccountClient({ root, connection, name, clock })
  clients.set(name, own)
  return own
}

function afterReady(own: OwnClient | undefined, task: Task): Task {
  if (own === undefined) return task
  return async (signal) => {
    await own.whenReady(signal)
    await task(signal)
  }
}
