import { describe, expect, test } from 'vitest'
import { emptyListsAsNull } from '../apimachinery/schema/empty-lists.ts'
import { compileSchema, structOf } from '../apimachinery/schema/schema.ts'
import { definitions } from './facts/table.ts'

const schemas = compileSchema(definitions)

describe('emptyListsAsNull', () => {
  test.each([
    ['rbac.v1.Role', { rules: [] }, { rules: null }],
    ['discovery.v1.EndpointSlice', { endpoints: [], ports: [{ port: 1 }] }, { endpoints: null, ports: [{ port: 1 }] }],
    [
      'core.v1.Pod',
      { spec: { containers: [], volumes: [{ name: 'a', projected: { sources: [] } }, { name: 'b' }] } },
      { spec: { containers: [], volumes: [{ name: 'a', projected: { sources: null } }, { name: 'b' }] } },
    ],
    [
      'apps.v1.Deployment',
      { spec: { template: { spec: { volumes: [{ projected: { sources: [] } }] } } } },
      { spec: { template: { spec: { volumes: [{ projected: { sources: null } }] } } } },
    ],
  ])('empties %s as protobuf would', (definition, object, expected) => {
    expect(emptyListsAsNull(structOf(schemas, definition), object)).toEqual(expected)
  })

  test('returns what has no such list as it is', () => {
    const object = { spec: { containers: [], volumes: [{ name: 'a', projected: { sources: [{}] } }], tolerations: [] } }
    expect(emptyListsAsNull(structOf(schemas, 'core.v1.Pod'), object)).toBe(object)
    const schema = { spec: { versions: [{ schema: { openAPIV3Schema: { required: [] } } }] } }
    expect(emptyListsAsNull(structOf(schemas, 'apiextensions.v1.CustomResourceDefinition'), schema)).toBe(schema)
  })
})
