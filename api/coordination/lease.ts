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
  hasGeneration: false,
  allowCreateOnUpdate: true,
  requiresResourceVersion: true,
  validateName: subdomainName,
  validate: validateLease,
  validateUpdate: validateLease,
  columns: [nameColumn, text('Holder', ({ spec }) => spec.holderIdentity ?? ''), ageColumn],
})

function validateLease({ spec }: Lease): Causes {
  const { leaseDurationSeconds, leaseTransitions } = spec ?? {}
  return [
    ...(leaseDurationSeconds === undefined ? [] : positive('spec.leaseDurationSeconds', leaseDurationSeconds)),
    ...nonNegative('spec.leaseTransitions', leaseTransitions),
  ]
}
