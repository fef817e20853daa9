/** The flags of kube-controller-manager, by upstream's names, and the configuration they make. Pure. */
import { defineFlags, FlagError, type FlagValues } from '../component-base/flags.ts'
import { nodeCidrProblems, nodeMasks } from './node-ipam/flags.ts'

const noCredentials = 'Accepted for compatibility: the API server of --kubeconfig says who may read metrics.'

export const flags = defineFlags({
  kubeconfig: { type: 'string', default: '', description: 'How to reach the API server, and as whom.' },
  master: {
    type: 'string',
    default: '',
    description: 'Address of the API server; overrides the one in the kubeconfig.',
  },
  'authentication-kubeconfig': { type: 'string', default: '', description: noCredentials },
  'authorization-kubeconfig': { type: 'string', default: '', description: noCredentials },
  'client-ca-file': { type: 'string', default: '', description: noCredentials },
  'requestheader-client-ca-file': { type: 'string', default: '', description: noCredentials },
  'leader-elect': { type: 'boolean', default: true, description: 'Take the lease before any work.' },
  'leader-elect-lease-duration': { type: 'duration', default: 15_000, description: 'How long a lease lasts.' },
  'leader-elect-renew-deadline': {
    type: 'duration',
    default: 10_000,
    description: 'How long the holder tries to renew.',
  },
  'leader-elect-retry-period': { type: 'duration', default: 2_000, description: 'Wait between two tries.' },
  'leader-elect-resource-name': {
    type: 'string',
    default: 'kube-controller-manager',
    description: 'Name of the lease.',
  },
  'leader-elect-resource-namespace': { type: 'string', default: 'kube-system', description: 'Namespace of the lease.' },
  controllers: { type: 'strings', default: ['*'], description: '* for all, foo to add, -foo to leave out.' },
  'cluster-name': {
    type: 'string',
    default: 'kubernetes',
    description: 'Accepted for compatibility: only cloud providers use it.',
  },
  'cluster-cidr': { type: 'string', default: '', description: 'Range of the pod addresses.' },
  'service-cluster-ip-range': { type: 'string', default: '', description: 'Range of the Service addresses.' },
  'allocate-node-cidrs': { type: 'boolean', default: false, description: 'Give each node a part of the cluster CIDR.' },
  'node-cidr-mask-size': { type: 'number', default: 0, description: 'Mask of a node (24 for IPv4, 64 for IPv6).' },
  'node-cidr-mask-size-ipv4': { type: 'number', default: 0, description: 'Mask of a node, IPv4.' },
  'node-cidr-mask-size-ipv6': { type: 'number', default: 0, description: 'Mask of a node, IPv6.' },
  'root-ca-file': { type: 'string', default: '', description: 'The CA that pods get to know the API server by.' },
  'service-account-private-key-file': { type: 'string', default: '', description: 'Signs tokens in Secrets.' },
  'cluster-signing-cert-file': { type: 'string', default: '', description: 'The CA that signs certificates.' },
  'cluster-signing-key-file': { type: 'string', default: '', description: 'Its key.' },
  'cluster-signing-duration': { type: 'duration', default: 31_536_000_000, description: 'Longest certificate life.' },
  'use-service-account-credentials': {
    type: 'boolean',
    default: false,
    description: 'Each controller acts as its own service account.',
  },
  'node-monitor-period': { type: 'duration', default: 5_000, description: 'How often nodes are looked at.' },
  'node-monitor-grace-period': {
    type: 'duration',
    default: 50_000,
    description: 'Silence after which a node is unknown.',
  },
  'node-startup-grace-period': {
    type: 'duration',
    default: 60_000,
    description: 'The same for a node that has just come.',
  },
  'terminated-pod-gc-threshold': { type: 'number', default: 12_500, description: 'Finished pods that are kept.' },
  'concurrent-deployment-syncs': { type: 'number', default: 5, description: 'Deployments worked on at once.' },
  'concurrent-replicaset-syncs': { type: 'number', default: 5, description: 'ReplicaSets worked on at once.' },
  'concurrent-rc-syncs': { type: 'number', default: 5, description: 'ReplicationControllers worked on at once.' },
  'concurrent-statefulset-syncs': { type: 'number', default: 5, description: 'StatefulSets worked on at once.' },
  'concurrent-daemonset-syncs': { type: 'number', default: 2, description: 'DaemonSets worked on at once.' },
  'concurrent-job-syncs': { type: 'number', default: 5, description: 'Jobs worked on at once.' },
  'concurrent-cron-job-syncs': { type: 'number', default: 5, description: 'CronJobs worked on at once.' },
  'concurrent-endpoint-syncs': { type: 'number', default: 5, description: 'Endpoints worked on at once.' },
  'concurrent-service-endpoint-syncs': { type: 'number', default: 5, description: 'EndpointSlices worked on at once.' },
  'concurrent-namespace-syncs': { type: 'number', default: 10, description: 'Namespaces worked on at once.' },
  'concurrent-serviceaccount-token-syncs': {
    type: 'number',
    default: 5,
    description: 'Token Secrets worked on at once.',
  },
  'concurrent-gc-syncs': { type: 'number', default: 20, description: 'Garbage collector workers.' },
  'concurrent-resource-quota-syncs': { type: 'number', default: 5, description: 'Quotas worked on at once.' },
  'concurrent-ttl-after-finished-syncs': {
    type: 'number',
    default: 5,
    description: 'Finished Jobs worked on at once.',
  },
  'horizontal-pod-autoscaler-sync-period': {
    type: 'duration',
    default: 15_000,
    description: 'How often HPAs are looked at.',
  },
  'max-endpoints-per-slice': { type: 'number', default: 100, description: 'Endpoints in one EndpointSlice.' },
  'enable-garbage-collector': { type: 'boolean', default: true, description: 'Collect objects whose owner is gone.' },
  'bind-address': { type: 'string', default: '0.0.0.0', description: 'Where health and metrics are served.' },
  'secure-port': { type: 'number', default: 10257, description: 'Port of health and metrics; 0 for none.' },
  'tls-cert-file': { type: 'string', default: '', description: 'Serving certificate; self-signed when empty.' },
  'tls-private-key-file': { type: 'string', default: '', description: 'Its key.' },
  profiling: { type: 'boolean', default: true, description: 'Accepted for compatibility: there are no profiles.' },
})

export type Flags = FlagValues<typeof flags>

/** What the controllers need to know; file contents, not file names. */
export type Config = {
  readonly clusterCidrs: readonly string[]
  readonly serviceCidrs: readonly string[]
  readonly allocateNodeCidrs: boolean
  readonly nodeMaskIpv4: number
  readonly nodeMaskIpv6: number
  /** PEM. */
  readonly rootCa: string | undefined
  readonly serviceAccountKey: string | undefined
  readonly signing: { readonly cert: string; readonly key: string; readonly durationMs: number } | undefined
  readonly nodeMonitorPeriodMs: number
  readonly nodeGracePeriodMs: number
  readonly nodeStartupGracePeriodMs: number
  readonly garbageCollection: boolean
  readonly terminatedPodThreshold: number
  readonly maxEndpointsPerSlice: number
  readonly autoscalerPeriodMs: number
  readonly concurrentSyncs: ConcurrentSyncs
}

/** How many keys each controller works on at once. */
export type ConcurrentSyncs = Readonly<Record<(typeof syncNames)[number], number>>
const syncNames = [
  'deployment',
  'replicaset',
  'replicationcontroller',
  'statefulset',
  'daemonset',
  'job',
  'cronjob',
  'endpoints',
  'endpointslice',
  'namespace',
  'serviceaccountToken',
  'garbageCollector',
  'resourceQuota',
  'ttlAfterFinished',
] as const

/** Contents of the files that flags name. */
export type ConfigFiles = {
  readonly rootCa?: string | undefined
  readonly serviceAccountKey?: string | undefined
  readonly signingCert?: string | undefined
  readonly signingKey?: string | undefined
}

/** Flags and file contents to configuration. Throws `FlagError`. */
export function configOf(flags: Flags, files: ConfigFiles): Config {
  const { signingCert, signingKey } = files
  const clusterCidrs = flags['cluster-cidr'].split(',').filter((text) => text !== '')
  const problems = flags['allocate-node-cidrs'] ? nodeCidrProblems(flags, clusterCidrs) : []
  if (problems.length > 0) throw new FlagError(problems.join(', '))
  return {
    clusterCidrs,
    serviceCidrs: flags['service-cluster-ip-range'].split(',').filter((text) => text !== ''),
    allocateNodeCidrs: flags['allocate-node-cidrs'],
    nodeMaskIpv4: nodeMasks(flags).ipv4,
    nodeMaskIpv6: nodeMasks(flags).ipv6,
    rootCa: files.rootCa,
    serviceAccountKey: files.serviceAccountKey,
    signing:
      signingCert === undefined || signingKey === undefined
        ? undefined
        : { cert: signingCert, key: signingKey, durationMs: flags['cluster-signing-duration'] },
    nodeMonitorPeriodMs: flags['node-monitor-period'],
    nodeGracePeriodMs: flags['node-monitor-grace-period'],
    nodeStartupGracePeriodMs: flags['node-startup-grace-period'],
    garbageCollection: flags['enable-garbage-collector'],
    terminatedPodThreshold: flags['terminated-pod-gc-threshold'],
    maxEndpointsPerSlice: flags['max-endpoints-per-slice'],
    autoscalerPeriodMs: flags['horizontal-pod-autoscaler-sync-period'],
    concurrentSyncs: {
      deployment: flags['concurrent-deployment-syncs'],
      replicaset: flags['concurrent-replicaset-syncs'],
      replicationcontroller: flags['concurrent-rc-syncs'],
      statefulset: flags['concurrent-statefulset-syncs'],
      daemonset: flags['concurrent-daemonset-syncs'],
      job: flags['concurrent-job-syncs'],
      cronjob: flags['concurrent-cron-job-syncs'],
      endpoints: flags['concurrent-endpoint-syncs'],
      endpointslice: flags['concurrent-service-endpoint-syncs'],
      namespace: flags['concurrent-namespace-syncs'],
      serviceaccountToken: flags['concurrent-serviceaccount-token-syncs'],
      garbageCollector: flags['concurrent-gc-syncs'],
      resourceQuota: flags['concurrent-resource-quota-syncs'],
      ttlAfterFinished: flags['concurrent-ttl-after-finished-syncs'],
    },
  }
}

/** Whether `--controllers` asks for this one: by name, by `*`, not by `-name`. */
export function isEnabled(name: string, wanted: readonly string[], isOnByDefault: boolean): boolean {
  if (wanted.includes(name)) return true
  if (wanted.includes(`-${name}`)) return false
  return isOnByDefault && wanted.includes('*')
}
