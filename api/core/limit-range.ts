/** LimitRange: least, most and default per pod, container or claim. Source: `ValidateLimitRange`, `SetDefaults_LimitRangeItem`. */
import { duplicate, forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { compareQuantities } from '../../apimachinery/quantity.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, eachEntry, invalidValues, repeats, when } from '../meta/causes.ts'
import { createdAtColumn, nameColumn } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { quantityOf } from './pod-resources.ts'
import { validateContainerResourceName } from './resource-requirements.ts'
import type { LimitRange, LimitRangeItem } from './v1.ts'

export const limitRanges = defineResource<LimitRange>({
  facts: factsOf('', 'limitranges'),
  definition: 'core.v1.LimitRange',
  hasGeneration: false,
  allowCreateOnUpdate: true,
  validateName: subdomainName,
  defaults: (range) => ({ ...range, spec: { ...range.spec, limits: range.spec.limits?.map(defaultItem) ?? null } }),
  validate: validateRange,
  validateUpdate: validateRange,
  columns: [nameColumn, createdAtColumn],
})

function defaultItem(item: LimitRangeItem): LimitRangeItem {
  if (item.type !== 'Container') return item
  const limits = { ...item.max, ...item.default }
  const requests = { ...item.min, ...limits, ...item.defaultRequest }
  return {
    ...item,
    ...(Object.keys(limits).length === 0 ? {} : { default: limits }),
    ...(Object.keys(requests).length === 0 ? {} : { defaultRequest: requests }),
  }
}

const lists = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const

function validateRange({ spec }: LimitRange): Causes {
  const again = new Set(repeats((spec.limits ?? []).map(({ type }) => type)))
  return each('spec.limits', spec.limits, (item, path, index) => [
    ...validateType(item.type, `${path}.type`),
    ...when(again.has(index), () => duplicate(`${path}.type`, item.type)),
    ...when(
      item.type === 'Pod' && Object.keys(item.default ?? {}).length > 0,
      forbiddenField(`${path}.default`, "may not be specified when `type` is 'Pod'"),
    ),
    ...when(
      item.type === 'Pod' && Object.keys(item.defaultRequest ?? {}).length > 0,
      forbiddenField(`${path}.defaultRequest`, "may not be specified when `type` is 'Pod'"),
    ),
    ...when(
      item.type === 'PersistentVolumeClaim' &&
        item.min?.['storage'] === undefined &&
        item.max?.['storage'] === undefined,
      required(`${path}.limits`, 'either minimum or maximum storage value is required, but neither was provided'),
    ),
    ...lists.flatMap((list) =>
      eachEntry(`${path}.${list}`, item[list], (_text, entry, name) =>
        item.type === 'Pod' || item.type === 'Container'
          ? validateContainerResourceName(name, entry)
          : invalidValues(entry, name, isQualifiedName(name)),
      ),
    ),
    ...validateOrder(item, path),
    ...validateRatios(item, path),
  ])
}

const limitTypes = ['Container', 'PersistentVolumeClaim', 'Pod']
const maxRatio = 'maxLimitRequestRatio'

function validateType(type: string, field: string): Causes {
  const messages = isQualifiedName(type)
  if (messages.length > 0) return invalidValues(field, type, messages)
  return when(!type.includes('/') && !limitTypes.includes(type), () =>
    invalidValue(field, type, 'must be a standard limit type or fully qualified'),
  )
}

/** How far limits may exceed requests: at least not at all, and no further than the range allows. */
function validateRatios(item: LimitRangeItem, field: string): Causes {
  return eachEntry(`${field}.${maxRatio}`, item[maxRatio], (text, path, name) => {
    const ratio = amount(text)
    const [least, most] = [item.min?.[name], item.max?.[name]]
    const range = least === undefined || most === undefined ? undefined : amount(most) / amount(least)
    return [
      ...when(ratio < 1, () => invalidValue(path, text, `ratio ${text} is less than 1`)),
      ...when(range !== undefined && ratio > range, () =>
        invalidValue(path, text, `ratio ${text} is greater than max/min = ${range?.toFixed(6)}`),
      ),
    ]
  })
}

function amount(text: string): number {
  return Number(quantityOf(text).nano) / 1e9
}

/** min ≤ defaultRequest ≤ default ≤ max. */
function validateOrder(item: LimitRangeItem, field: string): Causes {
  const rules = [
    ['min', 'max', 'min', 'min value %a is greater than max value %b'],
    ['min', 'defaultRequest', 'defaultRequest', 'min value %a is greater than default request value %b'],
    ['defaultRequest', 'max', 'defaultRequest', 'default request value %a is greater than max value %b'],
    ['defaultRequest', 'default', 'defaultRequest', 'default request value %a is greater than default limit value %b'],
    ['min', 'default', 'default', 'min value %a is greater than default value %b'],
    ['default', 'max', 'default', 'default value %a is greater than max value %b'],
  ] as const
  return rules.flatMap(([low, high, blamed, words]) =>
    Object.entries(item[low] ?? {}).flatMap(([name, less]) => {
      const more = item[high]?.[name]
      if (more === undefined || compareQuantities(quantityOf(less), quantityOf(more)) <= 0) return []
      // Where a default is to blame, upstream shows what it was held against.
      const shown = blamed === 'default' ? (low === 'min' ? less : more) : item[blamed]?.[name]
      return [invalidValue(`${field}.${blamed}[${name}]`, shown, words.replace('%a', less).replace('%b', more))]
    }),
  )
}
