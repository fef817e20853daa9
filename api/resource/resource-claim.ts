/** ResourceClaim: devices for pods. Source: pkg/apis/resource/validation, `printResourceClaim`. */
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { defaultClaim, validateClaim, withOperators } from './claim-rules.ts'
import { validateClaimStatus, withoutDeallocated } from './claim-status.ts'
import { asGo } from './internal.ts'
import type { ResourceClaim, ResourceClaimStatus } from './v1.ts'

export const resourceClaims = defineResource<ResourceClaim>({
  facts: factsOf('resource.k8s.io', 'resourceclaims'),
  definition: 'resource.v1.ResourceClaim',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (claim) => ({ ...claim, spec: defaultClaim(claim.spec), status: defaultStatus(claim.status) }),
  validate: ({ spec }) => validateClaim(spec, 'spec'),
  validateUpdate: ({ spec }, old) =>
    when(!sameJson(spec, old.spec), () => invalidValue('spec', asGo(spec, 'claim'), 'field is immutable')),
  prepareForStatusUpdate: onlyStatus,
  validateStatusUpdate: validateClaimStatus,
  columns: [nameColumn, text('State', state), ageColumn],
})

function defaultStatus(status: ResourceClaimStatus): ResourceClaimStatus {
  const { allocation } = status
  const results = allocation?.devices.results
  if (results === undefined) return status
  return {
    ...status,
    allocation: { ...allocation, devices: { ...allocation?.devices, results: results.map(withOperators) } },
  }
}

function state({ metadata, status }: ResourceClaim): string {
  const { allocation, reservedFor = [] } = status ?? {}
  const states = [
    ...(metadata.deletionTimestamp === undefined ? [] : ['deleted']),
    ...(allocation === undefined ? ['pending'] : ['allocated']),
    ...(reservedFor.length > 0 ? ['reserved'] : []),
  ]
  return states.join(',')
}

function onlyStatus({ metadata: { managedFields }, status }: ResourceClaim, old: ResourceClaim): ResourceClaim {
  const metadata = { ...old.metadata, ...(managedFields === undefined ? {} : { managedFields }) }
  return { ...old, metadata, status: withoutDeallocated(status, old.status) }
}
