import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { SubjectAccessReview } from './v1.ts'

/** SubjectAccessReview. */
export const subjectAccessReviews = defineResource<SubjectAccessReview>({
  facts: factsOf('authorization.k8s.io', 'subjectaccessreviews'),
  definition: 'authorization.v1.SubjectAccessReview',
})
