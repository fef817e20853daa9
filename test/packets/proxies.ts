/** kube-proxy's own planning, rendering and writing for all nodes of a testbed, without its informers. */
import { systemClock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { ModeName, ModeSettings, ProxyMode } from '../../kube-proxy/mode.ts'
import { noPolicy } from '../../kube-proxy/mode.ts'
import { createMode } from '../../kube-proxy/modes.ts'
import { nodeStateOf } from '../../kube-proxy/plan/node.ts'
import { Planner } from '../../kube-proxy/plan/planner.ts'
import type { Family } from '../../netfilter/iptables.ts'
import type { ClusterObjects } from './cluster.ts'
import { podCidr } from './layout.ts'
import type { Testbed } from './testbed.ts'

const families: readonly Family[] = ['ip', 'ip6']
const quiet: Logger = { debug: () => {}, info: () => {}, error: () => {} } as unknown as Logger

export const defaultSettings: ModeSettings = {
  masqueradeAll: false,
  masqueradeMark: '0x4000',
  hasLocalhostNodePorts: true,
  dropsInvalid: true,
  seesBridged: true,
}

type NodeProxy = { readonly nodeName: string; readonly mode: ProxyMode; readonly planner: Planner }

/** One proxy for each node and address family. */
export class Proxies {
  readonly #bed: Testbed
  readonly #proxies: readonly NodeProxy[]

  constructor(bed: Testbed, mode: ModeName, settings: ModeSettings = defaultSettings) {
    this.#bed = bed
    this.#proxies = bed.layout.nodes.flatMap(({ name, ips }) =>
      families.map((family) => ({
        nodeName: name,
        planner: new Planner(),
        mode: createMode(mode, {
          family,
          settings,
          hostIps: () => [...ips.IPv4, ...ips.IPv6],
          clock: systemClock,
          logger: quiet,
          namespace: bed.namespace(name),
        }),
      })),
    )
  }

  /** Brings the cluster's Services into all kernels. */
  async sync(objects: ClusterObjects, signal: AbortSignal): Promise<void> {
    await this.#each(async (proxy) => {
      await syncOne(proxy, objects, signal)
    })
  }

  /** Removes all rules. */
  async cleanUp(signal: AbortSignal): Promise<void> {
    await this.#each(async ({ mode }) => await mode.cleanUp(undefined, signal))
  }

  /** Nodes at the same time; the families of a node one after the other, because they share locks. */
  async #each(work: (proxy: NodeProxy) => Promise<void>): Promise<void> {
    await Promise.all(
      this.#bed.layout.nodes.map(async ({ name }) => {
        for (const proxy of this.#proxies) if (proxy.nodeName === name) await work(proxy)
      }),
    )
  }
}

async function syncOne(
  { nodeName, planner, mode }: NodeProxy,
  objects: ClusterObjects,
  signal: AbortSignal,
): Promise<void> {
  const node = nodeStateOf(
    {
      nodeName,
      node: objects.nodes.find(({ metadata }) => metadata.name === nodeName),
      detectLocal: { type: 'source', cidrs: [podCidr.IPv4, podCidr.IPv6] },
      nodePortAddresses: [],
      hostIps: [],
      serviceCidrs: [],
    },
    mode.family,
  )
  const ports = planner.plan({
    family: mode.family,
    services: objects.services,
    slicesOf: ({ metadata }) =>
      objects.slices.filter(({ metadata: { labels } }) => labels?.['kubernetes.io/service-name'] === metadata.name),
    topology: node.topology,
  })
  await mode.sync({ node, ports, policy: noPolicy }, signal)
}
