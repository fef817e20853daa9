import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { SelfSubjectReview } from './v1.ts'

/** SelfSubjectReview. */
export const selfSubjectReviews = defineResource<SelfSubjectReview>({
  facts: factsOf('authentication.k8s.io', 'selfsubjectreviews'),
  definition: 'authentication.v1.SelfSubjectReview',
})
