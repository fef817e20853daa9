/** SelfSubjectAccessReview: may I do this? Never stored. */
import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import { validateAttributes } from './attributes.ts'
import type { SelfSubjectAccessReview } from './v1.ts'

export const selfSubjectAccessReviews = defineResource<SelfSubjectAccessReview>({
  facts: factsOf('authorization.k8s.io', 'selfsubjectaccessreviews'),
  definition: 'authorization.v1.SelfSubjectAccessReview',
  hasGeneration: false,
  validate: ({ spec }) => validateAttributes(spec),
})
