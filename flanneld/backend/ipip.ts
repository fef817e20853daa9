/** Packets travel in the kernel's IP-in-IP: one device for all hosts, a route per host that names its address. IPv4 only. */
import { ConfigError } from '../json-fields.ts'
import { observeRoutes } from '../routes/apply.ts'
import { ensureLink, ipBatch, type Link, observeLink, planAddresses, planUp } from '../routes/links.ts'
import { isOnLink, type Route } from '../routes/plan.ts'
import type { Lease } from '../subnet/lease.ts'
import type { Backend, BackendOptions } from './backend.ts'
import { followLeases } from './follow.ts'
import { syncRoutes } from './host-gw.ts'

/** Name of the device, upstream's. The kernel's own `tunl0` may be somebody else's. */
export const ipipName = 'flannel.ipip'

/** The outer IPv4 header. */
const overhead = 20

type Options = BackendOptions & { readonly directRouting: boolean }

/** The ipip backend. */
export function createIpipBackend(options: Options): Backend {
  const { external, directRouting, clock, logger } = options
  const mtu = external.mtu - overhead
  if (mtu <= 0) {
    throw new ConfigError(`MTU ${external.mtu} of iface ${external.name} is too small for ipip mode to work`)
  }
  return {
    mtu,
    attributes: async () => ({ backendType: 'ipip', ipv4: { publicIp: external.publicIps.ipv4 ?? '' } }),
    start: async (own, signal) => {
      await ensureDevice(options, mtu, own, signal)
      const sync = async (leases: readonly Lease[], syncSignal: AbortSignal): Promise<void> => {
        await ensureDevice(options, mtu, own, syncSignal)
        const routes = directRouting ? await observeRoutes(['ipv4'], syncSignal) : []
        const isDirect = (publicIp: string): boolean => isOnLink(routes, external.name, publicIp)
        const wanted = ipipRoutes(leases, external.name, isDirect)
        await syncRoutes(options, wanted, directRouting ? [ipipName, external.name] : [ipipName], syncSignal)
      }
      return { run: async (leases, runSignal) => await followLeases({ clock, logger, sync }, leases, runSignal) }
    },
  }
}

/** One route per lease of this backend; to a host on our link without the tunnel. Pure. */
export function ipipRoutes(
  leases: readonly Lease[],
  external: string,
  isDirect: (publicIp: string) => boolean,
): readonly Route[] {
  return leases.flatMap(({ backendType, ipv4 }) => {
    if (backendType !== 'ipip' || ipv4 === undefined) return []
    const { subnet, publicIp } = ipv4
    const device = isDirect(publicIp) ? external : ipipName
    return [{ destination: subnet, via: publicIp, device, isOnLink: true }]
  })
}

/** What is to be done with the device that is there. Pure. */
export function planIpip(link: Link | undefined, local: string): 'make' | 'keep' | 'replace' {
  if (link === undefined) return 'make'
  if (link.kind !== 'ipip') {
    throw new ConfigError(`${ipipName} isn't an ipip mode device, please remove device and try again`)
  }
  const remote = link.data.get('remote')
  const isAnyRemote = remote === undefined || remote === 'any' || remote === '0.0.0.0'
  return link.data.get('local') === local && isAnyRemote ? 'keep' : 'replace'
}

async function ensureDevice({ external }: Options, mtu: number, own: Lease, signal: AbortSignal): Promise<void> {
  const { ipv4: local = '' } = external.addresses
  if (own.ipv4 === undefined) throw new ConfigError('the ipip backend carries IPv4 only')
  const link = await observeLink(ipipName, signal)
  const plan = planIpip(link, local)
  if (plan === 'replace') await ipBatch([`link delete dev ${ipipName}`], signal)
  if (plan !== 'keep') await ensureLink('ipip', [`link add name ${ipipName} type ipip local ${local}`], signal)
  const kept = plan === 'keep' ? link : undefined
  await ipBatch([...planUp(ipipName, kept, mtu), ...planAddresses(ipipName, own.ipv4.subnet, kept)], signal)
}
