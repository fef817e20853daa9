/** kube-proxy's own planning, rendering and writing for all nodes of a testbed, without its informers. */
import { systemClock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { ModeName, ModeSettings, ProxyMode } from '../../kube-proxy/mode.ts'
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

export type ProxiesOptions = {
  readonly settings?: ModeSettings
  /** One proxy in place of all. */
  readonly only?: { readonly node: string; readonly family: Family }
}

/** One proxy for each node and address family. */
export class Proxies {
  readonly #bed: Testbed
  readonly #proxies: readonly NodeProxy[]

  constructor(bed: Testbed, mode: ModeName, options: ProxiesOptions = {}) {
    const { settings = defaultSettings, only } = options
    this.#bed = bed
    const nodes = bed.layout.nodes.filter(({ name }) => only === undefined || name === only.node)
    this.#proxies = nodes.flatMap(({ name, ips }) =>
      (only === undefined ? families : [only.family]).map((family) => ({
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

  /** Brings the cluster's Services into all kernels; how many lines that took. */
  async sync(objects: ClusterObjects, signal: AbortSignal): Promise<number> {
    return (await this.#each(async (proxy) => await syncOne(proxy, objects, signal))).reduce(
      (sum, lines) => sum + lines,
      0,
    )
  }

  /** As after somebody has changed the kernel. */
  async forgetAndSync(objects: ClusterObjects, signal: AbortSignal): Promise<void> {
    for (const { mode } of this.#proxies) mode.forget()
    await this.sync(objects, signal)
  }

  /** Whether any kernel was changed by somebody else. */
  async isDisturbed(signal: AbortSignal): Promise<boolean> {
    return (await this.#each(async ({ mode }) => await mode.isDisturbed(signal))).includes(true)
  }

  /** Why the mode cannot work, as its first proxy sees it. */
  async obstacle(signal: AbortSignal): Promise<string | undefined> {
    return await this.#proxies[0]?.mode.obstacle(signal)
  }

  /** Removes all rules, but what the mode `next`, which has taken over, shares; `false` when connections still need some. */
  async cleanUp(signal: AbortSignal, next?: ModeName): Promise<boolean> {
    return !(await this.#each(async ({ mode }) => await mode.cleanUp(next, signal))).includes(false)
  }

  /** Nodes at the same time; the families of a node one after the other, because they share locks. */
  async #each<T>(work: (proxy: NodeProxy) => Promise<T>): Promise<readonly T[]> {
    const ofNodes = await Promise.all(
      this.#bed.layout.nodes.map(async ({ name }) => {
        const results: T[] = []
        for (const proxy of this.#proxies) if (proxy.nodeName === name) results.push(await work(proxy))
        return results
      }),
    )
    return ofNodes.flat()
  }
}

async function syncOne(
  { nodeName, planner, mode }: NodeProxy,
  objects: ClusterObjects,
  signal: AbortSignal,
): Promise<number> {
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
  return (await mode.sync({ node, ports }, signal)).lines
}
