/** Which objects a list or watch shows: label and field selectors, checked against what the kind can be asked for. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import { type FieldSelector, matchesFields, parseFieldSelector } from '../../apimachinery/selector/fields.ts'
import { type LabelSelector, matches, parseLabelSelector } from '../../apimachinery/selector/labels.ts'
import { badRequest, type StatusError } from '../../apimachinery/status.ts'
import type { CacheEntry } from '../storage/cache-entry.ts'

export type Predicate = (entry: CacheEntry) => boolean

/** Both selectors of a request, read but not yet checked against a kind. */
export type Selectors = { readonly labels: LabelSelector | undefined; readonly fields: FieldSelector }

/** Reads `labelSelector` and `fieldSelector`. Throws BadRequest. */
export function parseSelectors(query: URLSearchParams): Selectors {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '')
  return {
    labels: labels.requirements?.length === 0 ? undefined : labels,
    fields: parseFieldSelector(query.get('fieldSelector') ?? ''),
  }
}

/** Throws BadRequest for a field that the kind cannot be asked for. */
export function checkFields(resource: Resource, fields: FieldSelector): void {
  for (const { field } of fields) if (!isKnown(resource, field)) throw unknownField(resource, field)
}

function isKnown({ facts, selectableFields, isCustom }: Resource, field: string): boolean {
  if (field === 'metadata.name') return true
  if (selectableFields !== undefined && Object.hasOwn(selectableFields, field)) return true
  // Kinds with fields of their own know a namespace only when they have one; all others take the question.
  const isPlain = selectableFields === undefined && isCustom !== true
  return field === 'metadata.namespace' && (facts.namespaced || isPlain)
}

/** Each kind's conversion of field labels has its own words. Source: upstream's `AddFieldLabelConversionFunc`s. */
function unknownField({ facts, selectableFields, isCustom }: Resource, field: string): StatusError {
  const { group, version, kind } = facts
  if (selectableFields === undefined && isCustom !== true) {
    const only = 'only "metadata.name", "metadata.namespace"'
    return badRequest(`${JSON.stringify(field)} is not a known field selector: ${only}`)
  }
  if (kind === 'Job' && group === 'batch') {
    return badRequest(`field label ${JSON.stringify(field)} not supported for Job`)
  }
  if (kind === 'ResourceSlice' && group === 'resource.k8s.io') {
    return badRequest(`field label not supported for ${group}/${version}, Kind=${kind}: ${field}`)
  }
  return badRequest(`field label not supported: ${field}`)
}

/** `undefined`: every object. */
export function predicateOf(resource: Resource, { labels, fields }: Selectors): Predicate | undefined {
  if (labels === undefined && fields.length === 0) return undefined
  return (entry) => {
    const { object } = entry.view(resource)
    return (
      (labels === undefined || matches(labels, object.metadata.labels)) &&
      (fields.length === 0 || matchesFields(fields, (field) => fieldOf(resource, object, field)))
    )
  }
}

function fieldOf(resource: Resource, object: ApiObject, field: string): string {
  if (field === 'metadata.name') return object.metadata.name
  if (field === 'metadata.namespace') return object.metadata.namespace ?? ''
  return resource.selectableFields?.[field]?.(object) ?? ''
}
