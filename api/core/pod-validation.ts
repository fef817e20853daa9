/** Rules of a whole pod, beyond those of its spec. Source: `validatePodMetadataAndSpec`, `ValidatePodCreate`. */
import { forbiddenField } from '../../apimachinery/field-errors.ts'
import { type Causes, each, when } from '../meta/causes.ts'
import { validateTrimmedImage } from './containers.ts'
import { validatePodAnnotations, validateProfilesAgree } from './pod-annotations.ts'
import { validatePodSpec } from './pod-spec.ts'
import type { Pod, PodSpec } from './v1.ts'

/** What every pod is held to, new or changed. */
export function validatePod(pod: Pod): Causes {
  const { metadata, spec } = pod
  return [
    ...validatePodAnnotations(pod, 'metadata.annotations'),
    ...validatePodSpec(spec, 'spec', metadata.name, metadata.annotations),
    ...((spec.serviceAccountName ?? '') === '' ? validateNoTokens(spec) : []),
    ...(['containers', 'initContainers'] as const).flatMap((list) =>
      each(`spec.${list}`, spec[list], ({ image }, path) => validateTrimmedImage(image, `${path}.image`)),
    ),
  ]
}

/** Nobody's token can be mounted. */
function validateNoTokens({ volumes }: PodSpec): Causes {
  return each('spec.volumes', volumes, ({ projected }, volume) =>
    each(`${volume}.projected.sources`, projected?.sources, ({ serviceAccountToken }, source) =>
      when(
        serviceAccountToken !== undefined,
        forbiddenField(`${source}.serviceAccountToken`, 'must not be specified when serviceAccountName is not set'),
      ),
    ),
  )
}

/** What a new pod may not have besides. */
export function validateNewPod(pod: Pod): Causes {
  const { ephemeralContainers = [], nodeName = '', schedulingGates = [] } = pod.spec
  return [
    ...validatePod(pod),
    ...when(ephemeralContainers.length > 0, forbiddenField('spec.ephemeralContainers', 'cannot be set on create')),
    ...when(
      nodeName !== '' && schedulingGates.length > 0,
      forbiddenField('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'),
    ),
    ...validateProfilesAgree(pod, 'spec'),
  ]
}
