/**
 * Chains that many Services share: they are told apart by how many endpoints there are to choose from. Which ones these
 * are stands in maps, one for each number drawn:
 *
 *   services     10.96.0.1 . tcp . 80  ─@service-ips─▶ endpoints-3
 *   endpoints-3  a random number below 3: 2 ──▶ endpoint-2
 *   endpoint-2   10.96.0.1 . tcp . 80  ─@service-endpoint-2─▶ dnat to 10.244.1.6 . 8080
 *
 * Upstream has a chain with a map of its own for each Service. The kernel walks all maps of a table for each one that is
 * added, so that ten thousand take 40 s; elements of ten maps take one, and the change of a Service touches nothing but
 * its elements.
 */
import type { NftChain, NftSet } from '../../netfilter/nft.ts'
import type { NftOptions } from './options.ts'

export type Frontends = 'service' | 'nodePort'

/** A way from a frontend to its endpoints. Equal names mean equal ways. */
export type Dispatch = {
  /** Of the chain that it begins with. */
  readonly name: string
  readonly frontends: Frontends
  readonly type: 'internal' | 'external' | 'externalLocal'
  /** How many endpoints there are to choose from. */
  readonly count: number
  /** How many of them on this node, for external policy Local. */
  readonly localCount: number
}

const prefixes = { service: '', nodePort: 'nodeport-' } as const

/** Straight to one of `count` endpoints. */
export function internal(frontends: Frontends, count: number): Dispatch {
  return { name: `${prefixes[frontends]}endpoints-${count}`, frontends, type: 'internal', count, localCount: 0 }
}

/** What comes from outside under policy Cluster: to one of `count` endpoints, and back through this node. */
export function external(frontends: Frontends, count: number): Dispatch {
  return { name: `${prefixes[frontends]}external-${count}`, frontends, type: 'external', count, localCount: 0 }
}

/**
 * What comes from outside under policy Local: to one of `localCount` endpoints on this node, with its own address. Pods
 * and the node itself have the choice of all `count`.
 */
export function externalLocal(frontends: Frontends, count: number, localCount: number): Dispatch {
  const name = `${prefixes[frontends]}external-local-${count}-${localCount}`
  return { name, frontends, type: 'externalLocal', count, localCount }
}

/** The map that holds endpoint number `index` of every frontend. */
export function endpointMap(frontends: Frontends, scope: 'all' | 'local', index: number): string {
  return commonMaps[frontends][scope][index] ?? mapName(frontends, scope, index)
}

/** One text for the many elements of a map, as far as most Services reach. */
const commonMaps = {
  service: { all: firstMaps('service', 'all'), local: firstMaps('service', 'local') },
  nodePort: { all: firstMaps('nodePort', 'all'), local: firstMaps('nodePort', 'local') },
} as const

function firstMaps(frontends: Frontends, scope: 'all' | 'local'): readonly string[] {
  return Array.from({ length: 64 }, (_, index) => mapName(frontends, scope, index))
}

function mapName(frontends: Frontends, scope: 'all' | 'local', index: number): string {
  return `${frontends === 'service' ? 'service' : 'nodeport'}-${scope === 'local' ? 'local-' : ''}endpoint-${index}`
}

export type SharedRules = {
  readonly chains: ReadonlyMap<string, NftChain>
  readonly sets: ReadonlyMap<string, NftSet>
}

/** Chains and maps for all ways that are used. */
export function renderDispatches(dispatches: Iterable<Dispatch>, options: NftOptions): SharedRules {
  const shared = { chains: new Map<string, NftChain>(), sets: new Map<string, NftSet>() }
  for (const dispatch of dispatches) addDispatch(shared, dispatch, options)
  return shared
}

type Building = { readonly chains: Map<string, NftChain>; readonly sets: Map<string, NftSet> }

function addDispatch(shared: Building, dispatch: Dispatch, options: NftOptions): void {
  const { name, frontends, type, count, localCount } = dispatch
  const all = count === 0 ? undefined : addChoice(shared, frontends, 'all', count, options)
  if (type === 'internal') return
  const last = type === 'external' ? all : addLocalChoice(shared, frontends, localCount, options)
  const first = type === 'external' ? [`${masquerade(options)} comment "masquerade"`] : shortCircuit(all, options)
  shared.chains.set(name, { rules: [...first, ...(last === undefined ? [] : [`goto ${last}`])] })
}

function addLocalChoice(shared: Building, frontends: Frontends, count: number, options: NftOptions) {
  return count === 0 ? undefined : addChoice(shared, frontends, 'local', count, options)
}

/** Returns the chain that chooses. */
function addChoice(
  shared: Building,
  frontends: Frontends,
  scope: 'all' | 'local',
  count: number,
  options: NftOptions,
): string {
  const prefix = `${prefixes[frontends]}${scope === 'local' ? 'local-' : ''}`
  const name = `${prefix}endpoints-${count}`
  if (shared.chains.has(name)) return name
  const numbers = Array.from({ length: count }, (_, index) => index)
  for (const index of numbers) addEndpoint(shared, `${prefix}endpoint-${index}`, frontends, scope, index, options)
  const choices = numbers.map((index) => `${index} : jump ${prefix}endpoint-${index}`)
  // While the number of endpoints changes, a packet may draw one that is no longer there: then the first one takes it.
  const draw = count === 1 ? [] : [`numgen random mod ${count} vmap { ${choices.join(', ')} }`]
  shared.chains.set(name, { rules: [...draw, `goto ${prefix}endpoint-0`] })
  return name
}

function addEndpoint(
  { chains, sets }: Building,
  name: string,
  frontends: Frontends,
  scope: 'all' | 'local',
  index: number,
  { ip, addressType }: NftOptions,
): void {
  if (chains.has(name)) return
  const map = endpointMap(frontends, scope, index)
  const isService = frontends === 'service'
  const key = isService ? `${ip} daddr . meta l4proto . th dport` : 'meta l4proto . th dport'
  const keyType = isService ? `${addressType} . inet_proto . inet_service` : 'inet_proto . inet_service'
  chains.set(name, { rules: [`meta l4proto { tcp, udp, sctp } dnat ${ip} addr . port to ${key} map @${map}`] })
  sets.set(map, { type: 'map', definition: `type ${keyType} : ${addressType} . inet_service;` })
}

/** Only traffic from outside is held to the endpoints of this node. */
export function shortCircuit(all: string | undefined, options: NftOptions): readonly string[] {
  const fromNode = 'fib saddr type local'
  const pods =
    options.pods === undefined || all === undefined
      ? []
      : [`${options.pods.are} goto ${all} comment "short-circuit pod traffic"`]
  return [
    ...pods,
    `${fromNode} ${masquerade(options)} comment "masquerade local traffic"`,
    ...(all === undefined ? [] : [`${fromNode} goto ${all} comment "short-circuit local traffic"`]),
  ]
}

/** Marks the packet for the masquerading chain. */
export function masquerade({ masqueradeMark }: NftOptions): string {
  return `mark set mark or ${masqueradeMark}`
}
