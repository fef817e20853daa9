/** No encapsulation: every other host is the next hop to its subnet. Needs one link for all hosts. */
import { applyRoutes, observeRoutes } from '../routes/apply.ts'
import { planRoutes, type Route } from '../routes/plan.ts'
import type { Lease } from '../subnet/lease.ts'
import type { Backend, BackendOptions } from './backend.ts'

/** How often routes are compared again when no lease changes: somebody else may have removed one. */
const resyncMs = 10_000

/** The host-gw backend. */
export function createHostGwBackend(options: BackendOptions): Backend {
  return {
    mtu: options.external.mtu,
    attributes: async () => ({ publicIp: options.publicIp, backendType: 'host-gw' }),
    start: async () => ({ run: async (leases, signal) => await run(options, leases, signal) }),
  }
}

async function run(
  options: BackendOptions,
  leases: AsyncIterable<readonly Lease[]>,
  signal: AbortSignal,
): Promise<void> {
  let wanted: readonly Route[] | undefined
  const follow = async (): Promise<void> => {
    for await (const current of leases) {
      wanted = wantedRoutes(current, options.external.name)
      await syncRoutes(options, wanted, signal)
    }
  }
  const resync = async (): Promise<void> => {
    while (!signal.aborted) {
      await options.clock.sleep(resyncMs, signal)
      if (wanted !== undefined) await syncRoutes(options, wanted, signal)
    }
  }
  await Promise.all([follow(), resync()])
}

/** One route per lease of this backend. */
export function wantedRoutes(leases: readonly Lease[], device: string): readonly Route[] {
  return leases
    .filter(({ backendType }) => backendType === 'host-gw')
    .map(({ subnet, publicIp }) => ({ destination: subnet, via: publicIp, device }))
}

/** Brings the kernel's routes to what is wanted. */
export async function syncRoutes(
  { config, external, logger }: BackendOptions,
  wanted: readonly Route[],
  signal: AbortSignal,
): Promise<void> {
  const owned = { network: config.network, device: external.name }
  const actions = planRoutes(wanted, await observeRoutes(signal), owned)
  const failure = await applyRoutes(actions, signal)
  if (failure !== '') logger.error('Could not set all routes', { failure })
  else if (actions.length > 0) logger.info('Changed routes', { changes: actions.length })
}
