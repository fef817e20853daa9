/** TokenReview: whose token is this? Never stored. Source: pkg/registry/authentication/tokenreview. */
import { required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { when } from '../meta/causes.ts'
import { defineResource } from '../resource.ts'
import type { TokenReview } from './v1.ts'

export const tokenReviews = defineResource<TokenReview>({
  facts: factsOf('authentication.k8s.io', 'tokenreviews'),
  definition: 'authentication.v1.TokenReview',
  hasGeneration: false,
  validate: ({ spec }) => when((spec.token ?? '') === '', required('spec.token')),
})
