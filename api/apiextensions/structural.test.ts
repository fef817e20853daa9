import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../apimachinery/json.ts'
import { validateStructural } from './structural.ts'

function texts(field: JsonObject): readonly string[] {
  return validateStructural({ type: 'object', properties: { a: field } }, 'root').map(
    ({ field: path, message }) => `${path}: ${message}`,
  )
}

describe('validateStructural', () => {
  test.each<[string, JsonObject, readonly string[]]>([
    ['takes a good field', { type: 'integer', default: 3 }, []],
    ['wants a type', {}, ['root.properties[a].type: Required value: must not be empty for specified object fields']],
    [
      'refuses a default of another type',
      { type: 'integer', default: 'x' },
      ['root.properties[a].default: Invalid value: "string":  in body must be of type integer: "string"'],
    ],
    [
      'refuses a default that lacks a required field, after filling in its own defaults',
      {
        type: 'object',
        default: {},
        required: ['b', 'c'],
        properties: { b: { type: 'string', default: 'x' }, c: { type: 'string' } },
      },
      ['root.properties[a].default.c: Required value'],
    ],
    [
      'refuses rules, which nobody would enforce',
      { type: 'string', 'x-kubernetes-validations': [{ rule: 'self != ""' }] },
      [
        'root.properties[a].x-kubernetes-validations: Forbidden: validation rules (CEL) are not enforced by this server',
      ],
    ],
  ])('validateStructural %s', (_, field, wanted) => {
    expect(texts(field)).toEqual(wanted)
  })
  test('validateStructural refuses a pattern that Go would not take', () => {
    expect(texts({ type: 'string', pattern: '(?=x)' })[0]).toContain(
      'root.properties[a].pattern: Invalid value: "(?=x)"',
    )
  })
})
