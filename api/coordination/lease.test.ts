import { expect, test } from 'vitest'
import { created, decoded, resourceOf } from '../../test/fixtures/api-object.ts'
import type { ApiObject } from '../resource.ts'

const leases = resourceOf('Lease.coordination.k8s.io')
const specOf = (object: ApiObject | undefined): unknown => object !== undefined && 'spec' in object && object.spec

test('Lease drops the fields of coordinated leader election', () => {
  const yaml = '{ spec: { holderIdentity: h, strategy: OldestEmulationVersion, preferredHolder: x } }'
  expect(specOf(created(leases, yaml))).toEqual({ holderIdentity: 'h' })
})

test('Lease keeps those fields where they are stored already', () => {
  const yaml = '{ spec: { strategy: OldestEmulationVersion } }'
  const lease = decoded(leases, yaml)
  expect(specOf(leases.prepareForUpdate?.(lease, lease))).toEqual({ strategy: 'OldestEmulationVersion' })
  expect(specOf(leases.prepareForUpdate?.(lease, decoded(leases, '{ spec: {} }')))).toEqual({})
})
