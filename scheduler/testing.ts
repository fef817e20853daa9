/** Small clusters for tests: nodes and pods from a few words. */
import type { Node, Pod, PodSpec } from '../api/core/v1.ts'
import { ClusterCache } from './cache/cluster-cache.ts'
import { createPodInfo, type PodInfo } from './cache/pod-info.ts'
import type { Listers } from './cache/snapshot.ts'
import { type DecideInput, decide } from './framework/decide.ts'
import { formatFitError } from './framework/fit-error.ts'
import { NodeMemory } from './framework/node-memory.ts'
import { defaultProfile } from './framework/profile.ts'
import { Nominator } from './queue/nominator.ts'

type Labels = Readonly<Record<string, string>>
export type PodOptions = {
  readonly name: string
  readonly namespace?: string
  readonly labels?: Labels
  readonly cpu?: string
  readonly memory?: string
  readonly priority?: number
  readonly nodeName?: string
  readonly spec?: Partial<PodSpec>
  readonly status?: Pod['status']
  readonly deletionTimestamp?: string
}
export type NodeOptions = {
  readonly name: string
  readonly labels?: Labels
  readonly cpu?: string
  readonly memory?: string
  readonly pods?: string
  readonly resources?: Readonly<Record<string, string>>
  readonly taints?: NonNullable<Node['spec']>['taints']
  readonly unschedulable?: boolean
  readonly images?: NonNullable<Node['status']>['images']
}

export const noListers: Listers = {
  namespaceLabels: () => ({}),
  claim: () => undefined,
  volume: () => undefined,
  volumes: () => [],
  storageClass: () => undefined,
  disruptionBudgets: () => [],
  workloadSelectors: () => [],
}

/** A pod with one container. */
export function makePod(options: PodOptions): Pod {
  const {
    name,
    namespace = 'default',
    labels,
    cpu,
    memory,
    priority,
    nodeName,
    spec,
    status,
    deletionTimestamp,
  } = options
  const requests = { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: `${namespace}/${name}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(labels === undefined ? {} : { labels }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    spec: {
      containers: [{ name: 'main', image: 'app', resources: { requests } }],
      schedulerName: 'default-scheduler',
      ...(priority === undefined ? {} : { priority }),
      ...(nodeName === undefined ? {} : { nodeName }),
      ...spec,
    },
    status: status ?? {},
  } as Pod
}

/** A node with room for 4 CPU, 8 GiB and 110 pods unless told otherwise. */
export function makeNode(options: NodeOptions): Node {
  const { name, labels, cpu = '4', memory = '8Gi', pods = '110', resources, taints, unschedulable, images } = options
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: name,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { 'kubernetes.io/hostname': name, ...labels },
    },
    spec: { ...(taints === undefined ? {} : { taints }), ...(unschedulable === undefined ? {} : { unschedulable }) },
    status: { allocatable: { cpu, memory, pods, ...resources }, ...(images === undefined ? {} : { images }) },
  } as unknown as Node
}

export type ClusterOptions = {
  readonly nodes: readonly NodeOptions[]
  readonly pods?: readonly PodOptions[]
  readonly listers?: Partial<Listers>
}

/** A cluster that decisions can be made on. */
export function makeCluster({ nodes, pods = [], listers = {} }: ClusterOptions) {
  const cache = new ClusterCache()
  const nominator = new Nominator()
  const memory = new NodeMemory()
  for (const node of nodes) cache.setNode(makeNode(node))
  for (const pod of pods) cache.setPod(createPodInfo(makePod(pod)), pod.nodeName ?? '')
  const inputFor = (pod: PodInfo): DecideInput => ({
    pod,
    profile: defaultProfile,
    snapshot: cache.snapshot({ ...noListers, ...listers }),
    startIndex: 0,
    nominatedPods: (nodeName) => nominator.on(nodeName),
    random: () => 0.5,
    memory,
  })
  const podInfo = (pod: PodOptions): PodInfo => createPodInfo(makePod(pod))
  return {
    cache,
    nominator,
    inputFor,
    podInfo,
    /** The name of the chosen node, or the message of the failure. */
    schedule: (pod: PodOptions): string => {
      const decision = decide(inputFor(podInfo(pod)))
      return decision.type === 'scheduled' ? decision.node.name : formatFitError(decision.diagnosis)
    },
  }
}
