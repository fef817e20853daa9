/**
 * Gives a Service its addresses and takes them back. Pure. The status is the memory: an address that stands there stays, whoever
 * restarts. Steps and events are those of upstream's service controller (cloud-provider `controllers/service/controller.go`).
 */
import type { Service } from '../../api/core/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { canonical, familyOf, firstFree, type IpFamily, isInPool, type Pool, rangesOf, sizeOf } from '../pool.ts'
import {
  type Classes,
  familiesOf,
  finalizer,
  isOurClass,
  requestedAddresses,
  statusAddresses,
  wantsLoadBalancer,
} from '../services.ts'

/** Everything the decision depends on. */
export type Observed = {
  readonly service: Service
  readonly pool: Pool
  readonly classes: Classes
  /** All Services whose status has the address, this one among them. */
  readonly holdersOf: (address: string) => readonly Service[]
  readonly hasNodes: boolean
}
export type Action =
  | {
      readonly type: 'ensure'
      readonly service: Service
      readonly addresses: readonly string[]
      readonly hasNodes: boolean
    }
  | { readonly type: 'release'; readonly service: Service }
  /** Emptied, because its address is not ours to give any more; then `refuse` says why. */
  | { readonly type: 'clear'; readonly service: Service }
  | { readonly type: 'refuse'; readonly service: Service; readonly message: string }

/** What is to be done about one Service. */
export function plan(observed: Observed): Plan<Action> {
  const { service, classes, hasNodes } = observed
  if (!isOurClass(service, classes)) return { actions: [] }
  const isHeld = service.metadata.finalizers?.includes(finalizer) === true
  if (!wantsLoadBalancer(service, classes)) return { actions: isHeld ? [{ type: 'release', service }] : [] }
  const choice = choose(observed)
  const before = statusAddresses(service)
  if (choice.addresses.length === 0) {
    const message = choice.problems.join('; ')
    const cleared: readonly Action[] = before.length === 0 ? [] : [{ type: 'clear', service }]
    return { actions: [...cleared, { type: 'refuse', service, message }] }
  }
  const isDone = isHeld && before.join() === choice.addresses.join()
  return { actions: isDone ? [] : [{ type: 'ensure', service, addresses: choice.addresses, hasNodes }] }
}

type Choice = { readonly addresses: readonly string[]; readonly problems: readonly string[] }
type Found = { readonly address: string } | { readonly problem: string }

function choose(observed: Observed): Choice {
  const families = familiesOf(observed.service)
  const requests = requestsOf(observed.service, families)
  if (typeof requests === 'string') return { addresses: [], problems: [requests] }
  const found = families.map((family) => chooseFor(family, requests.get(family), observed))
  const addresses = found.flatMap((each) => ('address' in each ? [each.address] : []))
  const problems = found.flatMap((each) => ('problem' in each ? [each.problem] : []))
  // Who prefers two families is content with one (KEP-563); who was given a wish that cannot be met is not.
  const isEnough = observed.service.spec.ipFamilyPolicy === 'PreferDualStack' && requests.size === 0
  return problems.length === 0 || isEnough ? { addresses, problems } : { addresses: [], problems }
}

/** A text says what is wrong with the wishes. */
function requestsOf(service: Service, families: readonly IpFamily[]): ReadonlyMap<IpFamily, string> | string {
  const requests = new Map<IpFamily, string>()
  for (const text of requestedAddresses(service)) {
    const family = familyOf(text)
    if (family === undefined) return `invalid load balancer IP "${text}"`
    if (!families.includes(family)) return `the Service has no address family ${family} for load balancer IP "${text}"`
    if (requests.has(family)) return `more than one load balancer IP of family ${family} is asked for`
    requests.set(family, canonical(text) ?? text)
  }
  return requests
}

function chooseFor(family: IpFamily, requested: string | undefined, observed: Observed): Found {
  const { service, holdersOf } = observed
  const pool = rangesOf(observed.pool, family)
  if (requested !== undefined) {
    if (!isInPool(pool, requested)) return { problem: `load balancer IP "${requested}" is in no address pool` }
    const holder = rivalOf(service, holdersOf(requested))
    return holder === undefined ? { address: requested } : { problem: inUse(requested, holder) }
  }
  const current = statusAddresses(service).find((address) => isInPool(pool, address))
  if (current !== undefined && rivalOf(service, holdersOf(current)) === undefined) return { address: current }
  const free = firstFree(pool, (address) => holdersOf(address).length > 0)
  if (free !== undefined) return { address: free }
  return {
    problem:
      pool.length === 0
        ? `no address pool has ${family} addresses`
        : `all ${sizeOf(pool)} addresses of the ${family} pool are in use`,
  }
}

function inUse(address: string, { metadata }: Service): string {
  return `load balancer IP "${address}" is in use by Service ${metadata.namespace}/${metadata.name}`
}

/** Who has the better right to an address that `service` has or wants: whoever has it already; of several, the oldest. */
function rivalOf(service: Service, holders: readonly Service[]): Service | undefined {
  const [first] = holders.toSorted(byAge)
  return first === undefined || first.metadata.uid === service.metadata.uid ? undefined : first
}

function byAge({ metadata: a }: Service, { metadata: b }: Service): number {
  const [left, right] = [`${a.creationTimestamp} ${a.uid}`, `${b.creationTimestamp} ${b.uid}`]
  return left < right ? -1 : left > right ? 1 : 0
}
