/**
 * Rules of `metadata` that hold for every kind, and the name rules that kinds choose from.
 * Source: k8s.io/apimachinery/pkg/api/validation/objectmeta.go.
 */
import { forbiddenField as forbidden, invalidValue, required, tooLong } from '../../apimachinery/field-errors.ts'
import {
  isDns1035Label,
  isDns1123Label,
  isDns1123Subdomain,
  isLabelValue,
  isPathSegmentName,
  isQualifiedName,
} from '../../apimachinery/names.ts'
import type { ApiObject, ManagedFieldsEntry, ObjectMetadata, OwnerReference, Resource } from '../resource.ts'
import { type Causes, immutable, invalidValues, nonNegative } from './causes.ts'

/** All annotations of one object together: keys and values. Source: `TotalAnnotationSizeLimitB`. */
export const maxAnnotationBytes = 256 * 1024

type Labels = Readonly<Record<string, string>>

/** A rule for `metadata.name`: returns messages. */
export type NameRule = (name: string) => readonly string[]

/** A DNS subdomain of at most 253 characters: most kinds. */
export const subdomainName: NameRule = isDns1123Subdomain
/** A DNS label of at most 63 characters: namespaces, service ports. */
export const labelName: NameRule = isDns1123Label
/** A DNS label that starts with a letter: Services before 1.34. */
export const serviceName: NameRule = isDns1035Label

/** One segment of a URL: RBAC kinds, which take any name that fits. */
export const pathSegmentName: NameRule = isPathSegmentName

/** What is wrong with the metadata of a new object. `resource.validateName` absent: the path-segment rule. */
export function validateObjectMeta(object: ApiObject, resource: NameScope, field = 'metadata'): Causes {
  return [...validateNewMeta(object, resource, field), ...standardFinalizers(object, resource, field)]
}
type NameScope = Pick<Resource, 'facts' | 'validateName' | 'isCustom' | 'metadataRules'>

/**
 * What is wrong with the metadata of an update of `subresource` (`''` the object itself). Upstream judges it as that of a new
 * object and as a change, and most kinds' own rules do so again: a mistake is told two to four times. Source:
 * `rest.validateCommonFields` and the strategies.
 */
export function validateObjectMetaUpdate(
  object: ApiObject,
  old: ApiObject,
  resource: NameScope,
  subresource = '',
): Causes {
  // A name that was good when the object was made may stay.
  const whole = validateNewMeta(object, { facts: resource.facts }, 'metadata')
  const change = validateMetaChange(object.metadata, old.metadata)
  const standard = standardFinalizers(object, resource, 'metadata')
  if (whole.length + change.length + standard.length === 0) return []
  const { update = 'change', status = 'change' } = resource.metadataRules ?? {}
  const again = subresource === 'status' ? status : update
  return [
    ...whole,
    ...change,
    ...(again === 'none' ? [] : [...change, ...standard]),
    ...(again === 'whole' ? [...whole, ...standard] : []),
  ]
}

function validateNewMeta(object: ApiObject, resource: NameScope, field: string): Causes {
  const meta: Partial<ObjectMetadata> = object.metadata
  return [
    ...validateNames(meta, resource, field),
    ...validateNamespaceField(meta, resource.facts.namespaced, field),
    ...nonNegative(`${field}.generation`, meta.generation),
    ...validateLabels(meta.labels, `${field}.labels`),
    ...validateAnnotations(meta.annotations, `${field}.annotations`),
    ...validateOwnerReferences(meta.ownerReferences ?? [], `${field}.ownerReferences`),
    ...validateFinalizers(meta.finalizers ?? [], `${field}.finalizers`),
    ...validateManagedFields(meta.managedFields ?? [], `${field}.managedFields`),
  ]
}

/** What an update may not do to the metadata. A system field that the client left out keeps its value and is no cause. */
function validateMetaChange(meta: Partial<ObjectMetadata>, before: Partial<ObjectMetadata>): Causes {
  const kept = ['uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const
  return [
    ...(before.deletionTimestamp === undefined
      ? []
      : validateNoNewFinalizers(meta.finalizers ?? [], before.finalizers ?? [])),
    ...((meta.resourceVersion ?? '') === ''
      ? [invalidValue('metadata.resourceVersion', '', 'must be specified for an update')]
      : []),
    ...((meta.generation ?? 0) < (before.generation ?? 0)
      ? [invalidValue('metadata.generation', meta.generation ?? 0, 'must not be decremented')]
      : []),
    ...immutable('metadata.name', meta.name ?? '', before.name ?? ''),
    ...immutable('metadata.namespace', meta.namespace ?? '', before.namespace ?? ''),
    ...kept.flatMap((key) => (meta[key] === undefined ? [] : immutable(`metadata.${key}`, meta[key], before[key]))),
    ...validateLabels(meta.labels, 'metadata.labels'),
    ...validateAnnotations(meta.annotations, 'metadata.annotations'),
    ...validateOwnerReferences(meta.ownerReferences ?? [], 'metadata.ownerReferences'),
    ...validateManagedFields(meta.managedFields ?? [], 'metadata.managedFields'),
  ]
}

function validateNames(
  meta: Partial<ObjectMetadata>,
  { validateName = pathSegmentName }: NameScope,
  field: string,
): Causes {
  const { name = '', generateName = '' } = meta
  return [
    ...(generateName === ''
      ? []
      : invalidValues(`${field}.generateName`, generateName, validateName(maskTrailingDash(generateName)))),
    ...(name === ''
      ? [required(`${field}.name`, 'name or generateName is required')]
      : invalidValues(`${field}.name`, name, nameMessages(name, validateName))),
  ]
}

/** A name that is wrong for its kind is not judged by the rule of all kinds as well. Source: `rest.BeforeCreate`. */
function nameMessages(name: string, validateName: NameRule): readonly string[] {
  const messages = validateName(name)
  return messages.length > 0 ? messages : pathSegmentName(name)
}

/** What follows a generated name's prefix is always fine, so that its last dash does not count. */
function maskTrailingDash(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -2)}a` : prefix
}

function validateNamespaceField(
  { namespace = '' }: Partial<ObjectMetadata>,
  namespaced: boolean,
  field: string,
): Causes {
  if (!namespaced) return namespace === '' ? [] : [forbidden(`${field}.namespace`, 'not allowed on this type')]
  return namespace === ''
    ? [required(`${field}.namespace`)]
    : invalidValues(`${field}.namespace`, namespace, labelName(namespace))
}

/** Label keys are qualified names, values at most 63 characters. */
export function validateLabels(labels: Labels | undefined, field: string): Causes {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...validateLabelKey(key, field),
    ...invalidValues(field, value, isLabelValue(value)),
  ])
}

/** A qualified name such as `app` or `example.com/app`. */
export function validateLabelKey(key: string, field: string): Causes {
  return invalidValues(field, key, isQualifiedName(key))
}

/** Annotation keys are qualified names in any case; all together have a size limit. */
export function validateAnnotations(annotations: Labels | undefined, field: string): Causes {
  const entries = Object.entries(annotations ?? {})
  const bytes = entries.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0)
  return [
    ...entries.flatMap(([key]) => invalidValues(field, key, isQualifiedName(key.toLowerCase()))),
    ...(bytes > maxAnnotationBytes ? [tooLong(field, maxAnnotationBytes)] : []),
  ]
}

/** Length in UTF-8, as Go's `len`. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text)
}

function validateOwnerReferences(references: readonly OwnerReference[], field: string): Causes {
  const [first, ...others] = references.filter((reference) => reference.controller === true)
  const nameOf = (reference: OwnerReference) => `${reference.kind}/${reference.name}`
  return [
    ...references.flatMap((reference) => validateOwnerReference(reference, field)),
    ...(first === undefined ? [] : others).map((other) =>
      invalidValue(
        field,
        references,
        `Only one reference can have Controller set to true. Found "true" in references for ${first === undefined ? '' : nameOf(first)} and ${nameOf(other)}`,
      ),
    ),
  ]
}

function validateOwnerReference(reference: OwnerReference, field: string): Causes {
  const { apiVersion = '', kind = '' } = reference
  const version = apiVersion.split('/').at(-1) ?? ''
  const empty = (['kind', 'name', 'uid'] as const).filter((key) => (reference[key] ?? '') === '')
  return [
    ...(version === '' ? [invalidValue(`${field}.apiVersion`, apiVersion, 'version must not be empty')] : []),
    ...empty.map((key) => invalidValue(`${field}.${key}`, '', 'must not be empty')),
    ...(apiVersion === 'v1' && kind === 'Event'
      ? [invalidValue(field, reference, '/v1, Kind=Event is disallowed from being an owner')]
      : []),
  ]
}

function validateFinalizers(finalizers: readonly string[], field: string): Causes {
  return [
    ...finalizers.flatMap((finalizer) => invalidValues(field, finalizer, isQualifiedName(finalizer))),
    ...(finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')
      ? [invalidValue(field, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set')]
      : []),
  ]
}

/** Finalizers of Kubernetes' own or with a domain; custom resources and some kinds take any qualified name. */
function standardFinalizers(
  { metadata: { finalizers = [] } }: ApiObject,
  { isCustom, metadataRules }: NameScope,
  field: string,
): Causes {
  if (isCustom === true || metadataRules?.finalizers === 'any') return []
  return finalizers.flatMap((finalizer, index) => validateKubeFinalizer(finalizer, `${field}.finalizers[${index}]`))
}

/** Source: `validateKubeFinalizerName`. */
export function validateKubeFinalizer(finalizer: string, field: string): Causes {
  return finalizer.includes('/') || ['kubernetes', 'orphan', 'foregroundDeletion'].includes(finalizer)
    ? []
    : [invalidValue(field, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')]
}

function validateNoNewFinalizers(finalizers: readonly string[], old: readonly string[]): Causes {
  const extra = finalizers.filter((finalizer) => !old.includes(finalizer)).sort()
  if (extra.length === 0) return []
  const shown = `[]string{${extra.map((finalizer) => JSON.stringify(finalizer)).join(', ')}}`
  return [
    forbidden(
      'metadata.finalizers',
      `no new finalizers can be added if the object is being deleted, found new finalizers ${shown}`,
    ),
  ]
}

function validateManagedFields(entries: readonly ManagedFieldsEntry[], field: string): Causes {
  return entries.flatMap((entry, index) => {
    const path = `${field}[${index}]`
    const { operation = '', fieldsType = '', manager = '', subresource = '' } = entry
    return [
      ...(operation === 'Apply' || operation === 'Update'
        ? []
        : [invalidValue(`${path}.operation`, operation, 'must be `Apply` or `Update`')]),
      ...(fieldsType === '' || fieldsType === 'FieldsV1'
        ? []
        : [invalidValue(`${path}.fieldsType`, fieldsType, 'must be `FieldsV1`')]),
      ...(byteLength(manager) > 128 ? [tooLong(`${path}.manager`, 128)] : []),
      ...(byteLength(subresource) > 256 ? [tooLong(`${path}.subresource`, 256)] : []),
    ]
  })
}
