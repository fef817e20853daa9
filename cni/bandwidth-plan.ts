/**
 * Limits of a container's traffic, and the devices and queues that enforce them. Pure.
 *
 *   to the container:    host ──▶ [tbf] host end of the veth ──▶ container
 *   from the container:  container ──▶ host end of the veth ─(redirect)─▶ ifb device [tbf] ──▶ host
 *
 * Source: the behaviour of plugins/meta/bandwidth of containernetworking/plugins; its device names are ours, too.
 */
import { createHash } from 'node:crypto'
import { CniError, isJsonMap, type JsonMap, type NetworkConfig, type Result } from './protocol.ts'

/** Bits per second, and bits that may go at once before that holds. */
export type Limit = { readonly rate: number; readonly burst: number }

/** What limits a container; an absent one means no limit. */
export type Limits = { readonly ingress?: Limit; readonly egress?: Limit }

/** How long a packet may wait in a queue. */
const latency = '25ms'
const maxBurstBytes = 0xffff_ffff
const maxNameLength = 15

/** Reads the limits: those of the configuration itself, else the runtime's (from the pod's annotations). */
export function parseLimits(config: NetworkConfig): Limits {
  const runtime = config['runtimeConfig']
  const given = isJsonMap(runtime) ? field(runtime, 'bandwidth') : undefined
  const own = directions.some((name) => hasField(config, `${name}Rate`) || hasField(config, `${name}Burst`))
  const source = own ? config : isJsonMap(given) ? given : {}
  return Object.fromEntries(directions.flatMap((name) => limitOf(source, name)))
}

const directions = ['ingress', 'egress'] as const

function limitOf(source: JsonMap, name: (typeof directions)[number]): readonly (readonly [string, Limit])[] {
  const rate = numberOf(source, `${name}Rate`)
  const burst = numberOf(source, `${name}Burst`)
  if (rate !== 0 && burst === 0) throw new CniError('internal', 'if rate is set, burst must also be set')
  if (rate === 0 && burst !== 0) throw new CniError('internal', 'if burst is set, rate must also be set')
  if (burst / 8 >= maxBurstBytes) throw new CniError('internal', 'burst cannot be more than 4GB')
  return rate === 0 ? [] : [[name, { rate, burst }]]
}

function numberOf(source: JsonMap, name: string): number {
  const value = field(source, name) ?? 0
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
  throw new CniError('internal', `failed to parse network configuration: ${name} is no unsigned integer`)
}

/** A field whatever the case of its letters: runtimes in Go write `IngressRate`, and Go reads either. */
function field(source: JsonMap, name: string): unknown {
  const key = Object.keys(source).find((one) => one.toLowerCase() === name.toLowerCase())
  return key === undefined ? undefined : source[key]
}

function hasField(source: JsonMap, name: string): boolean {
  const value = field(source, name)
  return value !== undefined && value !== null
}

/** Name of the device that a container's own packets are led through: upstream's, so that either removes the other's. */
export function ifbName(network: string, containerId: string): string {
  const hash = createHash('sha512').update(`${network}${containerId}`).digest('hex')
  return `bwp${hash}`.slice(0, maxNameLength)
}

/** By this alias GC knows whose an ifb device is. */
export function ifbAlias(network: string): string {
  return `cni-bandwidth:${network}`
}

/** The host's end of a container's veth, by the number that the container's end gives; an error in upstream's words. */
export function hostEnd(
  { interfaces }: Result,
  ifname: string,
  peerIndex: number,
  links: readonly { readonly ifindex: number; readonly ifname: string; readonly mtu: number }[],
): { readonly ifname: string; readonly mtu: number } {
  if (interfaces.length === 0) throw new CniError('internal', 'no interfaces provided')
  if (peerIndex <= 0) throw new CniError('internal', `container interface ${ifname} has no veth peer`)
  const link = links.find(({ ifindex }) => ifindex === peerIndex)
  if (link === undefined) throw new CniError('internal', `veth peer with index ${peerIndex} is not in host ns`)
  const isOurs = interfaces.some(({ name, sandbox }) => name === link.ifname && (sandbox ?? '') === '')
  if (!isOurs) throw new CniError('internal', 'no veth peer of container interface found in host ns')
  return link
}

/** Lines for `ip -batch` and then for `tc -batch`. */
export type BandwidthPlan = { readonly links: readonly string[]; readonly queues: readonly string[] }

/** What ADD does for these limits. */
export function planBandwidth(
  limits: Limits,
  at: { readonly host: string; readonly mtu: number; readonly ifb: string; readonly network: string },
): BandwidthPlan {
  const { host, mtu, ifb, network } = at
  const { ingress, egress } = limits
  return {
    links:
      egress === undefined
        ? []
        : [`link add ${ifb} mtu ${mtu} type ifb`, `link set dev ${ifb} alias ${ifbAlias(network)} up`],
    queues: [
      ...(ingress === undefined ? [] : [queue(host, ingress)]),
      ...(egress === undefined
        ? []
        : [
            `qdisc add dev ${host} ingress`,
            `filter add dev ${host} parent ffff: protocol all prio 1 u32 match u32 0 0 flowid 1:1 action mirred egress redirect dev ${ifb}`,
            queue(ifb, egress),
          ]),
    ],
  }
}

function queue(device: string, { rate, burst }: Limit): string {
  return `qdisc add dev ${device} root handle 1: tbf rate ${rate}bit burst ${Math.floor(burst / 8)}b latency ${latency}`
}

/** What is wrong with a device's queues, as `tc -json qdisc show` tells them; `undefined` when its limit holds. */
export function queueFault(queues: readonly JsonMap[], { rate, burst }: Limit): string | undefined {
  const root = queues.find(({ root: isRoot }) => isRoot === true)
  const options = root?.['options']
  if (root?.['kind'] !== 'tbf' || !isJsonMap(options)) return 'Failed to find qdisc'
  if (options['rate'] !== Math.floor(rate / 8)) return "Rate doesn't match"
  const found = options['burst']
  // The kernel tells the burst as a time in 32 bits: a longer one is cut, a shorter one rounded.
  if (burst / rate > maxBurstSeconds || typeof found !== 'number') return undefined
  const wanted = burst / 8
  return Math.abs(found - wanted) > wanted / 50 + 16 ? "Buffer doesn't match" : undefined
}

/** 2^32 ticks of 64 ns. */
const maxBurstSeconds = 274
