/** Selectors of a request as `authorization.k8s.io` spells them, so that webhooks can allow a selected part. KEP-4601. */
import type { JsonObject } from '../../apimachinery/json.ts'
import { parseFieldSelector } from '../../apimachinery/selector/fields.ts'
import { type Operator, parseLabelSelector } from '../../apimachinery/selector/labels.ts'
import type { RequestInfo } from '../http/request-info.ts'

/** The selectors of a request, as fields of `ResourceAttributes`; one that cannot be read is left out. */
export function selectorAttributes({ fieldSelector, labelSelector }: RequestInfo): JsonObject {
  const fields = fieldSelector === undefined ? [] : readOrNothing(() => fieldRequirements(fieldSelector))
  const labels = labelSelector === undefined ? [] : readOrNothing(() => labelRequirements(labelSelector))
  return {
    ...(fields.length === 0 ? {} : { fieldSelector: { requirements: fields } }),
    ...(labels.length === 0 ? {} : { labelSelector: { requirements: labels } }),
  }
}

function readOrNothing(parse: () => readonly JsonObject[]): readonly JsonObject[] {
  try {
    return parse()
  } catch {
    return []
  }
}

function fieldRequirements(text: string): readonly JsonObject[] {
  return parseFieldSelector(text).map(({ field, operator, value }) => ({
    key: field,
    operator: operator === '=' ? 'In' : 'NotIn',
    values: [value],
  }))
}

const operators: Readonly<Partial<Record<Operator, string>>> = {
  in: 'In',
  '=': 'In',
  '==': 'In',
  notin: 'NotIn',
  '!=': 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
}

function labelRequirements(text: string): readonly JsonObject[] {
  return (parseLabelSelector(text).requirements ?? []).flatMap(({ key, operator, values }) => {
    const known = operators[operator]
    if (known === undefined) return []
    return [{ key, operator: known, ...(values.length === 0 ? {} : { values }) }]
  })
}
