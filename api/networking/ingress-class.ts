/** IngressClass: which controller serves an Ingress. Source: pkg/apis/networking/validation, `printIngressClass`. */
import { forbiddenField, required, tooLong } from '../../apimachinery/field-errors.ts'
import { isDns1123Label } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, invalidValues, oneOf, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { validateDomainPrefixedPath } from '../meta/domain-path.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateReference } from './ingress-paths.ts'
import type { IngressClass } from './v1.ts'

const maxController = 250

export const ingressClasses = defineResource<IngressClass>({
  facts: factsOf('networking.k8s.io', 'ingressclasses'),
  definition: 'networking.v1.IngressClass',
  metadataRules: { update: 'whole' },
  validateName: subdomainName,
  defaults: (ingressClass) => {
    const { parameters } = ingressClass.spec ?? {}
    if (parameters === undefined) return ingressClass
    const spec = { ...ingressClass.spec, parameters: { ...parameters, scope: parameters.scope ?? 'Cluster' } }
    return { ...ingressClass, spec }
  },
  validate: validateClass,
  validateUpdate: (ingressClass, old) => [
    ...immutable('spec.controller', ingressClass.spec.controller ?? '', old.spec.controller ?? ''),
    ...validateClass(ingressClass),
  ],
  columns: [
    nameColumn,
    text('Controller', ({ spec }) => spec.controller ?? ''),
    text('Parameters', ({ spec }) => {
      if (spec.parameters === undefined) return '<none>'
      const { apiGroup, kind, name } = spec.parameters
      return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`
    }),
    ageColumn,
  ],
})

function validateClass({ spec }: IngressClass): Causes {
  const { controller = '', parameters } = spec ?? {}
  return [
    ...when(controller.length > maxController, tooLong('spec.controller', maxController)),
    ...validateDomainPrefixedPath('spec.controller', controller),
    ...(parameters === undefined ? [] : validateParameters(parameters, 'spec.parameters')),
  ]
}

type Parameters = NonNullable<IngressClass['spec']['parameters']>

function validateParameters(parameters: Parameters, field: string): Causes {
  const { scope } = parameters
  return [
    ...validateReference(parameters, field),
    ...(scope === undefined ? [required(`${field}.scope`)] : oneOf(`${field}.scope`, scope, ['Cluster', 'Namespace'])),
    ...validateNamespace(parameters, `${field}.namespace`),
  ]
}

function validateNamespace({ scope, namespace }: Parameters, field: string): Causes {
  if (scope === 'Cluster') {
    return when(namespace !== undefined, forbiddenField(field, "`parameters.scope` is set to 'Cluster'"))
  }
  if (scope !== 'Namespace') return []
  return namespace === undefined
    ? [required(field, "`parameters.scope` is set to 'Namespace'")]
    : invalidValues(field, namespace, isDns1123Label(namespace))
}
