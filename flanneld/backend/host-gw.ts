/** No encapsulation: every other host is the next hop to its subnets. Needs one link for all hosts. Both families. */
import { familiesOf } from '../family.ts'
import { ConfigError } from '../json-fields.ts'
import { applyRoutes, observeRoutes } from '../routes/apply.ts'
import { planRoutes, type Route } from '../routes/plan.ts'
import type { Lease } from '../subnet/lease.ts'
import { type Backend, type BackendOptions, plainAttributes } from './backend.ts'
import { followLeases } from './follow.ts'

/** The host-gw backend. */
export function createHostGwBackend(options: BackendOptions): Backend {
  const { external, clock, logger } = options
  if (external.publicIps.ipv4 !== external.addresses.ipv4) {
    throw new ConfigError(
      "your PublicIP differs from interface IP, meaning that probably you're on a NAT, which is not supported by host-gw backend",
    )
  }
  const sync = async (leases: readonly Lease[], signal: AbortSignal): Promise<void> => {
    await syncRoutes(options, wantedRoutes(leases, external.name), [external.name], signal)
  }
  return {
    mtu: external.mtu,
    attributes: async () => plainAttributes(options, 'host-gw'),
    start: async () => ({
      run: async (leases, signal) => await followLeases({ clock, logger, sync }, leases, signal),
    }),
  }
}

/** One route per subnet of every lease of this backend. */
export function wantedRoutes(leases: readonly Lease[], device: string): readonly Route[] {
  return leases
    .filter(({ backendType }) => backendType === 'host-gw')
    .flatMap((lease) => familiesOf(lease).flatMap((family) => lease[family] ?? []))
    .map(({ subnet, publicIp }) => ({ destination: subnet, via: publicIp, device }))
}

/** Brings the kernel's routes out of `devices` to what is wanted. */
export async function syncRoutes(
  { config, logger }: BackendOptions,
  wanted: readonly Route[],
  devices: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const observed = await observeRoutes(familiesOf(config.networks), signal)
  const actions = planRoutes(wanted, observed, { networks: config.networks, devices })
  const failure = await applyRoutes(actions, signal)
  if (failure !== '') logger.error('Could not set all routes', { failure })
  else if (actions.length > 0) logger.info('Changed routes', { changes: actions.length })
}
