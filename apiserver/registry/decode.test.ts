import { describe, expect, test } from 'vitest'
import { definitions } from '../../api/facts/table.ts'
import { builtinResources } from '../../api/resources.ts'
import { compileSchema } from '../../apimachinery/schema/schema.ts'
import { checkKind, decodeResource } from './decode.ts'

const schemas = compileSchema(definitions)
const named = (kind: string, version = 'v1') => {
  const found = builtinResources.find(({ facts }) => facts.kind === kind && facts.version === version)
  if (found === undefined) throw new Error(`no ${kind}`)
  return found
}
const decode = (kind: string, value: unknown) =>
  decodeResource(schemas, named(kind), { value, fieldValidation: 'Strict' })
const scheme = 'in scheme "pkg/api/legacyscheme/scheme.go:30"'

test('checkKind refuses a body of another kind, whatever its version', () => {
  const check = (value: unknown) => checkKind(schemas, 'policy.v1.Eviction', value)
  expect(() => check({ kind: 'Eviction', apiVersion: 'policy/v1beta1' })).not.toThrow()
  expect(() => check({})).not.toThrow()
  expect(() => check({ kind: 'Foo' })).toThrow(`no kind "Foo" is registered for version "policy/v1" ${scheme}`)
})

describe('decodeResource', () => {
  test.each([
    [
      'ConfigMap',
      { kind: 'Foo' },
      `Foo in version "v1" cannot be handled as a ConfigMap: no kind "Foo" is registered for version "v1" ${scheme}`,
    ],
    [
      'ConfigMap',
      { apiVersion: 'v2' },
      `ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" ${scheme}`,
    ],
    [
      'ConfigMap',
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      'Deployment in version "v1" cannot be handled as a ConfigMap: converting (v1.Deployment) to (core.ConfigMap): unknown conversion',
    ],
    [
      'Role',
      { apiVersion: 'v1', kind: 'Pod' },
      'Pod in version "v1" cannot be handled as a Role: converting (v1.Pod) to (rbac.Role): unknown conversion',
    ],
    [
      'HorizontalPodAutoscaler',
      { apiVersion: 'autoscaling/v2' },
      'the API version in the data (autoscaling/v2) does not match the expected API version (autoscaling/v1)',
    ],
  ])('refuses as a %s: %j', (kind, value, message) => {
    expect(() => decode(kind, value)).toThrow(message)
  })

  test('takes a null type for none', () => {
    expect(decode('ConfigMap', { kind: null, apiVersion: null })).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' })
  })

  test('takes null bytes for empty ones', () => {
    expect(decode('Secret', { data: { a: null } })).toMatchObject({ data: { a: '' } })
  })
})
