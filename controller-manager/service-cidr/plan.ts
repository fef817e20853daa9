/**
 * ServiceCIDRs: ready while they are wanted, and not gone before their last address is another range's or nobody's. Pure.
 * Source: KEP-1880.
 */
import type { IPAddress, ServiceCIDR } from '../../api/networking/v1.ts'
import { parseTime } from '../../apimachinery/time.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { covers, parseSubnet, type Subnet } from '../../component-base/ip-address.ts'

export const finalizer = 'networking.k8s.io/service-cidr-finalizer'
const managedBy = 'ipaddress.kubernetes.io/managed-by'
const manager = 'ipallocator.k8s.io'
/** API servers may still give out an address of a range that has just been marked. Source: `deletionGracePeriod`. */
const graceMs = 10_000

/** Everything the decision depends on. */
export type Observed = {
  readonly serviceCidr: ServiceCIDR
  readonly all: readonly ServiceCIDR[]
  readonly addresses: readonly IPAddress[]
  readonly nowMs: number
}
export type Condition = { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string }
export type Action =
  | { readonly type: 'protect' | 'release'; readonly serviceCidr: ServiceCIDR }
  | { readonly type: 'setReady'; readonly serviceCidr: ServiceCIDR; readonly condition: Condition }

const ready: Condition = { status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' }
const blocked: Condition = {
  status: 'False',
  reason: 'Terminating',
  message: 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
}

/** What is to be done about one of them. */
export function plan(observed: Observed): Plan<Action> {
  const { serviceCidr, nowMs } = observed
  const { deletionTimestamp, finalizers = [] } = serviceCidr.metadata
  const isProtected = finalizers.includes(finalizer)
  if (deletionTimestamp === undefined) {
    return {
      actions: [...(isProtected ? [] : [{ type: 'protect', serviceCidr } as const]), ...condition(serviceCidr, ready)],
    }
  }
  if (!isProtected) return { actions: [] }
  if (isNeeded(observed)) return { actions: condition(serviceCidr, blocked) }
  const leftMs = parseTime(deletionTimestamp) + graceMs - nowMs
  return leftMs > 0 ? { actions: [], requeueAfterMs: leftMs } : { actions: [{ type: 'release', serviceCidr }] }
}

function condition(serviceCidr: ServiceCIDR, wanted: Condition): readonly Action[] {
  const now = serviceCidr.status?.conditions?.find(({ type }) => type === 'Ready')
  const isSame =
    now?.status === wanted.status && (now.reason ?? '') === wanted.reason && (now.message ?? '') === wanted.message
  // The API server calls its own range ready in words of its own.
  const isSaid = now?.status === 'True' && wanted.status === 'True' && serviceCidr.metadata.name === 'kubernetes'
  return isSame || isSaid ? [] : [{ type: 'setReady', serviceCidr, condition: wanted }]
}

/** Whether an address would be in no range any more. */
function isNeeded({ serviceCidr, all, addresses }: Observed): boolean {
  const own = rangesOf(serviceCidr)
  const others = all.filter(({ metadata }) => metadata.name !== serviceCidr.metadata.name).flatMap(rangesOf)
  if (own.length > 0 && own.every((range) => others.some((other) => covers(other, range)))) return false
  return addresses.some(({ metadata }) => {
    const address = addressOf(metadata.name)
    if (address === undefined || metadata.labels?.[managedBy] !== manager) return false
    return own.some((range) => covers(range, address)) && !others.some((range) => covers(range, address))
  })
}

/** Names of the ServiceCIDRs that may have to be looked at again when another range or an address changes. */
export function related(text: string, all: readonly ServiceCIDR[]): readonly string[] {
  const range = text.includes('/') ? parseSubnet(text) : addressOf(text)
  if (range === undefined) return []
  return all
    .filter((one) => rangesOf(one).some((own) => covers(own, range) || covers(range, own)))
    .map(({ metadata }) => metadata.name)
}

function rangesOf({ spec }: ServiceCIDR): readonly Subnet[] {
  return (spec.cidrs ?? []).flatMap((text) => parseSubnet(text) ?? [])
}

function addressOf(address: string): Subnet | undefined {
  return parseSubnet(`${address}/${address.includes(':') ? 128 : 32}`)
}
