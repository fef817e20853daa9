import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { LocalSubjectAccessReview } from './v1.ts'

/** LocalSubjectAccessReview. */
export const localSubjectAccessReviews = defineResource<LocalSubjectAccessReview>({
  facts: factsOf('authorization.k8s.io', 'localsubjectaccessreviews'),
  definition: 'authorization.v1.LocalSubjectAccessReview',
})
