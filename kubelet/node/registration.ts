/** The Node object: made at the first start, its status computed every ten seconds and written when it changed. */
import { isDeepStrictEqual } from 'node:util'
import type { Node, NodeStatus } from '../../api/core/v1.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Client } from '../../client/rest/client.ts'
import { nodes } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import { linkSignals } from '../../component-base/linked-signal.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Config } from '../config.ts'

export type NodeStatusOptions = {
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Config
  readonly architecture: string
  /** The status as it should be; `before` carries the times of conditions. */
  readonly compute: (before: NodeStatus, signal: AbortSignal) => Promise<NodeStatus>
  readonly onNode: (node: Node) => void
  /** Resolves early when something changed that must be told at once. */
  readonly changed: (signal: AbortSignal) => Promise<void>
}

const retryMs = 1000

/** Labels that say what the node is. */
export function nodeLabels(name: string, architecture: string): Readonly<Record<string, string>> {
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
  }
}

/** Registers, then keeps the status until `signal` aborts. */
export async function keepNodeStatus(options: NodeStatusOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, config } = options
  let writtenAtMs = 0
  while (!signal.aborted) {
    try {
      const node = await ensureNode(options, signal)
      options.onNode(node)
      const status = await options.compute(node.status, signal)
      const isDue = clock.now() - writtenAtMs >= config.statusReportMs
      if (isDue || !isSameStatus(node.status, status)) {
        const body = { status }
        const patch = { type: 'strategic', subresource: 'status', body } as const
        options.onNode(await options.client.patch(nodes, { name: config.nodeName }, patch, signal))
        writtenAtMs = clock.now()
      }
      await pause(options, config.statusUpdateMs, signal)
    } catch (error) {
      if (signal.aborted) break
      logger.info('Node status was not written', { error })
      await clock.sleep(retryMs, signal)
    }
  }
  signal.throwIfAborted()
}

async function pause({ changed }: NodeStatusOptions, ms: number, signal: AbortSignal): Promise<void> {
  const { signal: stop, unlink } = linkSignals([signal], ms)
  await changed(stop)
  unlink()
  signal.throwIfAborted()
}

async function ensureNode(options: NodeStatusOptions, signal: AbortSignal): Promise<Node> {
  const { client, config } = options
  try {
    const node = await client.get(nodes, { name: config.nodeName }, signal)
    return await keepLabels(options, node, signal)
  } catch (error) {
    if (!hasReason(error, 'NotFound') || !config.registerNode) throw error
  }
  try {
    return await client.create(nodes, newNode(options), signal)
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error
    return await client.get(nodes, { name: config.nodeName }, signal)
  }
}

/** A node that was registered by an older kubelet gets the labels it lacks. */
async function keepLabels({ client, config, architecture }: NodeStatusOptions, node: Node, signal: AbortSignal) {
  const wanted = nodeLabels(config.nodeName, architecture)
  const missing = Object.entries(wanted).filter(([key, value]) => node.metadata.labels?.[key] !== value)
  if (missing.length === 0) return node
  const body = { metadata: { labels: Object.fromEntries(missing) } }
  return await client.patch(nodes, { name: config.nodeName }, { type: 'merge', body }, signal)
}

function newNode({ config, architecture }: NodeStatusOptions) {
  return {
    apiVersion: 'v1' as const,
    kind: 'Node' as const,
    metadata: {
      name: config.nodeName,
      labels: { ...nodeLabels(config.nodeName, architecture), ...config.nodeLabels },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: {
      ...(config.providerId === '' ? {} : { providerID: config.providerId }),
      ...(config.registerWithTaints.length === 0 ? {} : { taints: config.registerWithTaints }),
    },
  }
}

/** Heartbeat times alone are no change. */
export function isSameStatus(before: NodeStatus, after: NodeStatus): boolean {
  const plain = (status: NodeStatus) => ({
    ...status,
    conditions: (status.conditions ?? [])
      .map(({ lastHeartbeatTime: _, ...condition }) => condition)
      .toSorted((a, b) => (a.type < b.type ? -1 : 1)),
  })
  const old: Record<string, unknown> = plain(before)
  // Only what we write counts; other fields belong to others.
  return Object.entries(plain(after)).every(([key, value]) => isDeepStrictEqual(old[key], value))
}
