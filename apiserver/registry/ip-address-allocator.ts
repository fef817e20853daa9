/**
 * Keeps the IPAddress objects in line with the Services: a lost write, a killed server or a deleted IPAddress is put right by the
 * next pass. What a pass does is decided in `ip-address-plan.ts`.
 */
import { hasReason } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import { loopbackUser } from '../authn/user.ts'
import { graceMs, ipAddressDraft, planIpAddresses } from './ip-address-plan.ts'
import type { ObjectReader } from './reader.ts'
import type { ReportFinding } from './repair-events.ts'
import type { Store } from './store.ts'
import { kinds, readAll } from './typed-reader.ts'

export type IpAddressOptions = {
  readonly store: Store
  readonly reader: ObjectReader
  readonly clock: Clock
  readonly onError: (error: unknown) => void
  /** Tells of what is not as it was claimed. */
  readonly report: ReportFinding
}

/** How soon a change of a Service shows in its IPAddress. */
const lookEveryMs = 200

/** What no pass can put right is told again after this long. Source: upstream's `ServiceIPRepairInterval`. */
const tellAgainMs = 3 * 60_000

/** Keeps the IPAddresses in line until `signal` aborts. */
export async function runIpAddresses(options: IpAddressOptions, signal: AbortSignal): Promise<void> {
  const { reader, clock, onError } = options
  const told = new Map<string, number>()
  let seen = ''
  let lookedMs = Number.NEGATIVE_INFINITY
  for (;;) {
    await clock.sleep(lookEveryMs, signal)
    // What was claimed for nothing is found by time alone.
    const isDue = clock.now() - lookedMs > graceMs / 2
    const watched = [kinds.services, kinds.ipAddresses, kinds.serviceCidrs]
    const now = watched.map(({ facts }) => reader.revision(facts)).join('/')
    if (now === seen && !isDue) continue
    try {
      await bringInLine(options, told, signal)
      seen = now
      lookedMs = clock.now()
    } catch (error) {
      signal.throwIfAborted()
      onError(error)
    }
  }
}

async function bringInLine(
  { store, reader, clock, report }: IpAddressOptions,
  told: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const resource = store.resource('networking.k8s.io', 'ipaddresses')
  if (resource === undefined) return
  const nowMs = clock.now()
  const plan = planIpAddresses({
    services: readAll(reader, kinds.services),
    addresses: readAll(reader, kinds.ipAddresses),
    serviceCidrs: readAll(reader, kinds.serviceCidrs),
    nowMs,
  })
  for (const [note, untilMs] of told) if (untilMs <= nowMs) told.delete(note)
  for (const finding of plan.findings) {
    if (told.has(finding.note)) continue
    told.set(finding.note, nowMs + tellAgainMs)
    await report(finding, signal)
  }
  const options = { user: loopbackUser }
  for (const name of plan.remove) {
    await store.delete(resource, { namespace: '', name }, options, signal).catch(ignore('NotFound'))
  }
  for (const wanted of plan.create) {
    await store.create(resource, '', ipAddressDraft(wanted), options, signal).catch(ignore('AlreadyExists'))
  }
}

function ignore(reason: 'NotFound' | 'AlreadyExists'): (error: unknown) => void {
  return (error) => {
    if (!hasReason(error, reason)) throw error
  }
}
