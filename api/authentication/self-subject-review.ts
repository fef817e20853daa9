/** SelfSubjectReview: who am I? Never stored. Source: `printSelfSubjectReview`. */
import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { SelfSubjectReview } from './v1.ts'

export const selfSubjectReviews = defineResource<SelfSubjectReview>({
  facts: factsOf('authentication.k8s.io', 'selfsubjectreviews'),
  definition: 'authentication.v1.SelfSubjectReview',
  hasGeneration: false,
})
