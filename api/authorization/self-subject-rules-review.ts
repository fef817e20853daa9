import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { SelfSubjectRulesReview } from './v1.ts'

/** SelfSubjectRulesReview. */
export const selfSubjectRulesReviews = defineResource<SelfSubjectRulesReview>({
  facts: factsOf('authorization.k8s.io', 'selfsubjectrulesreviews'),
  definition: 'authorization.v1.SelfSubjectRulesReview',
})
