/** Figures of the load balancer. */
import { createRegistry, type Registry } from '../component-base/metrics.ts'
import { countTallies, registerGauge } from '../component-base/tallies.ts'

/** Where the parts note what they do. */
export type LoadBalancerMetrics = {
  readonly registry: Registry
  /** The allocating part says whom to ask. */
  readonly watchAllocations: (ask: () => { readonly addresses: bigint; readonly inUse: number }) => void
  readonly setAnnounced: (addresses: readonly string[]) => void
  /** A question for the address was answered. */
  readonly answered: (address: string) => void
  /** Neighbours were told of the address. */
  readonly announced: (address: string) => void
}

/** Makes the registry and what feeds it. */
export function createLoadBalancerMetrics(): LoadBalancerMetrics {
  const registry = createRegistry()
  let allocations: (() => { readonly addresses: bigint; readonly inUse: number }) | undefined
  let owned: readonly string[] = []
  registerGauge(
    registry,
    { name: 'service_lb_addresses', help: 'Addresses that the pools have.', labelNames: [] },
    () => (allocations === undefined ? [] : [{ labels: {}, value: Number(allocations().addresses) }]),
  )
  registerGauge(
    registry,
    { name: 'service_lb_addresses_in_use', help: 'Addresses that Services have.', labelNames: [] },
    () => (allocations === undefined ? [] : [{ labels: {}, value: allocations().inUse }]),
  )
  registerGauge(
    registry,
    { name: 'service_lb_announced', help: 'Addresses that this node answers for.', labelNames: ['ip'] },
    () => owned.map((ip) => ({ labels: { ip }, value: 1 })),
  )
  const answers = countTallies(registry, {
    name: 'service_lb_neighbour_answers_total',
    help: 'ARP requests and neighbour solicitations that were answered.',
    labelNames: ['ip'],
  })
  const announcements = countTallies(registry, {
    name: 'service_lb_announcements_total',
    help: 'Times that neighbours were told of an address unasked.',
    labelNames: ['ip'],
  })
  return {
    registry,
    watchAllocations: (ask) => {
      allocations = ask
    },
    setAnnounced: (addresses) => {
      owned = addresses
    },
    answered: (ip) => answers.of(ip, () => ({ ip })).add(),
    announced: (ip) => announcements.of(ip, () => ({ ip })).add(),
  }
}
