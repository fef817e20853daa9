/**
 * From what the caches hold to the ports that this node serves. What a Service's ports were made from is remembered; a
 * Service for which nothing changed keeps its very objects, so that modes can tell by identity what to render.
 */
import type { Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import type { Family } from '../../netfilter/iptables.ts'
import { endpointsOf } from '../state/endpoints.ts'
import { type ServicePort, servicePortsOf } from '../state/service-port.ts'
import { type Categories, categorize, type Topology } from './categorize.ts'

export type Snapshot = {
  readonly family: Family
  readonly services: readonly Service[]
  readonly slicesOf: (service: Service) => readonly EndpointSlice[]
  readonly topology: Topology
}

/** A port with the endpoints that its traffic may go to. */
export type PlannedPort = {
  /** Unique on the node: id and protocol. */
  readonly key: string
  readonly port: ServicePort
  readonly endpoints: Categories
  /** Ready endpoints on this node, for load balancers that ask. */
  readonly localReady: number
}

type Remembered = {
  readonly service: Service
  readonly slices: readonly EndpointSlice[]
  readonly ports: readonly PlannedPort[]
}

/** Plans the ports of one family, cheaply when little has changed since the last call. */
export class Planner {
  #remembered = new Map<string, Remembered>()
  #surroundings = ''

  /** The ports, sorted by key. */
  plan(snapshot: Snapshot): readonly PlannedPort[] {
    const surroundings = JSON.stringify([snapshot.family, snapshot.topology])
    const before = surroundings === this.#surroundings ? this.#remembered : new Map<string, Remembered>()
    const next = new Map<string, Remembered>()
    const ports: PlannedPort[] = []
    for (const service of snapshot.services) {
      const planned = planService(service, before.get(service.metadata.uid), snapshot)
      next.set(service.metadata.uid, planned)
      for (const port of planned.ports) ports.push(port)
    }
    this.#remembered = next
    this.#surroundings = surroundings
    return ports.sort((left, right) => (left.key < right.key ? -1 : 1))
  }
}

function planService(service: Service, before: Remembered | undefined, snapshot: Snapshot): Remembered {
  const slices = snapshot.slicesOf(service)
  if (before?.service === service && isSameList(before.slices, slices)) return before
  const { family, topology } = snapshot
  const ports = servicePortsOf(service, family).map((port): PlannedPort => {
    const endpoints = endpointsOf(port, slices, { family, nodeName: topology.nodeName })
    return {
      key: `${port.id}/${port.protocol}`,
      port,
      endpoints: categorize(port, endpoints, topology),
      localReady: endpoints.filter(({ isLocal, isReady }) => isLocal && isReady).length,
    }
  })
  return { service, slices, ports }
}

function isSameList<T>(left: readonly T[], right: readonly T[]): boolean {
  return left.length === right.length && left.every((each, index) => each === right[index])
}
