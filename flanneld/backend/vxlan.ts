/** Packets travel in the kernel's VXLAN, one device per family, everything about other hosts set by us. */
import { run } from '../../component-base/exec.ts'
import { type Family, familiesOf, familyFacts, type PerFamily } from '../family.ts'
import { forceBatch, observeRoutes } from '../routes/apply.ts'
import { ipQuery } from '../routes/links.ts'
import { isOnLink } from '../routes/plan.ts'
import type { Lease, Reach } from '../subnet/lease.ts'
import type { Backend, BackendOptions } from './backend.ts'
import type { VxlanConfig } from './config.ts'
import { followLeases } from './follow.ts'
import { ensureVxlan, hardwareAddress, keepVxlan, type VxlanDevice, vxlanName } from './vxlan-device.ts'
import { parseForwarding, parseNeighbours, planVxlan, vtepsOf } from './vxlan-plan.ts'

/** Outer Ethernet, IP, UDP and VXLAN headers. */
const overhead = { ipv4: 50, ipv6: 70 }

type Options = BackendOptions & { readonly vxlan: VxlanConfig }

/** The vxlan backend. */
export function createVxlanBackend(options: Options): Backend {
  const { config, external, vxlan, clock, logger } = options
  const stack = familiesOf(config.networks)
  const wire = vxlan.mtu > 0 ? vxlan.mtu : external.mtu
  const mtu = wire - Math.max(...stack.map((family) => overhead[family]))
  const deviceOf = (family: Family, mac?: string): VxlanDevice => ({
    family,
    name: vxlanName(family, vxlan.vni),
    external: external.name,
    local: external.addresses[family] ?? '',
    mtu: wire - overhead[family],
    mac: mac ?? hardwareAddress(external.publicIps[family] ?? '', vxlan.vni),
    vxlan,
  })
  return {
    mtu,
    attributes: async (signal) => {
      const reach: { -readonly [F in Family]?: Reach } = {}
      for (const family of stack) {
        const mac = await ensureVxlan(deviceOf(family), signal)
        reach[family] = {
          publicIp: external.publicIps[family] ?? '',
          backendData: { VNI: vxlan.vni, VtepMAC: mac },
        }
      }
      return { ...reach, backendType: 'vxlan' }
    },
    start: async (own, signal) => {
      // Other hosts know the address that the lease names: a device that is made again must have the same.
      const devices = stack.map((family) => deviceOf(family, publishedMac(own, family)))
      for (const device of devices) await keepVxlan(device, own, signal)
      const sync = async (leases: readonly Lease[], syncSignal: AbortSignal): Promise<void> => {
        for (const device of devices) await syncDevice(options, device, own, leases, syncSignal)
      }
      return { run: async (leases, runSignal) => await followLeases({ clock, logger, sync }, leases, runSignal) }
    },
  }
}

function publishedMac(own: PerFamily<Reach>, family: Family): string | undefined {
  const data = own[family]?.backendData
  const mac = typeof data === 'object' && data !== null && 'VtepMAC' in data ? data.VtepMAC : undefined
  return typeof mac === 'string' ? mac : undefined
}

async function syncDevice(
  { config, external, vxlan, logger }: Options,
  device: VxlanDevice,
  own: Lease,
  leases: readonly Lease[],
  signal: AbortSignal,
): Promise<void> {
  const { family, name } = device
  const network = config.networks[family]
  if (network === undefined) return
  await keepVxlan(device, own, signal)
  const { ipFlag } = familyFacts[family]
  const [fdb, routes, neighbours] = await Promise.all([
    run('bridge', ['-json', 'fdb', 'show', 'dev', name], { signal }),
    observeRoutes([family], signal),
    ipQuery([ipFlag, 'neighbour', 'show', 'dev', name, 'nud', 'permanent'], signal),
  ])
  const forwarding = parseForwarding(fdb.stdout.trim() === '' ? [] : JSON.parse(fdb.stdout))
  const observed = { routes, neighbours: parseNeighbours(neighbours), forwarding }
  const isDirect = (publicIp: string): boolean => vxlan.directRouting && isOnLink(routes, external.name, publicIp)
  const facts = { family, device: name, external: external.name, network, isDirect }
  const plan = planVxlan(vtepsOf(leases, family, vxlan.vni), observed, facts)
  const failures = [await forceBatch('bridge', plan.bridge, signal), await forceBatch('ip', plan.ip, signal)].filter(
    (text) => text !== '',
  )
  if (failures.length > 0) logger.error('Could not set all entries', { device: name, failures })
  else if (plan.bridge.length + plan.ip.length > 0) {
    logger.info('Changed entries', { device: name, changes: plan.bridge.length + plan.ip.length })
  }
}
