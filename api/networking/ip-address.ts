/** IPAddress: one address that is taken. Source: pkg/apis/networking/validation, `printIPAddress`. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Subdomain, isPathSegmentName } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, invalidValues, sameJson, when } from '../meta/causes.ts'
import { nameColumn, text } from '../meta/columns.ts'
import { isCanonicalIp } from '../meta/ip-validation.ts'
import { defineResource } from '../resource.ts'
import { validateSegment } from './ingress-paths.ts'
import type { IPAddress } from './v1.ts'

export const ipAddresses = defineResource<IPAddress>({
  facts: factsOf('networking.k8s.io', 'ipaddresses'),
  definition: 'networking.v1.IPAddress',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  validateName: isCanonicalIp,
  validate: validateParent,
  validateUpdate: (address, old) => [
    ...validateParent(address),
    ...validateSameParent(address.spec.parentRef, old.spec.parentRef),
  ],
  columns: [nameColumn, text('ParentRef', ({ spec }) => parent(spec.parentRef))],
})

type Parent = IPAddress['spec']['parentRef']

function validateParent({ spec }: IPAddress): Causes {
  if (spec.parentRef === undefined) return [required('spec.parentRef')]
  const { group = '', resource = '', name = '', namespace = '' } = spec.parentRef
  const field = 'spec.parentRef'
  return [
    ...(group === '' ? [] : invalidValues(`${field}.group`, group, isDns1123Subdomain(group))),
    ...validateSegment(`${field}.resource`, resource),
    ...validateSegment(`${field}.name`, name),
    ...(namespace === '' ? [] : invalidValues(`${field}.namespace`, namespace, isPathSegmentName(namespace))),
  ]
}

const internalParent = [
  ['Group', 'group', ''],
  ['Resource', 'resource', ''],
  ['Namespace', 'namespace', ''],
  ['Name', 'name', ''],
] as const

function validateSameParent(reference: Parent | undefined, old: Parent | undefined): Causes {
  const shown = reference === undefined ? null : asInternal(reference, internalParent)
  return when(!sameJson(reference, old), invalidValue('spec.parentRef', shown, 'field is immutable'))
}

function parent(reference: Parent | undefined): string {
  if (reference === undefined) return '<none>'
  const { group = '', resource, namespace = '', name } = reference
  return [group === '' ? resource : `${resource}.${group}`, namespace, name].filter((part) => part !== '').join('/')
}
