/** LocalSubjectAccessReview: may they do this here? Never stored. */
import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import { validateAttributes, validateLocal, validateSubject } from './attributes.ts'
import type { LocalSubjectAccessReview } from './v1.ts'

export const localSubjectAccessReviews = defineResource<LocalSubjectAccessReview>({
  facts: factsOf('authorization.k8s.io', 'localsubjectaccessreviews'),
  definition: 'authorization.v1.LocalSubjectAccessReview',
  hasGeneration: false,
  validate: ({ spec, metadata }) => [
    ...validateAttributes(spec),
    ...validateSubject(spec),
    ...validateLocal(metadata.namespace ?? '', spec.resourceAttributes, spec.nonResourceAttributes),
  ],
})
