/** Which plugins run, in which order, and how much each score counts. */
import { imageLocality } from '../plugins/image-locality.ts'
import { interPodAffinity } from '../plugins/inter-pod-affinity.ts'
import { nodeAffinity } from '../plugins/node-affinity.ts'
import { nodeName } from '../plugins/node-name.ts'
import { nodePorts } from '../plugins/node-ports.ts'
import { nodeResourcesBalancedAllocation } from '../plugins/node-resources-balanced-allocation.ts'
import { nodeResourcesFit } from '../plugins/node-resources-fit.ts'
import { nodeUnschedulable } from '../plugins/node-unschedulable.ts'
import { podTopologySpread } from '../plugins/pod-topology-spread.ts'
import { taintToleration } from '../plugins/taint-toleration.ts'
import { volumeBinding } from '../plugins/volume-binding.ts'
import { volumeRestrictions } from '../plugins/volume-restrictions.ts'
import type { Plugin } from './plugin.ts'

export type Profile = {
  readonly schedulerName: string
  /** In this order: a node is turned down by the first plugin that objects. */
  readonly filters: readonly Plugin[]
  readonly scores: readonly WeightedPlugin[]
  /** 0: adapt to the size of the cluster. */
  readonly percentageOfNodesToScore: number
  /** Whether pods may be evicted to make room. */
  readonly isPreempting: boolean
}
export type WeightedPlugin = { readonly plugin: Plugin; readonly weight: number }

/** Upstream's default plugins with their weights. */
export const defaultPlugins: readonly WeightedPlugin[] = [
  { plugin: nodeUnschedulable, weight: 0 },
  { plugin: nodeName, weight: 0 },
  { plugin: taintToleration, weight: 3 },
  { plugin: nodeAffinity, weight: 2 },
  { plugin: nodePorts, weight: 0 },
  { plugin: nodeResourcesFit, weight: 1 },
  { plugin: volumeRestrictions, weight: 0 },
  { plugin: volumeBinding, weight: 0 },
  { plugin: podTopologySpread, weight: 2 },
  { plugin: interPodAffinity, weight: 2 },
  { plugin: nodeResourcesBalancedAllocation, weight: 1 },
  { plugin: imageLocality, weight: 1 },
]

/** The profile that serves pods with `schedulerName: default-scheduler`. */
export const defaultProfile: Profile = {
  schedulerName: 'default-scheduler',
  filters: defaultPlugins.map(({ plugin }) => plugin),
  scores: defaultPlugins.filter(({ plugin }) => plugin.score !== undefined),
  percentageOfNodesToScore: 0,
  isPreempting: true,
}
