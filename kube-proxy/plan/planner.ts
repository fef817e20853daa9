/**
 * From what the caches hold to the rules of the node. What a Service's rules were made from is remembered; a Service for
 * which nothing changed keeps its very block, and costs neither rendering nor comparing.
 */
import type { Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import type { Block, Blocks } from '../../netfilter/ruleset.ts'
import { renderBase } from '../render/base.ts'
import type { RenderOptions } from '../render/options.ts'
import { type RenderedPort, renderPort } from '../render/service.ts'
import { type Endpoint, endpointsOf } from '../state/endpoints.ts'
import { type ServicePort, servicePortsOf } from '../state/service-port.ts'
import { categorize, type Topology } from './categorize.ts'

export type Snapshot = {
  readonly services: readonly Service[]
  readonly slicesOf: (service: Service) => readonly EndpointSlice[]
  readonly topology: Topology
  readonly options: RenderOptions
}

/** A port with what was rendered for it. */
export type PlannedPort = {
  readonly port: ServicePort
  readonly rendered: RenderedPort
  /** Where traffic may go to. */
  readonly reachable: readonly Endpoint[]
  /** Ready endpoints on this node, for load balancers that ask. */
  readonly localReady: number
}
export type Plan = { readonly blocks: Blocks; readonly ports: readonly PlannedPort[] }

type Remembered = {
  readonly service: Service
  readonly slices: readonly EndpointSlice[]
  readonly ports: readonly PlannedPort[]
}

/** Id of the block with the shared chains; Service ports have their own id and protocol. */
const baseId = ''

/** Plans the whole node, cheaply when little has changed since the last call. */
export class Planner {
  #remembered = new Map<string, Remembered>()
  #surroundings = ''

  plan(snapshot: Snapshot): Plan {
    const surroundings = JSON.stringify([snapshot.topology, snapshot.options])
    const before = surroundings === this.#surroundings ? this.#remembered : new Map<string, Remembered>()
    const next = new Map<string, Remembered>()
    const ports: PlannedPort[] = []
    for (const service of snapshot.services) {
      const planned = this.#planService(service, before.get(service.metadata.uid), snapshot)
      next.set(service.metadata.uid, planned)
      for (const port of planned.ports) ports.push(port)
    }
    this.#remembered = next
    this.#surroundings = surroundings
    return { blocks: toBlocks(ports, snapshot.options), ports }
  }

  #planService(service: Service, before: Remembered | undefined, snapshot: Snapshot): Remembered {
    const slices = snapshot.slicesOf(service)
    if (before?.service === service && isSameList(before.slices, slices)) return before
    const { family } = snapshot.options
    const { nodeName } = snapshot.topology
    const ports = servicePortsOf(service, family).map((port): PlannedPort => {
      const endpoints = endpointsOf(port, slices, { family, nodeName })
      const categories = categorize(port, endpoints, snapshot.topology)
      return {
        port,
        rendered: renderPort(port, categories, snapshot.options),
        reachable: categories.reachable,
        localReady: endpoints.filter(({ isLocal, isReady }) => isLocal && isReady).length,
      }
    })
    return { service, slices, ports }
  }
}

function toBlocks(ports: readonly PlannedPort[], options: RenderOptions): Blocks {
  const sorted = ports.toSorted((left, right) => (idOf(left) < idOf(right) ? -1 : 1))
  const blocks = new Map<string, Block>([
    [
      baseId,
      renderBase(
        sorted.map(({ rendered }) => rendered),
        options,
      ),
    ],
  ])
  for (const planned of sorted) blocks.set(idOf(planned), planned.rendered.block)
  return blocks
}

function idOf({ port }: PlannedPort): string {
  return `${port.id}/${port.protocol}`
}

function isSameList<T>(left: readonly T[], right: readonly T[]): boolean {
  return left.length === right.length && left.every((each, index) => each === right[index])
}
