/** IngressClass: which controller serves an Ingress. Source: pkg/apis/networking/validation, `printIngressClass`. */
import { forbiddenField, invalidValue, required, tooLong } from '../../apimachinery/field-errors.ts'
import {
  isDns1123Label,
  isDns1123Subdomain,
  isDomainPrefixedPath,
  isPathSegmentName,
} from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, invalidValues, oneOf, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { IngressClass } from './v1.ts'

const maxController = 250

export const ingressClasses = defineResource<IngressClass>({
  facts: factsOf('networking.k8s.io', 'ingressclasses'),
  definition: 'networking.v1.IngressClass',
  validateName: subdomainName,
  defaults: (ingressClass) => {
    const { parameters } = ingressClass.spec ?? {}
    if (parameters === undefined) return ingressClass
    const spec = { ...ingressClass.spec, parameters: { ...parameters, scope: parameters.scope ?? 'Cluster' } }
    return { ...ingressClass, spec }
  },
  validate: validateClass,
  validateUpdate: (ingressClass, old) => [
    ...validateClass(ingressClass),
    ...immutable('spec.controller', ingressClass.spec.controller, old.spec.controller),
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
    ...(controller.length > maxController
      ? [tooLong('spec.controller', maxController)]
      : controller === ''
        ? [required('spec.controller')]
        : invalidValues('spec.controller', controller, isDomainPrefixedPath(controller))),
    ...(parameters === undefined ? [] : validateParameters(parameters, 'spec.parameters')),
  ]
}

type Parameters = NonNullable<IngressClass['spec']['parameters']>

function validateParameters({ apiGroup, kind, name, scope, namespace = '' }: Parameters, field: string): Causes {
  return [
    ...(apiGroup === undefined ? [] : invalidValues(`${field}.apiGroup`, apiGroup, isDns1123Subdomain(apiGroup))),
    ...(kind === '' ? [required(`${field}.kind`)] : invalidValues(`${field}.kind`, kind, isPathSegmentName(kind))),
    ...(name === '' ? [required(`${field}.name`)] : invalidValues(`${field}.name`, name, isPathSegmentName(name))),
    ...(scope === undefined ? [required(`${field}.scope`)] : oneOf(`${field}.scope`, scope, ['Cluster', 'Namespace'])),
    ...when(
      scope === 'Namespace' && namespace === '',
      required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'"),
    ),
    ...when(
      scope === 'Cluster' && namespace !== '',
      forbiddenField(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'"),
    ),
    ...(scope === 'Namespace' && namespace !== ''
      ? isDns1123Label(namespace).map((message) => invalidValue(`${field}.namespace`, namespace, message))
      : []),
  ]
}
