/** What an access review asks: whether it is well put, and what it means to an authorizer. Source: `apis/authorization/validation`. */
import type { SelfSubjectAccessReview, SubjectAccessReview } from '../../api/authorization/v1.ts'
import { validateLabelKey } from '../../api/meta/validation.ts'
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { isLabelValue } from '../../apimachinery/names.ts'
import { formatFieldSelector, parseFieldSelector } from '../../apimachinery/selector/fields.ts'
import {
  formatSelector,
  type LabelSelectorObject,
  parseLabelSelector,
  selectorFromLabelSelector,
} from '../../apimachinery/selector/labels.ts'
import type { StatusCause } from '../../apimachinery/status.ts'
import { type RequestInfo, requestInfo } from '../http/request-info.ts'
import { asJson } from './answers.ts'

export type Question = SelfSubjectAccessReview['spec']
type ResourceAttributes = NonNullable<Question['resourceAttributes']>
type Requirement = { readonly key: string; readonly operator: string; readonly values?: readonly string[] }
type SelectorAttributes = { readonly rawSelector?: string; readonly requirements?: readonly Requirement[] }

/** Exactly one of the two kinds of question, with selectors that can be read. */
export function questionCauses({ resourceAttributes, nonResourceAttributes }: Question): readonly StatusCause[] {
  const both = 'cannot be specified in combination with resourceAttributes'
  const neither = 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
  const path = 'spec.resourceAttributes'
  return [
    ...(resourceAttributes !== undefined && nonResourceAttributes !== undefined
      ? [invalidValue('spec.nonResourceAttributes', goFields(nonResourceAttributes), both)]
      : []),
    ...(resourceAttributes === undefined && nonResourceAttributes === undefined
      ? [invalidValue(path, null, neither)]
      : []),
    ...selectorCauses(resourceAttributes?.fieldSelector, `${path}.fieldSelector`, fieldKeyCauses),
    ...selectorCauses(resourceAttributes?.labelSelector, `${path}.labelSelector`, labelPartCauses),
  ]
}

/** Upstream's internal type has no JSON names. */
function goFields({ path = '', verb = '' }: NonNullable<Question['nonResourceAttributes']>): JsonObject {
  return { Path: path, Verb: verb }
}

/** Who is asked about. */
export function subjectCauses({ user = '', groups = [] }: SubjectAccessReview['spec']): readonly StatusCause[] {
  if (user !== '' || groups.length > 0) return []
  return [invalidValue('spec.user', user, 'at least one of user or group must be specified')]
}

/** A local review is about its own namespace. */
export function localCauses(question: Question, namespace: string): readonly StatusCause[] {
  const { resourceAttributes, nonResourceAttributes } = question
  const asked = resourceAttributes?.namespace ?? ''
  return [
    ...(resourceAttributes !== undefined && asked !== namespace
      ? [invalidValue('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace')]
      : []),
    ...(nonResourceAttributes === undefined
      ? []
      : [
          invalidValue(
            'spec.nonResourceAttributes',
            goFields(nonResourceAttributes),
            'disallowed on this kind of request',
          ),
        ]),
  ]
}

/** Reviews have no name and no labels: they are not stored. */
export function metadataCauses(metadata: object | undefined, isLocal: boolean): readonly StatusCause[] {
  const allowed = isLocal ? ['managedFields', 'namespace'] : ['managedFields']
  const used = Object.entries(metadata ?? {}).filter(([field, value]) => !allowed.includes(field) && value !== null)
  const detail = isLocal ? 'must be empty except for namespace' : 'must be empty'
  return used.length === 0 ? [] : [invalidValue('metadata', asJson(metadata ?? {}), detail)]
}

function selectorCauses(
  selector: SelectorAttributes | undefined,
  path: string,
  partCauses: (requirement: Requirement, path: string) => readonly StatusCause[],
): readonly StatusCause[] {
  if (selector === undefined) return []
  const { rawSelector = '', requirements = [] } = selector
  const isEmpty = rawSelector === '' && requirements.length === 0
  const detail = 'may not specified at the same time as requirements'
  return [
    ...(rawSelector !== '' && requirements.length > 0
      ? [invalidValue(`${path}.rawSelector`, rawSelector, detail)]
      : []),
    ...(isEmpty
      ? [required(`${path}.requirements`, `when ${path} is specified, requirements or rawSelector is required`)]
      : []),
    ...requirements.flatMap((requirement, index) => partCauses(requirement, `${path}.requirements[${index}]`)),
  ]
}

function fieldKeyCauses(requirement: Requirement, path: string): readonly StatusCause[] {
  const key = requirement.key === '' ? [required(`${path}.key`, 'must be specified')] : []
  return [...key, ...operatorCauses(requirement, path)]
}

function labelPartCauses(requirement: Requirement, path: string): readonly StatusCause[] {
  const values = (requirement.values ?? []).flatMap((value, index) =>
    isLabelValue(value).map((message) => invalidValue(`${path}.values[${index}]`, value, message)),
  )
  return [...operatorCauses(requirement, path), ...validateLabelKey(requirement.key, `${path}.key`), ...values]
}

/** Unknown operators are let through: a later version may know them. */
function operatorCauses({ operator, values = [] }: Requirement, path: string): readonly StatusCause[] {
  if (['In', 'NotIn'].includes(operator) && values.length === 0) {
    return [required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
  }
  if (['Exists', 'DoesNotExist'].includes(operator) && values.length > 0) {
    return [forbiddenField(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
  }
  return []
}

/** The question as a request would put it, and what of its selectors could not be understood. */
export type AskedRequest = { readonly info: RequestInfo; readonly problems: readonly string[] }

/** Selectors that say nothing that an authorizer could use are left out, which asks for more, never for less. */
export function askedRequest({ resourceAttributes, nonResourceAttributes }: Question): AskedRequest {
  const { fieldSelector, labelSelector } = resourceAttributes ?? {}
  const fields = readSelector(fieldSelector, 'fieldSelector', checkedFields, fieldText)
  const labels = readSelector(labelSelector, 'labelSelector', checkedLabels, labelText)
  return {
    info: {
      ...(resourceAttributes === undefined ? pathInfo(nonResourceAttributes) : resourceInfo(resourceAttributes)),
      ...(fields.text === '' ? {} : { fieldSelector: fields.text }),
      ...(labels.text === '' ? {} : { labelSelector: labels.text }),
    },
    problems: [...fields.problems, ...labels.problems],
  }
}

function pathInfo(attributes: Question['nonResourceAttributes']): RequestInfo {
  return requestInfo({ isResourceRequest: false, verb: attributes?.verb ?? '', path: attributes?.path ?? '' })
}

function resourceInfo(attributes: ResourceAttributes): RequestInfo {
  const { verb = '', group = '', version = '', namespace = '', resource = '', subresource = '', name = '' } = attributes
  return requestInfo({ verb, group, version: version === '' ? '*' : version, namespace, resource, subresource, name })
}

type ReadSelector = { readonly text: string; readonly problems: readonly string[] }

function readSelector(
  selector: SelectorAttributes | undefined,
  name: string,
  checked: (raw: string) => string,
  requirementText: (requirement: Requirement) => string | undefined,
): ReadSelector {
  const { rawSelector = '', requirements = [] } = selector ?? {}
  const path = `spec.resourceAttributes.${name}`
  if (rawSelector !== '') {
    try {
      return { text: checked(rawSelector), problems: [] }
    } catch {
      return { text: '', problems: [`${path} ignored due to parse error`] }
    }
  }
  const texts = requirements.flatMap((requirement) => requirementText(requirement) ?? [])
  if (texts.length === requirements.length) return { text: texts.join(','), problems: [] }
  const part = texts.length > 0 ? 'partially ignored' : 'ignored'
  return { text: texts.join(','), problems: [`${path} ${part} due to parse error`] }
}

function checkedFields(raw: string): string {
  parseFieldSelector(raw)
  return raw
}

function checkedLabels(raw: string): string {
  parseLabelSelector(raw)
  return raw
}

/** Field selectors know one value and no question of existence. */
function fieldText({ key, operator, values = [] }: Requirement): string | undefined {
  const [value] = values
  if (value === undefined || values.length > 1 || (operator !== 'In' && operator !== 'NotIn')) return undefined
  return formatFieldSelector([{ field: key, operator: operator === 'In' ? '=' : '!=', value }])
}

function labelText({ key, operator, values = [] }: Requirement): string | undefined {
  const selector: LabelSelectorObject = { matchExpressions: [{ key, operator, values }] }
  try {
    return formatSelector(selectorFromLabelSelector(selector))
  } catch {
    return undefined
  }
}
