/** Annotations of pods that mean something to Kubernetes, most of them older than the fields that took their place. */
import { forbiddenField, invalidValue } from '../../apimachinery/field-errors.ts'
import { type Causes, when } from '../meta/causes.ts'
import { descendingPath } from './local-path.ts'
import { eachContainer } from './pod-containers.ts'
import type { Pod, PodSpec } from './v1.ts'

/** The mark of a static pod's copy. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror'

const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost'
const seccompPod = 'seccomp.security.alpha.kubernetes.io/pod'
const seccompContainer = 'container.seccomp.security.alpha.kubernetes.io/'
const appArmorContainer = 'container.apparmor.security.beta.kubernetes.io/'
const localhost = 'localhost/'
const maxInt32 = 2147483647

type Annotations = Readonly<Record<string, string>>

/** A pod, or what pods are made from. */
type PodLike = { readonly metadata: { readonly annotations?: Annotations }; readonly spec: PodSpec }

/** What is wrong with the annotations at `field`. Source: `ValidatePodSpecificAnnotations`. */
export function validatePodAnnotations({ metadata, spec }: PodLike, field: string): Causes {
  const annotations = metadata.annotations ?? {}
  const { [mirrorAnnotation]: mirror, [deletionCostAnnotation]: cost } = annotations
  return [
    ...when(mirror !== undefined && (spec.nodeName ?? '') === '', () =>
      invalidValue(`${field}[${mirrorAnnotation}]`, mirror, 'must set spec.nodeName if mirror pod annotation is set'),
    ),
    ...when(cost !== undefined && !isInt32(cost), () =>
      invalidValue(`${field}[${deletionCostAnnotation}]`, cost, 'must be a 32bit integer'),
    ),
    ...validateSeccompAnnotations(annotations, field),
    ...validateAppArmorAnnotations(annotations, spec, field),
  ]
}

function isInt32(text: string): boolean {
  return /^(0|-?[1-9]\d*)$/.test(text) && Math.abs(Number(text)) <= maxInt32
}

/** Profiles as pods of before 1.19 named them. Source: `ValidateSeccompPodAnnotations`. */
function validateSeccompAnnotations(annotations: Annotations, field: string): Causes {
  const own = annotations[seccompPod]
  return [
    ...(own === undefined ? [] : validateSeccompName(own, `${field}.${seccompPod}`)),
    ...Object.entries(annotations)
      .filter(([key]) => key.startsWith(seccompContainer))
      .flatMap(([key, profile]) => validateSeccompName(profile, `${field}.${key}`)),
  ]
}

function validateSeccompName(profile: string, field: string): Causes {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(profile)) return []
  if (profile.startsWith(localhost)) return descendingPath(profile.slice(localhost.length), field)
  return [invalidValue(field, profile, 'must be a valid seccomp profile')]
}

/** Source: `ValidateAppArmorPodAnnotations`. */
function validateAppArmorAnnotations(annotations: Annotations, spec: PodSpec, field: string): Causes {
  const names = new Set(eachContainer(spec, '').map(({ container }) => container.name))
  return Object.entries(annotations)
    .filter(([key]) => key.startsWith(appArmorContainer))
    .flatMap(([key, profile]) => {
      const name = key.slice(appArmorContainer.length)
      const isKnown = ['', 'runtime/default', 'unconfined'].includes(profile) || profile.startsWith(localhost)
      return [
        ...when(!names.has(name), () => invalidValue(`${field}[${key}]`, name, 'container not found')),
        ...when(!isKnown, () =>
          invalidValue(`${field}[${key}]`, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`),
        ),
      ]
    })
}

/** Annotations that stay as they were. Source: `ValidatePodSpecificAnnotationUpdates`. */
export function validateAnnotationChanges(pod: Pod, old: Pod): Causes {
  const now = pod.metadata.annotations ?? {}
  const before = old.metadata.annotations ?? {}
  const cannot = (key: string, verb: string): Causes => {
    const what = key === mirrorAnnotation ? 'mirror pod annotation' : 'AppArmor annotations'
    return [forbiddenField(`metadata.annotations[${key}]`, `may not ${verb} ${what}`)]
  }
  const isFixed = (key: string) => key === mirrorAnnotation || key.startsWith(appArmorContainer)
  return [
    ...Object.keys(before)
      .filter((key) => isFixed(key) && now[key] !== before[key])
      .flatMap((key) => cannot(key, 'remove or update')),
    ...Object.keys(now)
      .filter((key) => isFixed(key) && before[key] === undefined)
      .flatMap((key) => cannot(key, 'add')),
    ...validatePodAnnotations(pod, 'metadata.annotations'),
  ]
}

type Profile = { readonly type: string; readonly localhostProfile?: string }

/** An annotation and the field that replaced it agree. Source: `validateSeccompAnnotationsAndFields` and its AppArmor twin. */
export function validateProfilesAgree({ metadata, spec }: PodLike, field: string): Causes {
  const annotations = metadata.annotations ?? {}
  const own = spec.securityContext
  const containers = eachContainer(spec, field)
  const armor = spec.os?.name === 'windows' ? [] : containers
  return [
    ...agrees(own?.seccompProfile, annotations[seccompPod], `${field}.securityContext.seccompProfile`, 'seccomp'),
    ...containers.flatMap(({ container: { name, securityContext }, path }) =>
      agrees(
        securityContext?.seccompProfile,
        annotations[`${seccompContainer}${name}`],
        `${path}.securityContext.seccompProfile`,
        'seccomp',
      ),
    ),
    ...armor.flatMap(({ container: { name, securityContext }, path }) =>
      agrees(
        securityContext?.appArmorProfile ?? own?.appArmorProfile,
        annotations[`${appArmorContainer}${name}`],
        `${path}.securityContext.appArmorProfile`,
        'apparmor',
      ),
    ),
  ]
}

const annotationNames: Readonly<Record<string, readonly string[]>> = {
  Unconfined: ['unconfined'],
  RuntimeDefault: ['runtime/default', 'docker/default'],
}

function agrees(profile: Profile | undefined, annotation: string | undefined, field: string, what: string): Causes {
  if (profile === undefined || annotation === undefined) return []
  const differs = (key: string, word: string) => [
    forbiddenField(`${field}.${key}`, `${what} ${word} in annotation and field must match`),
  ]
  if (profile.type !== 'Localhost') {
    const names = annotationNames[profile.type]
    return names === undefined || names.includes(annotation) ? [] : differs('type', 'type')
  }
  if (!annotation.startsWith(localhost)) return differs('type', 'type')
  return annotation.slice(localhost.length) === profile.localhostProfile ? [] : differs('localhostProfile', 'profile')
}
