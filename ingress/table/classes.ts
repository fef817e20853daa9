/** Which Ingresses are ours. Pure. */
import type { Ingress, IngressClass } from '../../api/networking/v1.ts'

export type ClassOptions = {
  /** The `spec.controller` of IngressClasses that name us. */
  readonly controller: string
  /** The value of the old annotation that names us, whether there is an IngressClass of that name or not. */
  readonly annotationClass: string
  /** Whether Ingresses without any class are ours although no class of ours is the default. */
  readonly takesUnclassed: boolean
}

const legacyAnnotation = 'kubernetes.io/ingress.class'
const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class'

/** The annotation goes before the field (API field doc of `ingressClassName`). */
export function isOurs(
  { metadata, spec }: Ingress,
  classes: ReadonlyMap<string, IngressClass>,
  { controller, annotationClass, takesUnclassed }: ClassOptions,
): boolean {
  const isOurClass = (name: string): boolean => classes.get(name)?.spec?.controller === controller
  const annotated = metadata.annotations?.[legacyAnnotation] ?? ''
  if (annotated !== '') return annotated === annotationClass || isOurClass(annotated)
  const name = spec.ingressClassName
  if (name !== undefined) return isOurClass(name)
  // Made before there was a default class: the API server fills it in only at creation.
  return takesUnclassed || [...classes.values()].some((each) => isDefault(each) && each.spec?.controller === controller)
}

function isDefault({ metadata }: IngressClass): boolean {
  return metadata.annotations?.[defaultAnnotation] === 'true'
}
