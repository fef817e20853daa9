/** IPAddress: one address that is taken. Source: pkg/apis/networking/validation, `printIPAddress`. */
import { isIP } from 'node:net'
import { required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { defineResource } from '../resource.ts'
import type { IPAddress } from './v1.ts'

export const ipAddresses = defineResource<IPAddress>({
  facts: factsOf('networking.k8s.io', 'ipaddresses'),
  definition: 'networking.v1.IPAddress',
  hasGeneration: false,
  validateName: (name) => (isIP(name) === 0 ? ['must be a valid IP address'] : []),
  validate: validateParent,
  validateUpdate: (address, old) => [
    ...validateParent(address),
    ...immutable('spec.parentRef', address.spec.parentRef, old.spec.parentRef),
  ],
  columns: [nameColumn, text('ParentRef', ({ spec }) => parent(spec.parentRef)), ageColumn],
})

type Parent = IPAddress['spec']['parentRef']

function validateParent({ spec }: IPAddress): Causes {
  if (spec.parentRef === undefined) return [required('spec.parentRef')]
  const { resource, name } = spec.parentRef
  return [
    ...when((resource ?? '') === '', required('spec.parentRef.resource')),
    ...when((name ?? '') === '', required('spec.parentRef.name')),
  ]
}

function parent(reference: Parent | undefined): string {
  if (reference === undefined) return '<none>'
  const { group = '', resource, namespace = '', name } = reference
  return [group === '' ? resource : `${resource}.${group}`, namespace, name].filter((part) => part !== '').join('/')
}
