/**
 * Leases in the Kubernetes API: a node's subnets are `spec.podCIDRs`, given by the
 * controller manager; what flanneld adds stands in the node's annotations.
 */
import { readFile } from 'node:fs/promises'
import type { Node } from '../../api/core/v1.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Client } from '../../client/rest/client.ts'
import { nodes } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import { covers, formatSubnet } from '../../component-base/ip-address.ts'
import type { Logger } from '../../component-base/logger.ts'
import { aborted } from '../../component-base/run.ts'
import { type NetworkConfig, parseNetworkConfig } from '../config.ts'
import { type Family, families, familiesOf, type PerFamily, perFamily } from '../family.ts'
import { ConfigError } from '../json-fields.ts'
import { type AnnotationNames, annotationsOf, leaseOf, podSubnets } from './annotations.ts'
import { Latest } from './latest.ts'
import {
  describeSubnets,
  hasSameSubnets,
  type Lease,
  type LeaseAttributes,
  type SubnetManager,
  sortLeases,
} from './lease.ts'

/** What the kube subnet manager needs. */
export type KubeOptions = {
  readonly client: Client
  /** All nodes; its owner runs it. */
  readonly informer: Informer<Node>
  readonly nodeName: string
  readonly netConfigPath: string
  readonly names: AnnotationNames
  readonly setsNetworkUnavailable: boolean
  readonly clock: Clock
  readonly logger: Logger
}

/** Leases kept in node objects. */
export function createKubeSubnetManager(options: KubeOptions): SubnetManager {
  const config = async (): Promise<NetworkConfig> => await readConfig(options.netConfigPath)
  return {
    networkConfig: config,
    givenAddresses: async (signal) => await givenAddresses(options, signal),
    acquire: async (attributes, signal) => await acquire(options, await config(), attributes, signal),
    watch: (own, signal) => watch(options, own, signal),
    keep: async (own, signal) => {
      await untilDeclared(options, signal)
      await restoreAnnotations(options, own, signal)
    },
  }
}

async function readConfig(path: string): Promise<NetworkConfig> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new ConfigError(`failed to read net conf: ${error instanceof Error ? error.message : String(error)}`)
  })
  try {
    return parseNetworkConfig(text)
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(`error parsing subnet config: ${error.message}`)
    throw error
  }
}

async function givenAddresses(options: KubeOptions, signal: AbortSignal): Promise<PerFamily<string>> {
  const { informer, nodeName, names } = options
  await informer.whenSynced(signal)
  const annotations = informer.get(nodeName)?.metadata.annotations ?? {}
  return perFamily(families, (family) => annotations[names[family].given] || undefined)
}

/** Waits for the node and its pod CIDRs, then publishes how to reach it. */
async function acquire(
  options: KubeOptions,
  config: NetworkConfig,
  attributes: LeaseAttributes,
  signal: AbortSignal,
): Promise<Lease> {
  const { informer, nodeName, logger } = options
  await informer.whenSynced(signal)
  let isReported = false
  for await (const node of changesOf(options, signal)) {
    const lease = node === undefined ? undefined : ownLease(config, attributes, node)
    if (lease !== undefined) {
      await untilPublished(options, lease, signal)
      return lease
    }
    if (!isReported) logger.info(`node "${nodeName}" pod cidr not assigned: waiting`, { exists: node !== undefined })
    isReported = true
  }
  throw signal.reason
}

/** This host's lease by its node; `undefined` while it has no pod CIDR. */
function ownLease(config: NetworkConfig, attributes: LeaseAttributes, node: Node): Lease | undefined {
  const subnets = podSubnets(node)
  if (familiesOf(subnets).length === 0) return undefined
  const { name } = node.metadata
  const halfOf = (family: Family): Lease['ipv4'] => {
    const [reach, network, subnet] = [attributes[family], config.networks[family], subnets[family]]
    if (reach === undefined || network === undefined) return undefined
    const label = family === 'ipv4' ? 'PodCIDR' : 'IPv6 PodCIDR'
    if (subnet === undefined) throw new ConfigError(`${family} is enabled, but node "${name}" has no ${label}`)
    if (covers(network, subnet)) return { ...reach, subnet }
    const [all, own] = [formatSubnet(network), formatSubnet(subnet)]
    throw new ConfigError(
      `subnet "${all}" specified in the flannel net config doesn't contain "${own}" ${label} of the "${name}" node`,
    )
  }
  return { ...perFamily(families, halfOf), backendType: attributes.backendType }
}

async function* changesOf({ informer, nodeName }: KubeOptions, signal: AbortSignal): AsyncGenerator<Node | undefined> {
  const latest = new Latest<Node | undefined>()
  latest.set(informer.get(nodeName))
  informer.onChange(({ type, object }) => {
    if (object.metadata.name === nodeName) latest.set(type === 'deleted' ? undefined : object)
  })
  yield* latest.values(signal)
}

/** Writes the annotations unless they stand already. Through the status, which is all that upstream's role allows. */
async function publish(options: KubeOptions, lease: Lease, signal: AbortSignal): Promise<void> {
  const { client, informer, nodeName, names } = options
  const present = informer.get(nodeName)?.metadata.annotations ?? {}
  const wanted = annotationsOf(names, lease, present)
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

/** An API server that is away for a moment must not end the network. */
const retryMs = 3_000

async function untilPublished(options: KubeOptions, lease: Lease, signal: AbortSignal): Promise<void> {
  await untilDone(options, 'Could not publish the lease', async () => await publish(options, lease, signal), signal)
}

async function untilDeclared(options: KubeOptions, signal: AbortSignal): Promise<void> {
  await untilDone(options, 'Could not set NetworkUnavailable', () => declareNetworkUp(options, signal), signal)
}

async function untilDone(
  { clock, logger }: KubeOptions,
  message: string,
  attempt: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await attempt()
      return
    } catch (error) {
      if (signal.aborted) throw error
      logger.error(message, { error })
    }
    await clock.sleep(retryMs, signal)
  }
}

/** A node that was deleted and registered anew has lost annotations and condition: put them back. */
async function restoreAnnotations(options: KubeOptions, own: Lease, signal: AbortSignal): Promise<void> {
  let uid = options.informer.get(options.nodeName)?.metadata.uid
  for await (const node of changesOf(options, signal)) {
    if (node === undefined) continue
    const subnets = podSubnets(node)
    const now = perFamily(familiesOf(own), (family) => {
      const [reach, subnet] = [own[family], subnets[family]]
      return reach === undefined || subnet === undefined ? undefined : { ...reach, subnet }
    })
    if (familiesOf(now).length > 0 && !hasSameSubnets({ ...now, backendType: '' }, own)) {
      throw new Error(`the node's pod CIDR changed from ${describeSubnets(own)} to ${describeSubnets(now)}`)
    }
    await untilPublished(options, own, signal)
    if (node.metadata.uid !== uid) await untilDeclared(options, signal)
    uid = node.metadata.uid
  }
  await aborted(signal)
}

async function* watch(options: KubeOptions, own: Lease, signal: AbortSignal): AsyncGenerator<readonly Lease[]> {
  const { informer, names, nodeName } = options
  const latest = new Latest<true>()
  await informer.whenSynced(signal)
  informer.onChange(() => latest.set(true))
  latest.set(true)
  let last: string | undefined
  for await (const _ of latest.values(signal)) {
    const others = informer.list().filter(({ metadata }) => metadata.name !== nodeName)
    const leases = sortLeases(others.flatMap((node) => leaseOf(names, familiesOf(own), node) ?? []))
    const text = leases.map(describe).join('\n')
    if (text === last) continue
    last = text
    yield leases
  }
}

/** Equal texts for equal leases; subnets hold bigints, which JSON cannot write. */
function describe(lease: Lease): string {
  const reach = familiesOf(lease).map((family) => [lease[family]?.publicIp, lease[family]?.backendData])
  return JSON.stringify([describeSubnets(lease), lease.backendType, reach])
}
