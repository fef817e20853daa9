/**
 * Leases in the Kubernetes API: a node's subnet is `spec.podCIDR`, given by the
 * controller manager; what flanneld adds stands in the node's annotations.
 */
import { readFile } from 'node:fs/promises'
import type { Node } from '../../api/core/v1.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Client } from '../../client/rest/client.ts'
import { nodes } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { aborted } from '../../component-base/run.ts'
import { formatSubnet, parseIpv4, parseSubnet, type Subnet } from '../ipv4.ts'
import { Latest } from './latest.ts'
import { type Lease, type LeaseAttributes, type SubnetManager, sortLeases } from './lease.ts'

/** What the kube subnet manager needs. */
export type KubeOptions = {
  readonly client: Client
  /** All nodes; its owner runs it. */
  readonly informer: Informer<Node>
  readonly nodeName: string
  readonly netConfigPath: string
  readonly annotationPrefix: string
  readonly setsNetworkUnavailable: boolean
  readonly clock: Clock
  readonly logger: Logger
}

/** Leases kept in node objects. */
export function createKubeSubnetManager(options: KubeOptions): SubnetManager {
  return {
    networkConfig: async () => await readFile(options.netConfigPath, 'utf8'),
    acquire: async (attributes, signal) => await acquire(options, attributes, signal),
    watch: (own, signal) => watch(options, own, signal),
    keep: async (own, signal) => {
      await declareNetworkUp(options, signal)
      await restoreAnnotations(options, own, signal)
    },
  }
}

/** Waits for the node and its podCIDR, then publishes how to reach it. */
async function acquire(options: KubeOptions, attributes: LeaseAttributes, signal: AbortSignal): Promise<Lease> {
  const { informer, nodeName, logger, annotationPrefix } = options
  await informer.whenSynced(signal)
  let isReported = false
  for await (const node of changesOf(options, signal)) {
    const subnet = node === undefined ? undefined : subnetOf(node)
    if (node !== undefined && subnet !== undefined) {
      const overwrite = node.metadata.annotations?.[`${annotationPrefix}/public-ip-overwrite`]
      const lease = { ...attributes, ...(overwrite !== undefined && { publicIp: overwrite }), subnet }
      await publish(options, lease, signal)
      return lease
    }
    if (!isReported)
      logger.info('Waiting for the node to get a pod CIDR', { node: nodeName, exists: node !== undefined })
    isReported = true
  }
  throw signal.reason
}

async function* changesOf({ informer, nodeName }: KubeOptions, signal: AbortSignal): AsyncGenerator<Node | undefined> {
  const latest = new Latest<Node | undefined>()
  latest.set(informer.get(nodeName))
  informer.onChange(({ type, object }) => {
    if (object.metadata.name === nodeName) latest.set(type === 'deleted' ? undefined : object)
  })
  yield* latest.values(signal)
}

/** The subnet of a node; `undefined` until one is assigned. */
export function subnetOf(node: Node): Subnet | undefined {
  const texts = [...(node.spec?.podCIDRs ?? []), node.spec?.podCIDR ?? '']
  return texts.map(parseSubnet).find((subnet) => subnet !== undefined)
}

/** The annotations by which other hosts learn this one's attributes. */
export function annotationsOf(prefix: string, attributes: LeaseAttributes): Readonly<Record<string, string>> {
  return {
    [`${prefix}/backend-data`]: JSON.stringify(attributes.backendData ?? null),
    [`${prefix}/backend-type`]: attributes.backendType,
    [`${prefix}/public-ip`]: attributes.publicIp,
    [`${prefix}/kube-subnet-manager`]: 'true',
  }
}

/** The lease that a node's annotations tell of; `undefined` when flanneld has not been there. */
export function leaseOf(prefix: string, node: Node): Lease | undefined {
  const annotations = node.metadata.annotations ?? {}
  const subnet = subnetOf(node)
  const publicIp = annotations[`${prefix}/public-ip-overwrite`] ?? annotations[`${prefix}/public-ip`] ?? ''
  if (annotations[`${prefix}/kube-subnet-manager`] !== 'true' || subnet === undefined) return undefined
  if (parseIpv4(publicIp) === undefined) return undefined
  const backendData = parseJson(annotations[`${prefix}/backend-data`] ?? 'null')
  return { subnet, publicIp, backendType: annotations[`${prefix}/backend-type`] ?? '', backendData }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Writes the annotations unless they stand already. Through the status, which is all that upstream's role allows. */
async function publish(options: KubeOptions, lease: Lease, signal: AbortSignal): Promise<void> {
  const { client, informer, nodeName, annotationPrefix } = options
  const wanted = annotationsOf(annotationPrefix, lease)
  const present = informer.get(nodeName)?.metadata.annotations ?? {}
  if (Object.entries(wanted).every(([name, value]) => present[name] === value)) return
  const body = { metadata: { annotations: wanted } }
  await client.patch(nodes, { name: nodeName }, { type: 'strategic', body, subresource: 'status' }, signal)
}

/** The condition that lets the scheduler use this node. */
async function declareNetworkUp(options: KubeOptions, signal: AbortSignal): Promise<void> {
  if (!options.setsNetworkUnavailable) return
  const { client, clock, nodeName } = options
  const now = formatTime(clock.now())
  const condition = {
    type: 'NetworkUnavailable',
    status: 'False',
    reason: 'FlannelIsUp',
    message: 'Flannel is running on this node',
    lastTransitionTime: now,
    lastHeartbeatTime: now,
  }
  const body = { status: { conditions: [condition] } }
  await client.patch(nodes, { name: nodeName }, { type: 'strategic', body, subresource: 'status' }, signal)
}

/** A node that was deleted and registered anew has lost annotations and condition: put them back. */
async function restoreAnnotations(options: KubeOptions, own: Lease, signal: AbortSignal): Promise<void> {
  const { logger, annotationPrefix } = options
  let uid = options.informer.get(options.nodeName)?.metadata.uid
  for await (const node of changesOf(options, signal)) {
    if (node === undefined) continue
    const subnet = subnetOf(node)
    if (subnet !== undefined && formatSubnet(subnet) !== formatSubnet(own.subnet)) {
      throw new Error(`the node's pod CIDR changed from ${formatSubnet(own.subnet)} to ${formatSubnet(subnet)}`)
    }
    if (leaseOf(annotationPrefix, node)?.publicIp === own.publicIp && node.metadata.uid === uid) continue
    try {
      await publish(options, own, signal)
      if (node.metadata.uid !== uid) await declareNetworkUp(options, signal)
      uid = node.metadata.uid
    } catch (error) {
      if (signal.aborted) break
      logger.error('Could not publish the lease again', { error })
    }
  }
  await aborted(signal)
}

async function* watch(options: KubeOptions, own: Lease, signal: AbortSignal): AsyncGenerator<readonly Lease[]> {
  const { informer, annotationPrefix } = options
  const latest = new Latest<true>()
  await informer.whenSynced(signal)
  informer.onChange(() => latest.set(true))
  latest.set(true)
  let last = ''
  for await (const _ of latest.values(signal)) {
    const all = informer.list().flatMap((node) => leaseOf(annotationPrefix, node) ?? [])
    const others = sortLeases(all.filter(({ subnet }) => formatSubnet(subnet) !== formatSubnet(own.subnet)))
    const text = JSON.stringify(others)
    if (text === last) continue
    last = text
    yield others
  }
}
