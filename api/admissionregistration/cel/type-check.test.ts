import { describe, expect, test } from 'vitest'
import { schemaType } from '../../../apimachinery/cel/schema-types.ts'
import type { ValidatingAdmissionPolicy } from '../v1.ts'
import { type TypedKind, typeWarnings } from './type-check.ts'

const string = { type: 'string' }
const deployment = kind('Deployment', {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: { replicas: { type: 'integer' }, labels: { type: 'object', additionalProperties: string } },
    },
  },
})
const tab = kind('Tab', { type: 'object', properties: { spec: { type: 'object', properties: { replicas: string } } } })

function kind(name: string, schema: Parameters<typeof schemaType>[0]): TypedKind {
  const type = schemaType(schema, true)
  if (type === undefined) throw new Error(name)
  return { group: 'apps', version: 'v1', kind: name, type }
}

function policy(expression: string, more: object = {}): ValidatingAdmissionPolicy {
  return { spec: { validations: [{ expression }], ...more } } as unknown as ValidatingAdmissionPolicy
}

describe('typeWarnings()', () => {
  test.each(['object.spec.replicas > 1', 'oldObject == null', 'object.spec.labels["a"] == "b"', 'object.kind == "x"'])(
    'has nothing to say of %s',
    (expression) => expect(typeWarnings(policy(expression), [deployment], undefined)).toEqual([]),
  )
  test('shows what is wrong, and for which kind', () => {
    expect(typeWarnings(policy('object.spec.replica > 1'), [deployment, tab], undefined)).toEqual([
      {
        fieldRef: 'spec.validations[0].expression',
        warning: [
          "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replica'",
          ' | object.spec.replica > 1',
          ' | ...........^\n',
          "apps/v1, Kind=Tab: ERROR: <input>:1:12: undefined field 'replica'",
          ' | object.spec.replica > 1',
          ' | ...........^\n',
        ].join('\n'),
      },
    ])
  })
  test('compares types', () => {
    const [{ warning = '' } = {}] = typeWarnings(policy('object.spec.replicas > "1"'), [deployment], undefined)
    expect(warning).toContain("found no matching overload for '_>_' applied to '(int, string)'")
  })
  test('knows variables and parameters', () => {
    const variables = [{ name: 'replicas', expression: 'object.spec.replicas' }]
    const more = { variables, paramKind: { apiVersion: 'apps/v1', kind: 'Tab' } }
    const check = (expression: string) => typeWarnings(policy(expression, more), [deployment], tab.type).length
    expect(check('variables.replicas > int(params.spec.replicas)')).toBe(0)
    expect(check('variables.replicas > params.spec.replicas')).toBe(1)
    expect(check('variables.replicas > params.nope')).toBe(1)
  })
  test('looks at messages, too', () => {
    const validations = [{ expression: 'true', messageExpression: 'object.nope' }]
    const warnings = typeWarnings(policy('', { validations }), [deployment], undefined)
    expect(warnings.map(({ fieldRef }) => fieldRef)).toEqual(['spec.validations[0].messageExpression'])
  })
})
