/** ResourceClaim: devices for pods. Source: pkg/apis/resource/validation, `printResourceClaim`. */
import { factsOf } from '../facts/resources.ts'
import { immutable } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { defaultClaim, validateClaim } from './claim-rules.ts'
import type { ResourceClaim } from './v1.ts'

export const resourceClaims = defineResource<ResourceClaim>({
  facts: factsOf('resource.k8s.io', 'resourceclaims'),
  definition: 'resource.v1.ResourceClaim',
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (claim) => ({ ...claim, spec: defaultClaim(claim.spec) }),
  validate: ({ spec }) => validateClaim(spec, 'spec'),
  validateUpdate: ({ spec }, old) => immutable('spec', spec, old.spec),
  columns: [nameColumn, text('State', state), ageColumn],
})

function state({ metadata, status }: ResourceClaim): string {
  const { allocation, reservedFor = [] } = status ?? {}
  const states = [
    ...(metadata.deletionTimestamp === undefined ? [] : ['deleted']),
    ...(allocation === undefined ? ['pending'] : ['allocated']),
    ...(reservedFor.length > 0 ? ['reserved'] : []),
  ]
  return states.join(',')
}
