/** Which API servers there are, for everyone to see: one Lease each in `kube-system`. Source: KEP-1965. */
import { createHash, randomUUID } from 'node:crypto'
import type { ApiObject } from '../../api/resource.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { formatMicroTime, parseTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { ObjectReader } from '../registry/reader.ts'
import type { Store } from '../registry/store.ts'
import { kinds, readAll } from '../registry/typed-reader.ts'
import { apiserverUser, ensure } from './ensure.ts'

const namespace = 'kube-system'
const identityLabel = 'apiserver.kubernetes.io/identity'
const identity = 'kube-apiserver'
/** Source: `IdentityLeaseDurationSeconds`, `IdentityLeaseRenewIntervalPeriod`, `IdentityLeaseGCPeriod`. */
const leaseSeconds = 3600
const renewEveryMs = 10_000
const collectEveryMs = 3_600_000

const base32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** `apiserver-` and half of a SHA-256 over host name and identity, each with its length, in base 32. Pure. */
export function serverId(hostname: string): string {
  const hash = createHash('sha256')
  for (const text of [hostname, identity]) {
    const bytes = Buffer.from(text)
    hash.update(Buffer.from([bytes.length >> 8, bytes.length & 255])).update(bytes)
  }
  const half = hash.digest().subarray(0, 16)
  let bits = ''
  for (const byte of half) bits += byte.toString(2).padStart(8, '0')
  const digits = bits.match(/.{1,5}/g) ?? []
  return `apiserver-${digits.map((five) => base32[Number.parseInt(five.padEnd(5, '0'), 2)] ?? '').join('')}`
}

/** Whether nobody has renewed a lease for as long as it says. Pure. */
export function isExpired({ spec }: LeaseLike, nowMs: number): boolean {
  if (spec?.renewTime === undefined || spec.leaseDurationSeconds === undefined) return true
  return parseTime(spec.renewTime) + spec.leaseDurationSeconds * 1000 < nowMs
}
type LeaseLike = { readonly spec?: { readonly renewTime?: string; readonly leaseDurationSeconds?: number } }

export type IdentityOptions = {
  readonly store: Store
  readonly reader: ObjectReader
  readonly clock: Clock
  readonly hostname: string
  readonly onError: (error: unknown) => void
}

/** Renews our Lease, and removes those of servers that are gone, until `signal` aborts. */
export async function runIdentityLease(options: IdentityOptions, signal: AbortSignal): Promise<void> {
  const { clock, hostname, onError } = options
  const holder = `${serverId(hostname)}_${randomUUID()}`
  let collectedMs = Number.NEGATIVE_INFINITY
  for (;;) {
    try {
      await renew(options, holder, signal)
      if (clock.now() - collectedMs >= collectEveryMs) {
        await collect(options, signal)
        collectedMs = clock.now()
      }
    } catch (error) {
      signal.throwIfAborted()
      onError(error)
    }
    await clock.sleep(renewEveryMs, signal)
  }
}

async function renew({ store, clock, hostname }: IdentityOptions, holder: string, signal: AbortSignal): Promise<void> {
  const labels = { [identityLabel]: identity, 'kubernetes.io/hostname': hostname }
  const spec = {
    holderIdentity: holder,
    leaseDurationSeconds: leaseSeconds,
    renewTime: formatMicroTime(clock.now()),
  }
  const draft = { metadata: { name: serverId(hostname), namespace, labels }, spec }
  const withSpec = (current: ApiObject): ApiObject => {
    const next: ApiObject & { readonly spec: object } = {
      ...current,
      metadata: { ...current.metadata, labels: { ...current.metadata.labels, ...labels } },
      spec,
    }
    return next
  }
  await ensure(store, { group: 'coordination.k8s.io', plural: 'leases', namespace, draft }, withSpec, signal)
}

async function collect({ store, reader, clock }: IdentityOptions, signal: AbortSignal): Promise<void> {
  const resource = store.resource('coordination.k8s.io', 'leases')
  if (resource === undefined) return
  for (const lease of readAll(reader, kinds.leases, namespace)) {
    const { name, uid, labels } = lease.metadata
    if (labels?.[identityLabel] !== identity || !isExpired(lease, clock.now())) continue
    const options = { user: apiserverUser, ...(uid === undefined ? {} : { preconditions: { uid } }) }
    await store.delete(resource, { namespace, name }, options, signal).catch((error: unknown) => {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
    })
  }
}
