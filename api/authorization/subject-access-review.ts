/** SubjectAccessReview: may they do this? Never stored. */
import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import { validateAttributes, validateSubject } from './attributes.ts'
import type { SubjectAccessReview } from './v1.ts'

export const subjectAccessReviews = defineResource<SubjectAccessReview>({
  facts: factsOf('authorization.k8s.io', 'subjectaccessreviews'),
  definition: 'authorization.v1.SubjectAccessReview',
  hasGeneration: false,
  validate: ({ spec }) => [...validateAttributes(spec), ...validateSubject(spec)],
})
