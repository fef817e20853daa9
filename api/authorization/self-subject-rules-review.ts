/** SelfSubjectRulesReview: what may I do there? Never stored. The server refuses an empty namespace itself. */
import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { SelfSubjectRulesReview } from './v1.ts'

export const selfSubjectRulesReviews = defineResource<SelfSubjectRulesReview>({
  facts: factsOf('authorization.k8s.io', 'selfsubjectrulesreviews'),
  definition: 'authorization.v1.SelfSubjectRulesReview',
  hasGeneration: false,
})
