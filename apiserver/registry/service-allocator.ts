/**
 * Fills in what the server gives a Service: address families, cluster IPs, node ports, the health-check port. Runs as the
 * last mutating admission plugin, where upstream's registry does it too: after admission, before validation.
 */
import { keepAllocated, mirrorClusterIp, needsClusterIp, needsHealthPort } from '../../api/core/service-allocated.ts'
import type { Service, ServicePort, ServiceSpec } from '../../api/core/v1.ts'
import { goQuote, invalidValue } from '../../apimachinery/field-errors.ts'
import { invalid, type StatusCause, StatusError } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../admission/admission.ts'
import { asApiObject, isAbout, newObject, oldObject, unchanged } from '../admission/request.ts'
import type { NodePortAllocator } from './node-port-allocator.ts'
import type { ObjectReader } from './reader.ts'
import type { ServiceCidrAllocator } from './service-cidrs.ts'
import type { ServiceClaims, ServiceName } from './service-claims.ts'
import { isSettled, withIpFamilies } from './service-families-allocator.ts'
import { type Holdings, holdingsOf, isNothing, nothing, without } from './service-holdings.ts'
import { kinds, readAll } from './typed-reader.ts'

export type ServiceAllocatorOptions = {
  readonly reader: ObjectReader
  readonly clusterIps: ServiceCidrAllocator
  readonly nodePorts: NodePortAllocator
  readonly clock: Clock
  /** Claims in the store what is given out; absent where nobody else gives out anything. */
  readonly claims?: ServiceClaims
  readonly onError?: (error: unknown) => void
}

/** The plugin. A dry run is given values that stay free. */
export function serviceAllocation(options: ServiceAllocatorOptions): AdmissionPlugin {
  const writes = new ClaimedWrites(options)
  return {
    name: 'ServiceAllocation',
    afterwards: true,
    concerns: (request) => isAbout(request, kinds.services),
    mutate: async (request, signal) => {
      const service = newObject(request, kinds.services)
      if (service === undefined || request.operation === 'DELETE') return unchanged(request)
      const holder = `${request.namespace}/${service.metadata.name}`
      try {
        const old = oldObject(request, kinds.services)
        if (request.dryRun) {
          const shown = allocate(options, holder, service, old, nothing)
          releaseAll(options, holder)
          return asApiObject(shown)
        }
        return asApiObject(await allocateAndClaim(options, writes, request, service, old, signal))
      } catch (error) {
        releaseAll(options, holder)
        throw error
      }
    },
    settled: async (request, outcome) => {
      const holder = `${request.namespace}/${request.object?.metadata.name ?? request.name}`
      if (outcome === 'failed' || request.dryRun || request.operation === 'DELETE') releaseAll(options, holder)
      else settleAll(options, holder)
      await writes.settled(request, outcome)
    },
  }
}

function releaseAll({ clusterIps, nodePorts }: ServiceAllocatorOptions, holder: string): void {
  clusterIps.release(holder)
  nodePorts.release(holder)
}

function settleAll({ clusterIps, nodePorts, clock }: ServiceAllocatorOptions, holder: string): void {
  clusterIps.settle(holder, clock.now())
  nodePorts.settle(holder, clock.now())
}

/** How often what looked free may turn out to be another server's. */
const maxClaims = 50

/** Gives out what looks free and claims it in the store; what others have meanwhile is not offered again. */
async function allocateAndClaim(
  options: ServiceAllocatorOptions,
  writes: ClaimedWrites,
  request: AdmissionRequest,
  service: Service,
  old: Service | undefined,
  signal: AbortSignal,
): Promise<Service> {
  const owner = { namespace: request.namespace, name: service.metadata.name }
  const holder = `${owner.namespace}/${owner.name}`
  let elsewhere = nothing
  let isFresh = options.claims === undefined
  for (let attempt = 1; attempt <= maxClaims; attempt++) {
    let allocated: Service
    try {
      allocated = allocate(options, holder, service, old, elsewhere)
    } catch (error) {
      releaseAll(options, holder)
      if (isFresh) throw error
      // What seems taken may be free by now: another server's deletion shows a moment later.
      isFresh = true
      await catchUp(options)
      continue
    }
    const before = old === undefined ? nothing : holdingsOf(old)
    const claimed = without(holdingsOf(allocated), before)
    const lost =
      options.claims === undefined || isNothing(claimed) ? nothing : await options.claims.claim(owner, claimed, signal)
    if (isNothing(lost)) {
      const dropped = isGone(allocated) ? before : without(before, holdingsOf(allocated))
      writes.note(request, { owner, claimed, dropped })
      return allocated
    }
    releaseAll(options, holder)
    elsewhere = {
      addresses: [...elsewhere.addresses, ...lost.addresses],
      ports: [...elsewhere.ports, ...lost.ports],
    }
  }
  throw internalError('other API servers take addresses and ports too quickly')
}

/** Waits until the cache is current, and lets go of what was only remembered until it is. */
async function catchUp({ claims, clusterIps, nodePorts, clock }: ServiceAllocatorOptions): Promise<void> {
  const storedUntilMs = clock.now()
  await claims?.fresh()
  clusterIps.caughtUp(storedUntilMs)
  nodePorts.caughtUp(storedUntilMs)
}

/** The update that takes the last finalizer away removes the object. */
function isGone({ metadata }: Service): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0
}

type ClaimedWrite = { readonly owner: ServiceName; readonly claimed: Holdings; readonly dropped: Holdings }

/** What writes under way have claimed, to be given back when they fail, and what they let go of when they succeed. */
class ClaimedWrites {
  readonly #options: ServiceAllocatorOptions
  readonly #waiting = new Map<string, ClaimedWrite[]>()

  constructor(options: ServiceAllocatorOptions) {
    this.#options = options
  }

  note(request: AdmissionRequest, write: ClaimedWrite): void {
    if (isNothing(write.claimed) && isNothing(write.dropped)) return
    const key = keyOf(request)
    this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), write])
  }

  async settled(request: AdmissionRequest, outcome: 'stored' | 'failed'): Promise<void> {
    const key = keyOf(request)
    const [write, ...rest] = this.#waiting.get(key) ?? []
    if (rest.length === 0) this.#waiting.delete(key)
    else this.#waiting.set(key, rest)
    if (write !== undefined) await this.#release(write.owner, outcome === 'failed' ? write.claimed : write.dropped)
    const old = oldObject(request, kinds.services)
    if (request.operation !== 'DELETE' || outcome === 'failed' || request.dryRun || old === undefined) return
    if ((old.metadata.finalizers ?? []).length > 0) return
    await this.#release({ namespace: request.namespace, name: request.name }, holdingsOf(old))
  }

  /** The client hears of a deletion when its addresses are free again; what fails here, the repair loops find. */
  async #release(owner: ServiceName, unused: Holdings): Promise<void> {
    const { claims, onError } = this.#options
    if (claims === undefined || isNothing(unused)) return
    try {
      await claims.release(owner, unused, new AbortController().signal)
    } catch (error) {
      onError?.(error)
    }
  }
}

function keyOf({ operation, namespace, name, object, oldObject: old }: AdmissionRequest): string {
  const { uid, name: ownName } = (object ?? old)?.metadata ?? {}
  return `${operation} ${namespace}/${ownName ?? name} ${uid ?? ''}`
}

/** The whole list of steps for one Service. `elsewhere` is held by others and does not show yet. */
function allocate(
  options: ServiceAllocatorOptions,
  holder: string,
  wanted: Service,
  old: Service | undefined,
  elsewhere: Holdings,
): Service {
  const spec = old === undefined ? mirrorClusterIp(wanted.spec) : keepAllocated(wanted.spec, old.spec)
  const prepared = { ...wanted, spec }
  const withFamilies = withIpFamilies(prepared, old, options.clusterIps.families)
  const others = readAll(options.reader, kinds.services).filter(
    ({ metadata }) => `${metadata.namespace}/${metadata.name}` !== holder,
  )
  const holdings = others.map(holdingsOf)
  const takenAddresses = new Set([...holdings.flatMap(({ addresses }) => addresses), ...elsewhere.addresses])
  const takenPorts = new Set([...holdings.flatMap(({ ports }) => ports), ...elsewhere.ports])
  const addressed = withClusterIps(options, holder, withFamilies, old, takenAddresses)
  return withPorts(options, holder, addressed, old, takenPorts)
}

/** One address of each family that has none yet; what the old object holds stays as it is. */
function withClusterIps(
  options: ServiceAllocatorOptions,
  holder: string,
  service: Service,
  old: Service | undefined,
  taken: ReadonlySet<string>,
): Service {
  const { spec } = service
  if (!needsClusterIp(spec) || isSettled(spec, old?.spec)) return service
  const kept = keptAddresses(spec, old?.spec)
  if (kept === undefined) return service
  const clusterIPs = (spec.ipFamilies ?? []).map((family, index) => {
    const wanted = spec.clusterIPs?.[index] ?? ''
    return index < kept ? wanted : giveAddress(options, holder, service, family, wanted, taken)
  })
  const clusterIP = clusterIPs[0]
  return clusterIP === undefined ? service : { ...service, spec: { ...spec, clusterIP, clusterIPs } }
}

/** How many addresses stay; `undefined`: nothing is to be given out. Source: `updateClusterIPs`. */
function keptAddresses(spec: ServiceSpec, old: ServiceSpec | undefined): number | undefined {
  if (old === undefined || !needsClusterIp(old)) return spec.clusterIPs?.[0] === 'None' ? undefined : 0
  const isUpgrade = old.clusterIPs?.[0] !== 'None' && old.ipFamilies?.length === 1 && spec.ipFamilies?.length === 2
  return isUpgrade ? 1 : undefined
}

function giveAddress(
  { clusterIps, clock }: ServiceAllocatorOptions,
  holder: string,
  service: Service,
  family: string,
  wanted: string,
  taken: ReadonlySet<string>,
): string {
  if (wanted !== '') {
    const refusal = clusterIps.allocate(wanted, holder, taken, clock.now())
    if (refusal !== undefined) throw invalidClusterIp(service, wanted, refusal)
    return wanted
  }
  const address = clusterIps.allocateNext(family === 'IPv6' ? 'IPv6' : 'IPv4', holder, taken, clock.now())
  if (address !== undefined) return address
  throw internalError(`failed to allocate a serviceIP for Service ${goQuote(service.metadata.name)}: range is full`)
}

/** As upstream shows the addresses at this moment: one that is still to be given is empty. */
function invalidClusterIp(service: Service, address: string, refusal: string): StatusError {
  const { clusterIPs = [], ipFamilies = [] } = service.spec
  const shown = ipFamilies.map((_, index) => clusterIPs[index] ?? '')
  return invalidService(service, invalidValue('spec.clusterIPs', shown, `failed to allocate IP ${address}: ${refusal}`))
}

function withPorts(
  options: ServiceAllocatorOptions,
  holder: string,
  service: Service,
  old: Service | undefined,
  taken: ReadonlySet<number>,
): Service {
  const own = new Set(old === undefined ? [] : holdingsOf(old).ports)
  const ports = { ...options, holder, taken, own, isNew: old === undefined }
  const withNodePorts = hasNodePorts(service) ? allocateNodePorts(ports, service) : service
  if (!needsHealthPort(withNodePorts.spec)) return withNodePorts
  const wanted = withNodePorts.spec.healthCheckNodePort ?? 0
  if (wanted !== 0 && own.has(wanted)) return withNodePorts
  const healthCheckNodePort = givePort(ports, wanted, (refusal) =>
    internalError(`failed to allocate requested HealthCheck NodePort ${wanted}: ${refusal}`),
  )
  return { ...withNodePorts, spec: { ...withNodePorts.spec, healthCheckNodePort } }
}

type PortRequest = ServiceAllocatorOptions & {
  readonly holder: string
  readonly taken: ReadonlySet<number>
  /** What the stored Service holds already. */
  readonly own: ReadonlySet<number>
  readonly isNew: boolean
}

/**
 * A new Service has one number for all protocols of a port; explicit wishes come first, so that a port without one can share it.
 * An update gives every port its own. Source: `initNodePorts`, `updateNodePorts`.
 */
function allocateNodePorts(request: PortRequest, service: Service): Service {
  const isAutomatic = service.spec.type === 'NodePort' || service.spec.allocateLoadBalancerNodePorts !== false
  const wanted = service.spec.ports ?? []
  takeWishes(request, service)
  const given = new Map<number, number>()
  const ports = wanted.map((port): ServicePort => {
    if ((port.nodePort ?? 0) !== 0 || !isAutomatic) return port
    const shared = request.isNew ? (given.get(port.port) ?? wish(service, port)) : 0
    const nodePort = shared === 0 ? givePort(request, 0, internalError) : shared
    given.set(port.port, nodePort)
    return { ...port, nodePort }
  })
  return { ...service, spec: { ...service.spec, ports } }
}

/** Takes the ports that are asked for by number, before any is given out at random. */
function takeWishes(request: PortRequest, service: Service): void {
  const granted = new Set(request.own)
  for (const [index, { nodePort = 0 }] of (service.spec.ports ?? []).entries()) {
    if (nodePort === 0 || granted.has(nodePort)) continue
    granted.add(givePort(request, nodePort, (refusal) => invalidPort(service, index, nodePort, refusal)))
  }
}

/** The node port that another protocol of the same port asks for, 0 for none. */
function wish(service: Service, { port }: ServicePort): number {
  return service.spec.ports?.find((other) => other.port === port && (other.nodePort ?? 0) !== 0)?.nodePort ?? 0
}

function givePort(
  { nodePorts, holder, taken, clock }: PortRequest,
  wanted: number,
  toError: (refusal: string) => StatusError,
): number {
  const now = clock.now()
  if (wanted === 0) {
    const port = nodePorts.allocateNext(holder, taken, now)
    if (port === undefined) throw internalError('failed to allocate a nodePort: range is full')
    return port
  }
  const refusal = nodePorts.allocate(wanted, holder, taken, now)
  if (refusal !== undefined) throw toError(refusal)
  return wanted
}

function invalidPort(service: Service, index: number, port: number, refusal: string): StatusError {
  return invalidService(service, invalidValue(`spec.ports[${index}].nodePort`, port, refusal))
}

function invalidService(service: Service, cause: StatusCause): StatusError {
  return invalid({ group: '', kind: 'Service' }, service.metadata.name, [cause])
}

function internalError(message: string): StatusError {
  return new StatusError('InternalError', `Internal error occurred: ${message}`, {
    causes: [{ reason: 'InternalError', message }],
  })
}

/** Explicit wishes count even where ports are not given out by themselves. */
function hasNodePorts({ spec }: Service): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer'
}
