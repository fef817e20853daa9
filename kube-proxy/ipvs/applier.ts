/**
 * Brings a plan into the kernel: only what differs from what we put there, or, when that is not known, from what is found there. Order, so
 * that no packet meets half a state: sets, rules, virtual servers, addresses; and back again for what goes.
 */
import { type Backoff, backoffMs } from '../../client/workqueue/backoff.ts'
import type { Clock } from '../../component-base/clock.ts'
import { contains, parseAddress, parseSubnet } from '../../component-base/ip-address.ts'
import type { Logger } from '../../component-base/logger.ts'
import { diffIpsets, type Ipsets } from '../../netfilter/ipset.ts'
import type { IpsetCommand } from '../../netfilter/ipset-command.ts'
import type { Family } from '../../netfilter/iptables.ts'
import {
  type Connections,
  type Draining,
  describeRefusal,
  diffVirtualServers,
  familyOf,
  ipOfAddress,
  planDrain,
  type VirtualServers,
} from '../../netfilter/ipvs.ts'
import type { Ipvs } from '../../netfilter/ipvs-kernel.ts'
import type { SyncResult } from '../mode.ts'
import { describeAddressRefusal, diffAddresses, type ServiceDevice } from './device.ts'
import { Doubts } from './doubts.ts'
import type { IpvsPlan } from './plan.ts'
import { setKeys, setName } from './sets.ts'

export type IpvsTools = { readonly ipset: IpsetCommand; readonly ipvs: Ipvs; readonly device: ServiceDevice }
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

/** What is in the kernel. */
type Applied = Pick<IpvsPlan, 'servers' | 'sets' | 'addresses'>

const noDraining: Draining = new Map()
/** How often real servers on their way out are asked for connections. Source: upstream, rsCheckDeleteInterval. */
const drainPeriodMs = 60_000
/** So many refusals go into the log. */
const maxComplaints = 10
/** What the kernel refused is tried again after this long. */
const refusedBackoff: Backoff = { initialMs: 1_000, maxMs: 30_000, factor: 2, jitter: 0 }

/** Keeps in mind what is in the kernel, for one address family. */
export class IpvsApplier {
  readonly #options: IpvsApplierOptions
  #applied: Applied | undefined
  /** What of `#applied` the kernel refused. */
  #doubts = new Doubts()
  #refusedPasses = 0
  #told = ''
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
    const isKnown = this.#applied !== undefined
    if (!isKnown) await this.#options.prepare(signal)
    const before = await this.#before(plan, signal)
    const sets = diffIpsets(before.sets, plan.sets)
    const servers = diffVirtualServers(before.servers, isKnown ? this.#draining : noDraining, plan.servers)
    const addresses = diffAddresses(before.addresses, plan.addresses)
    // When a step fails, the state of the kernel is in doubt: the next attempt looks.
    this.#applied = undefined
    await ipset.restore(sets.additions, signal)
    const rules = await this.#options.applyRules(plan, signal)
    const doubts = new Doubts()
    doubts.addServers(await ipvs.apply(servers.additions, signal))
    doubts.addAddresses(await device.change([...addresses.additions, ...addresses.removals], signal))
    doubts.addServers(await ipvs.apply(servers.removals, signal))
    await ipset.restore(sets.removals, signal)
    await this.#drain(servers.draining, doubts, signal)
    const retryAfterMs = this.#conclude(plan, doubts)
    const scripts = [sets.additions, sets.removals]
    const changes = [servers.additions, servers.removals, addresses.additions, addresses.removals]
    const lines =
      rules.lines +
      scripts.reduce((sum, text) => sum + countLines(text), 0) +
      changes.reduce((sum, list) => sum + list.length, 0)
    return {
      ...{ type: lines === 0 ? 'none' : isKnown ? 'partial' : 'full', lines },
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    }
  }

  /** What the kernel holds now: remembered, found, or remembered but for what it refused. */
  async #before({ servers: wanted }: IpvsPlan, signal: AbortSignal): Promise<Applied> {
    const applied = this.#applied
    if (applied === undefined) return await this.#observe(wanted, signal)
    const { tools, family } = this.#options
    const { keys, ips } = this.#doubts
    return {
      sets: applied.sets,
      servers: keys.size === 0 ? applied.servers : await corrected(applied.servers, keys, tools.ipvs, signal),
      addresses: ips.size > 0 ? ((await tools.device.addresses(family)) ?? new Set()) : applied.addresses,
    }
  }

  /**
   * What the kernel refuses for one Service must not keep the others waiting. It is told once, and tried again soon: how soon comes back.
   */
  #conclude(plan: IpvsPlan, doubts: Doubts): number | undefined {
    this.#applied = plan
    this.#doubts = doubts
    const { servers, addresses } = doubts
    const first = [...servers.map(describeRefusal), ...addresses.map(describeAddressRefusal)].slice(0, maxComplaints)
    const text = first.join('\n')
    const isNews = text !== this.#told
    this.#told = text
    if (first.length === 0) {
      this.#refusedPasses = 0
      return undefined
    }
    this.#refusedPasses += 1
    const retryAfterMs = backoffMs(refusedBackoff, this.#refusedPasses, () => 0)
    const { logger } = this.#options
    const count = servers.length + addresses.length
    const fields = { count, first, retryAfterMs }
    if (isNews) logger.error('Kernel refused virtual servers or addresses, trying again', fields)
    else logger.debug('Kernel refused virtual servers or addresses again', fields)
    return retryAfterMs
  }

  /** Whether the kernel holds something else than what was put there. What it refused does not count: that is tried again anyway. */
  async isDisturbed(signal: AbortSignal): Promise<boolean> {
    const applied = this.#applied
    if (applied === undefined) return false
    const found = await this.#observe(applied.servers, signal)
    const sets = diffIpsets(found.sets, applied.sets)
    const servers = diffVirtualServers(found.servers, noDraining, applied.servers)
    const addresses = diffAddresses(found.addresses, applied.addresses)
    const { keys, ips } = this.#doubts
    return (
      [sets.additions, sets.removals].some(Boolean) ||
      [...servers.additions, ...servers.removals].some(({ key }) => !keys.has(key)) ||
      [...addresses.additions, ...addresses.removals].some(({ ip }) => !ips.has(ip))
    )
  }

  async #observe(wanted: VirtualServers, signal: AbortSignal): Promise<Applied> {
    const { family, tools, excludeCidrs } = this.#options
    if (!(await tools.device.ensure())) throw new Error('the kernel has no dummy devices (module dummy)')
    const { servers } = await tools.ipvs.list('all', signal)
    return {
      addresses: (await tools.device.addresses(family)) ?? new Set(),
      sets: ownSets(await tools.ipset.save(signal), family),
      servers: ownServers(servers, { family, wanted, excludeCidrs }),
    }
  }

  /** New ones are asked at once, as many have no connection; those that had some, now and then. */
  async #drain(draining: Draining, doubts: Doubts, signal: AbortSignal): Promise<void> {
    const { clock, tools } = this.#options
    const fresh = [...draining].filter(([key, addresses]) => this.#draining.get(key) !== addresses)
    const isTime = clock.now() - this.#drainedAtMs >= drainPeriodMs
    this.#draining = draining
    const asked: Draining = isTime ? draining : new Map(fresh)
    if (asked.size === 0) return
    if (isTime) this.#drainedAtMs = clock.now()
    const connections: Connections = (await tools.ipvs.list(asked.keys(), signal)).connections
    const { removals, draining: busy } = planDrain(asked, connections)
    doubts.addServers(await tools.ipvs.apply(removals, signal))
    const left = new Map(draining)
    for (const key of asked.keys()) {
      const addresses = busy.get(key)
      if (addresses === undefined) left.delete(key)
      else left.set(key, addresses)
    }
    this.#draining = left
  }
}

/** Those virtual servers as they are in the kernel, the others as they are remembered. */
async function corrected(
  servers: VirtualServers,
  keys: ReadonlySet<string>,
  ipvs: Ipvs,
  signal: AbortSignal,
): Promise<VirtualServers> {
  const found = (await ipvs.list(keys, signal)).servers
  const result = new Map(servers)
  for (const key of keys) result.delete(key)
  for (const [key, server] of found) result.set(key, server)
  return result
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
