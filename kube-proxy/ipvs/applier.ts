/**
 * Brings a plan into the kernel: only what differs from what we put there, or, when that is not known, from what is found there. Order, so
 * that no packet meets half a state: sets, rules, virtual servers, addresses; and back again for what goes.
 */
import type { Clock } from '../../component-base/clock.ts'
import { contains, parseAddress, parseSubnet } from '../../component-base/ip-address.ts'
import type { Logger } from '../../component-base/logger.ts'
import { diffIpsets, type Ipsets } from '../../netfilter/ipset.ts'
import type { IpsetCommand } from '../../netfilter/ipset-command.ts'
import type { Family } from '../../netfilter/iptables.ts'
import {
  type Draining,
  diffVirtualServers,
  familyOf,
  ipOfAddress,
  planDrain,
  type VirtualServers,
} from '../../netfilter/ipvs.ts'
import type { IpvsCommand } from '../../netfilter/ipvs-command.ts'
import type { SyncResult } from '../mode.ts'
import { diffAddresses, type ServiceDevice } from './device.ts'
import type { IpvsPlan } from './plan.ts'
import { setKeys, setName } from './sets.ts'

export type IpvsTools = { readonly ipset: IpsetCommand; readonly ipvs: IpvsCommand; readonly device: ServiceDevice }
export type IpvsApplierOptions = {
  readonly family: Family
  readonly tools: IpvsTools
  /** Writes the rules and what NetworkPolicy adds to them. */
  readonly applyRules: (plan: IpvsPlan, signal: AbortSignal) => Promise<SyncResult>
  /** Settings of the kernel, before everything is written. */
  readonly prepare: (signal: AbortSignal) => Promise<void>
  readonly excludeCidrs: readonly string[]
  readonly clock: Clock
  readonly logger: Logger
}

type Applied = Pick<IpvsPlan, 'servers' | 'sets' | 'addresses'>

const noDraining: Draining = new Map()
/** How often real servers on their way out are asked for connections. Source: upstream, rsCheckDeleteInterval. */
const drainPeriodMs = 60_000
/** Up to here virtual servers are asked one by one; above, all are listed. */
const maxSingleLists = 16
/** So many lines of complaint go into the log. */
const maxComplaints = 10

/** Keeps in mind what is in the kernel, for one address family. */
export class IpvsApplier {
  readonly #options: IpvsApplierOptions
  #applied: Applied | undefined
  #draining = noDraining
  #drainedAtMs = 0

  constructor(options: IpvsApplierOptions) {
    this.#options = options
  }

  /** The next `apply` compares with what is in the kernel. */
  forget(): void {
    this.#applied = undefined
  }

  async apply(plan: IpvsPlan, signal: AbortSignal): Promise<SyncResult> {
    const { ipset, ipvs, device } = this.#options.tools
    const known = this.#applied
    if (known === undefined) await this.#options.prepare(signal)
    const before = known ?? (await this.#observe(plan.servers, signal))
    const sets = diffIpsets(before.sets, plan.sets)
    const servers = diffVirtualServers(before.servers, known === undefined ? noDraining : this.#draining, plan.servers)
    const addresses = diffAddresses(before.addresses, plan.addresses)
    // After a failure the state of the kernel is in doubt, so the next attempt looks.
    this.#applied = undefined
    await ipset.restore(sets.additions, signal)
    const rules = await this.#options.applyRules(plan, signal)
    const complaints = [
      ...(await ipvs.restore(servers.additions, signal)),
      ...(await device.change(addresses.additions, signal)),
      ...(await device.change(addresses.removals, signal)),
      ...(await ipvs.restore(servers.removals, signal)),
    ]
    await ipset.restore(sets.removals, signal)
    complaints.push(...(await this.#drain(servers.draining, signal)))
    this.#conclude(plan, complaints)
    const scripts = [...Object.values(addresses), sets.additions, sets.removals, servers.additions, servers.removals]
    const lines = rules.lines + scripts.reduce((sum, text) => sum + countLines(text), 0)
    return { type: lines === 0 ? 'none' : known === undefined ? 'full' : 'partial', lines }
  }

  /** What the kernel refuses for one Service must not keep the others waiting; the next `apply` looks and tries again. */
  #conclude(plan: IpvsPlan, complaints: readonly string[]): void {
    if (complaints.length === 0) this.#applied = plan
    else {
      const first = complaints.slice(0, maxComplaints)
      this.#options.logger.error('Kernel refused servers or addresses', { count: complaints.length, first })
    }
  }

  /** Whether the kernel holds something else than what was put there. */
  async isDisturbed(signal: AbortSignal): Promise<boolean> {
    const applied = this.#applied
    if (applied === undefined) return false
    const found = await this.#observe(applied.servers, signal)
    const sets = diffIpsets(found.sets, applied.sets)
    const servers = diffVirtualServers(found.servers, noDraining, applied.servers)
    const addresses = diffAddresses(found.addresses, applied.addresses)
    return [sets.additions, sets.removals, servers.additions, servers.removals, ...Object.values(addresses)].some(
      Boolean,
    )
  }

  async #observe(wanted: VirtualServers, signal: AbortSignal): Promise<Applied> {
    const { family, tools, excludeCidrs } = this.#options
    await tools.device.ensure(signal)
    return {
      addresses: (await tools.device.addresses(family, signal)) ?? new Set(),
      sets: ownSets(await tools.ipset.save(signal), family),
      servers: ownServers(await tools.ipvs.save(signal), { family, wanted, excludeCidrs }),
    }
  }

  /** New ones are asked at once, as many have no connection; those that had some, now and then. */
  async #drain(draining: Draining, signal: AbortSignal): Promise<readonly string[]> {
    const { clock, tools } = this.#options
    const fresh = [...draining].filter(([key, addresses]) => this.#draining.get(key) !== addresses)
    const isTime = clock.now() - this.#drainedAtMs >= drainPeriodMs
    this.#draining = draining
    const asked: Draining = isTime ? draining : new Map(fresh)
    if (asked.size === 0) return []
    if (isTime) this.#drainedAtMs = clock.now()
    const keys = asked.size > maxSingleLists ? [undefined] : [...asked.keys()]
    const connections = new Map<string, ReadonlyMap<string, number>>()
    for (const key of keys) {
      for (const [found, counts] of await tools.ipvs.connections(key, signal)) connections.set(found, counts)
    }
    const { removals, draining: busy } = planDrain(asked, connections)
    const complaints = await tools.ipvs.restore(removals, signal)
    const left = new Map(draining)
    for (const key of asked.keys()) {
      const addresses = busy.get(key)
      if (addresses === undefined) left.delete(key)
      else left.set(key, addresses)
    }
    this.#draining = left
    return complaints
  }
}

/** Only sets of our names and family. */
export function ownSets(sets: Ipsets, family: Family): Ipsets {
  const names = new Set(setKeys.map((key) => setName(key, family)))
  return new Map([...sets].filter(([name]) => names.has(name)))
}

type Ownership = {
  readonly family: Family
  readonly wanted: VirtualServers
  readonly excludeCidrs: readonly string[]
}

/** All virtual servers of the family are ours, but those in excluded ranges that no Service wants. */
export function ownServers(servers: VirtualServers, { family, wanted, excludeCidrs }: Ownership): VirtualServers {
  const excluded = excludeCidrs.flatMap((cidr) => parseSubnet(cidr) ?? [])
  const isExcluded = (address: string): boolean => {
    const ip = parseAddress(ipOfAddress(address))
    return ip !== undefined && excluded.some((range) => contains(range, ip))
  }
  return new Map(
    [...servers].filter(
      ([key, { address }]) => familyOf(address) === family && (wanted.has(key) || !isExcluded(address)),
    ),
  )
}

function countLines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1
  return count
}
