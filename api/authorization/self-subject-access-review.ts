import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { SelfSubjectAccessReview } from './v1.ts'

/** SelfSubjectAccessReview. */
export const selfSubjectAccessReviews = defineResource<SelfSubjectAccessReview>({
  facts: factsOf('authorization.k8s.io', 'selfsubjectaccessreviews'),
  definition: 'authorization.v1.SelfSubjectAccessReview',
})
