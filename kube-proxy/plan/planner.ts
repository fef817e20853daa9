/**
 * From what the caches hold to the ports that this node serves. What a Service's ports were made from is remembered; a
 * Service for which nothing changed keeps its very objects, so that modes can tell by identity what to render.
 */
import type { Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import type { Family } from '../../netfilter/iptables.ts'
import { type Endpoint, endpointsOf } from '../state/endpoints.ts'
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
  /** All that serve, wherever they are and whether traffic of this node may go there or not. */
  readonly serving: readonly Endpoint[]
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
  #ports: readonly PlannedPort[] = []
  #surroundings = ''

  /** The ports, sorted by key; the same list as before when no port changed. */
  plan(snapshot: Snapshot): readonly PlannedPort[] {
    const surroundings = JSON.stringify([snapshot.family, snapshot.topology])
    const before = surroundings === this.#surroundings ? this.#remembered : new Map<string, Remembered>()
    const next = new Map<string, Remembered>()
    const changed = new Map<string, PlannedPort>()
    let count = 0
    for (const service of snapshot.services) {
      const { uid } = service.metadata
      const known = before.get(uid)
      const planned = planService(service, known, snapshot)
      next.set(uid, planned)
      count += planned.ports.length
      if (planned !== known) for (const port of planned.ports) changed.set(port.key, port)
    }
    const isSettled = before.size === next.size && count === this.#ports.length
    this.#ports = (isSettled ? replaced(this.#ports, changed) : undefined) ?? sortedPorts(next.values())
    this.#remembered = next
    this.#surroundings = surroundings
    return this.#ports
  }
}

/** Puts changed ports in their places; `undefined` when one has no place yet. */
function replaced(
  ports: readonly PlannedPort[],
  changed: ReadonlyMap<string, PlannedPort>,
): readonly PlannedPort[] | undefined {
  if (changed.size === 0) return ports
  let found = 0
  const next = ports.map((port) => {
    const other = changed.get(port.key)
    if (other === undefined) return port
    found += 1
    return other
  })
  return found === changed.size ? next : undefined
}

function sortedPorts(services: Iterable<Remembered>): readonly PlannedPort[] {
  const ports: PlannedPort[] = []
  for (const { ports: own } of services) for (const port of own) ports.push(port)
  return ports.sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0))
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
      serving: endpoints.every(({ isServing }) => isServing)
        ? endpoints
        : endpoints.filter(({ isServing }) => isServing),
      localReady: endpoints.filter(({ isLocal, isReady }) => isLocal && isReady).length,
    }
  })
  return { service, slices, ports }
}

function isSameList<T>(left: readonly T[], right: readonly T[]): boolean {
  return left.length === right.length && left.every((each, index) => each === right[index])
}
