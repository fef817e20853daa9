/** RuntimeClass: how containers are run. Source: pkg/apis/node/validation, `printRuntimeClass`. */
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { isDns1123Label } from '../../apimachinery/names.ts'
import { validateTolerations } from '../core/scheduling.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, invalidValues, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName, validateLabels } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { RuntimeClass } from './v1.ts'

export const runtimeClasses = defineResource<RuntimeClass>({
  facts: factsOf('node.k8s.io', 'runtimeclasses'),
  definition: 'node.v1.RuntimeClass',
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
  const negative = Object.entries(overhead?.podFixed ?? {}).filter(([, amount]) => amount.startsWith('-'))
  return [
    ...invalidValues('handler', handler, isDns1123Label(handler)),
    ...negative.flatMap(([name, amount]) =>
      when(true, invalidValue(`overhead.podFixed[${name}]`, amount, 'must be greater than or equal to 0')),
    ),
    ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
    ...validateTolerations(scheduling?.tolerations, 'scheduling.tolerations'),
  ]
}
