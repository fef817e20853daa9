/** Lease: who holds what, until when. Source: pkg/apis/coordination/validation, `printLease`. */
import { factsOf } from '../facts/resources.ts'
import { type Causes, nonNegative, positive } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { Lease } from './v1.ts'

export const leases = defineResource<Lease>({
  facts: factsOf('coordination.k8s.io', 'leases'),
  definition: 'coordination.v1.Lease',
  metadataRules: { finalizers: 'any' },
  hasGeneration: false,
  allowCreateOnUpdate: true,
  requiresResourceVersion: true,
  validateName: subdomainName,
  prepareForCreate: withoutCandidates,
  prepareForUpdate: withoutCandidates,
  validate: validateLease,
  validateUpdate: validateLease,
  columns: [nameColumn, text('Holder', ({ spec }) => spec.holderIdentity ?? ''), ageColumn],
})

/** Coordinated leader election is off unless a feature gate turns it on, so that its fields are not stored. Source: KEP-4355. */
function withoutCandidates(lease: Lease, old?: Lease): Lease {
  if (lease.spec === undefined) return lease
  const { strategy, preferredHolder, ...spec } = lease.spec
  const { strategy: oldStrategy, preferredHolder: oldHolder } = old?.spec ?? {}
  return {
    ...lease,
    spec: {
      ...spec,
      ...(strategy === undefined || oldStrategy === undefined ? {} : { strategy }),
      ...(preferredHolder === undefined || oldHolder === undefined ? {} : { preferredHolder }),
    },
  }
}

function validateLease({ spec }: Lease): Causes {
  const { leaseDurationSeconds, leaseTransitions } = spec ?? {}
  return [
    ...(leaseDurationSeconds === undefined ? [] : positive('spec.leaseDurationSeconds', leaseDurationSeconds)),
    ...nonNegative('spec.leaseTransitions', leaseTransitions),
  ]
}
