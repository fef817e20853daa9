import { describe, expect, test } from 'vitest'
import { decodeObject } from '../../apimachinery/schema/decode.ts'
import { compileSchema } from '../../apimachinery/schema/schema.ts'
import { definitions } from '../facts/table.ts'
import { customResourceDefinitions } from './custom-resource-definition.ts'
import type { CustomResourceDefinition } from './v1.ts'
import { validateDefinition, validateDefinitionUpdate } from './validation.ts'

const schemas = compileSchema(definitions)
const names = { plural: 'foos', singular: 'foo', kind: 'Foo', listKind: 'FooList' }
const text = { type: 'string' }

function object(properties: object, more: object = {}): object {
  return { type: 'object', properties, ...more }
}

/** A version with one field `f` below `spec`. */
function version(f: object, more: object = {}): object {
  const schema = { openAPIV3Schema: object({ spec: object({ f }) }) }
  return { name: 'v1', served: true, storage: true, schema, ...more }
}

function crd(spec: object): CustomResourceDefinition {
  const draft = {
    metadata: { name: 'foos.example.com' },
    spec: { group: 'example.com', scope: 'Namespaced', names, ...spec },
  }
  const { object: decoded } = decodeObject(schemas, 'apiextensions.v1.CustomResourceDefinition', draft, {
    fieldValidation: 'Ignore',
  })
  const given = customResourceDefinitions.defaults?.(decoded as never) ?? decoded
  return (customResourceDefinitions.prepareForCreate?.(given as never) ?? given) as unknown as CustomResourceDefinition
}

function messages(spec: object): readonly string[] {
  return validateDefinition(crd(spec)).map(({ field, message }) => `${field}: ${message}`)
}

const at = 'spec.validation.openAPIV3Schema.properties[spec].properties[f]'
const rule = (one: string | object): object =>
  typeof one === 'string' ? { ...text, 'x-kubernetes-validations': [{ rule: one }] } : one

// Every expectation here was compared with the answer of kube-apiserver 1.36.2.
describe('validateDefinition', () => {
  test.each<[string, object, readonly string[]]>([
    ['takes a good definition', version(text), []],
    ['wants a type', version({}), [`${at}.type: Required value: must not be empty for specified object fields`]],
    [
      'shows what every version has alike at the top, and wants one storage version',
      version(text, { storage: false }),
      [
        'spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]: must have exactly one version marked as storage version',
        'status.storedVersions: Invalid value: null: must have at least one stored version',
      ],
    ],
    [
      'refuses what is not structural in combined schemas',
      version({ ...object({ a: text }), anyOf: [{ description: 'x', properties: { a: { type: 'string' } } }] }),
      [
        `${at}.anyOf[0].description: Forbidden: must be empty to be structural`,
        `${at}.anyOf[0].properties[a].type: Forbidden: must be empty to be structural`,
      ],
    ],
    [
      'takes the two usual ways to write integers or strings',
      version({ 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] }),
      [],
    ],
    [
      'refuses keys that are no fields of the items',
      version({
        type: 'array',
        items: object({ a: text }, { required: ['a'] }),
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['b'],
      }),
      [`${at}.x-kubernetes-list-map-keys: Invalid value: ["b"]: entries must all be names of item properties`],
    ],
    [
      'refuses sets of objects that are merged',
      version({ type: 'array', items: object({ a: text }), 'x-kubernetes-list-type': 'set' }),
      [
        `${at}.items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set`,
      ],
    ],
    [
      'refuses a default with fields that nobody knows',
      version({ ...object({ a: text }), default: { a: 'x', b: 1 } }),
      [`${at}.default: Invalid value: {"a":"x","b":1}: must not have unknown fields`],
    ],
    [
      'refuses a default that breaks a rule',
      version({ ...text, default: 'b', 'x-kubernetes-validations': [{ rule: "self == 'a'" }] }),
      [`${at}.default: Invalid value: "b": failed rule: self == 'a'`],
    ],
    [
      'keeps an empty text as a default',
      version({ ...text, minLength: 1, default: '' }),
      [`${at}.default: Invalid value: "":  in body should be at least 1 chars long`],
    ],
    [
      'refuses a pattern that Go does not take',
      version({ ...text, pattern: '(a' }),
      [
        `${at}.pattern: Invalid value: "(a": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): \`(a\``,
      ],
    ],
    [
      'shows what a rule lacks, with the place',
      version(rule('self > 1')),
      [
        `${at}.x-kubernetes-validations[0].rule: Invalid value: {"Rule":"self \\u003e 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:6: found no matching overload for '_>_' applied to '(string, int)'\n | self > 1\n | .....^`,
      ],
    ],
    [
      'refuses rules that can cost too much',
      version({
        type: 'array',
        items: { ...text, maxLength: 50 },
        maxItems: 1500,
        'x-kubernetes-validations': [{ rule: 'self.all(x, self.all(y, x == y))' }],
      }),
      [
        `${at}.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of 5.6x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`,
      ],
    ],
    [
      'refuses oldSelf where old and new values cannot be told apart',
      version({
        type: 'array',
        maxItems: 10,
        items: { ...text, maxLength: 5, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
      }),
      [
        `${at}.items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within ${at}`,
      ],
    ],
    [
      'refuses columns and scales without good paths',
      version(text, {
        additionalPrinterColumns: [{ name: 'a', type: 'x', jsonPath: 'spec' }],
        subresources: { scale: { specReplicasPath: '.x', statusReplicasPath: '' } },
      }),
      [
        'spec.subresources.scale.specReplicasPath: Invalid value: ".x": should be a json path under .spec',
        'spec.subresources.scale.statusReplicasPath: Required value',
        'spec.additionalPrinterColumns[0].type: Invalid value: "x": must be one of boolean,date,integer,number,string',
        'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec": must be a simple json path starting with .',
      ],
    ],
    [
      'refuses selectable fields that are not there or no scalars',
      version(text, { selectableFields: [{ jsonPath: '.spec.g' }, { jsonPath: '.spec' }] }),
      [
        'spec.selectableFields[0].jsonPath: Invalid value: ".spec.g": is an invalid path: does not refer to a valid field',
        'spec.selectableFields[1].jsonPath: Invalid value: ".spec": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
      ],
    ],
  ])('validateDefinition %s', (_, one, wanted) => {
    expect(messages({ versions: [one] })).toEqual(wanted)
  })

  test('validateDefinition names the version where versions differ', () => {
    const other = version(text, { name: 'v2', storage: false })
    expect(messages({ versions: [version({}), other] })).toEqual([
      'spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[f].type: Required value: must not be empty for specified object fields',
    ])
  })
  test('validateDefinition wants a webhook for the conversion by webhook', () => {
    expect(messages({ versions: [version(text)], conversion: { strategy: 'Webhook' } })).toEqual([
      'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook',
      'spec.conversion.conversionReviewVersions: Required value',
    ])
  })
})

describe('validateDefinitionUpdate', () => {
  const established = (spec: object): CustomResourceDefinition => {
    const one = crd(spec)
    return { ...one, status: { ...one.status, conditions: [{ type: 'Established', status: 'True' }] } }
  }
  const texts = (spec: object, old: object): readonly string[] =>
    validateDefinitionUpdate(established(spec), established(old)).map(({ field, message }) => `${field}: ${message}`)

  test('validateDefinitionUpdate keeps what objects are stored by', () => {
    const old = { versions: [version(text)] }
    expect(texts({ ...old, scope: 'Cluster', names: { ...names, kind: 'Bar', listKind: 'BarList' } }, old)).toEqual([
      'spec.scope: Invalid value: "Cluster": field is immutable',
      'spec.names.kind: Invalid value: "Bar": field is immutable',
    ])
  })
  test('validateDefinitionUpdate lets a rule stay that has become too expensive', () => {
    const list = {
      type: 'array',
      items: text,
      'x-kubernetes-validations': [{ rule: 'self.all(x, self.all(y, x != y))' }],
    }
    const spec = { versions: [version({ ...list, maxItems: 800, items: { ...text, maxLength: 20 } })] }
    expect(texts(spec, spec)).toEqual([])
  })
})
