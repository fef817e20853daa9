/** PriorityClass: who goes first. Source: pkg/apis/scheduling/validation, `printPriorityClass`. */
import { forbiddenField } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, oneOfInOrder, when } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn, text, yesNo } from '../meta/columns.ts'
import { firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { PriorityClass } from './v1.ts'

const highestUserPriority = 1000000000
/** Kubernetes' own classes. Source: `SystemPriorityClasses`. */
const systemClasses: Readonly<Record<string, number>> = {
  'system-node-critical': 2000001000,
  'system-cluster-critical': 2000000000,
}

export const priorityClasses = defineResource<PriorityClass>({
  facts: factsOf('scheduling.k8s.io', 'priorityclasses'),
  definition: 'scheduling.v1.PriorityClass',
  hasGeneration: true,
  validateName: subdomainName,
  defaults: (priorityClass) => ({
    ...priorityClass,
    preemptionPolicy: priorityClass.preemptionPolicy ?? 'PreemptLowerPriority',
  }),
  validate: validateClass,
  validateUpdate: (priorityClass, old) => [
    ...when(priorityClass.value !== old.value, forbiddenField('value', 'may not be changed in an update.')),
    ...immutable('preemptionPolicy', priorityClass.preemptionPolicy, old.preemptionPolicy),
  ],
  prepareForCreate: firstGeneration,
  prepareForUpdate: (priorityClass) => priorityClass,
  columns: [
    nameColumn,
    integer('Value', ({ value }) => value),
    yesNo('Global-Default', ({ globalDefault }) => globalDefault),
    ageColumn,
    text('PreemptionPolicy', ({ preemptionPolicy }) => preemptionPolicy ?? ''),
  ],
})

function validateClass({ metadata, value, preemptionPolicy }: PriorityClass): Causes {
  const { name } = metadata
  const policy = oneOfInOrder('preemptionPolicy', preemptionPolicy, ['PreemptLowerPriority', 'Never'])
  if (name.startsWith('system-')) return [...systemError(name, value), ...policy]
  return [
    ...when(
      value > highestUserPriority,
      forbiddenField('value', `maximum allowed value of a user defined priority is ${highestUserPriority}`),
    ),
    ...policy,
  ]
}

function systemError(name: string, value: number): Causes {
  const known = systemClasses[name]
  const error =
    known === undefined
      ? `${name} is not a known system priority class`
      : known === value
        ? undefined
        : `value of ${name} PriorityClass must be ${known}`
  return when(
    error !== undefined,
    forbiddenField(
      'metadata.name',
      `priority class names with 'system-' prefix are reserved for system use only. error: ${error}`,
    ),
  )
}
