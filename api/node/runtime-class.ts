/** RuntimeClass: how containers are run. Source: pkg/apis/node/validation, `printRuntimeClass`. */
import { duplicate, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label } from '../../apimachinery/names.ts'
import { validateResources } from '../core/resource-requirements.ts'
import { validateTolerations } from '../core/scheduling.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, immutable, invalidValues, repeats } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName, validateLabels } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { RuntimeClass } from './v1.ts'

export const runtimeClasses = defineResource<RuntimeClass>({
  facts: factsOf('node.k8s.io', 'runtimeclasses'),
  definition: 'node.v1.RuntimeClass',
  metadataRules: { update: 'whole', finalizers: 'any' },
  allowCreateOnUpdate: true,
  hasGeneration: false,
  requiresResourceVersion: true,
  validateName: subdomainName,
  validate: validateClass,
  validateUpdate: (runtimeClass, old) => [
    ...validateClass(runtimeClass),
    ...immutable('handler', runtimeClass.handler, old.handler),
  ],
  columns: [nameColumn, text('Handler', ({ handler }) => handler), ageColumn],
})

function validateClass({ handler, scheduling, overhead }: RuntimeClass): Causes {
  return [
    ...(handler === '' ? [required('handler')] : invalidValues('handler', handler, isDns1123Label(handler))),
    // Judged as the limits of a container, and told of as such.
    ...(overhead?.podFixed === undefined ? [] : validateResources({ limits: overhead.podFixed }, 'overhead', [])),
    ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
    ...validateDistinctTolerations(scheduling?.tolerations ?? [], 'scheduling.tolerations'),
  ]
}

type Tolerations = NonNullable<NonNullable<RuntimeClass['scheduling']>['tolerations']>

function validateDistinctTolerations(tolerations: Tolerations, field: string): Causes {
  const shown = tolerations.map((toleration) =>
    asInternal(toleration, [
      ['Key', 'key', ''],
      ['Operator', 'operator', ''],
      ['Value', 'value', ''],
      ['Effect', 'effect', ''],
      ['TolerationSeconds', 'tolerationSeconds'],
    ]),
  )
  // Source: `validateTolerations` in pkg/apis/node/validation, which leaves the seconds aside.
  const again = repeats(
    tolerations.map(({ key, operator, value, effect }) => [key, operator, value, effect].join('\n')),
  )
  return [
    ...validateTolerations(tolerations, field),
    ...again.map((index) => duplicate(`${field}[${index}]`, shown[index])),
  ]
}
