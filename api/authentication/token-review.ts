import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { TokenReview } from './v1.ts'

/** TokenReview. */
export const tokenReviews = defineResource<TokenReview>({
  facts: factsOf('authentication.k8s.io', 'tokenreviews'),
  definition: 'authentication.v1.TokenReview',
})
