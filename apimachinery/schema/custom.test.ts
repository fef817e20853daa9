import { describe, expect, test } from 'vitest'
import type { Json, JsonObject } from '../json.ts'
import { findAll, parseJsonPath } from '../json-path.ts'
import { compileCustom, customDefinition } from './custom.ts'
import { decodeStruct } from './decode.ts'
import { validateListTypes } from './list-types.ts'
import { compileSchema } from './schema.ts'
import { fillDefaults, pruneRoot } from './structural.ts'
import { validateValue } from './validate.ts'

const text = { type: 'string' }
const schema: JsonObject = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['name'],
      properties: {
        name: { ...text, minLength: 2, maxLength: 5, pattern: '^[a-z]+$' },
        size: { type: 'integer', minimum: 1, maximum: 9, default: 3 },
        ratio: { type: 'number', exclusiveMaximum: true, maximum: 1, multipleOf: 0.25 },
        color: { ...text, enum: ['red', 'green'] },
        port: { 'x-kubernetes-int-or-string': true },
        maybe: { ...text, nullable: true },
        when: { ...text, format: 'date-time' },
        free: {
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: { known: { type: 'object' } },
        },
        map: { type: 'object', additionalProperties: { type: 'object', properties: { a: text } } },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: text, maxItems: 3 },
        parts: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: { type: 'object', properties: { name: text, size: { type: 'integer', default: 1, maximum: 5 } } },
        },
        inner: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { spec: { type: 'object' } } },
        either: { oneOf: [{ required: ['a'] }, { required: ['b'] }], type: 'object', properties: { a: text, b: text } },
      },
    },
  },
}
const spec = (value: JsonObject): JsonObject => ({ spec: { name: 'abc', ...value } })
const messages = (value: JsonObject, old?: JsonObject): readonly string[] =>
  validateValue(schema, value, old).map(({ field, message }) => `${field}: ${message}`)

describe('pruneRoot', () => {
  test.each<[string, JsonObject, JsonObject, string[]]>([
    [
      'drops what the schema does not name',
      { other: 1, map: { k: { a: 'x', b: 1 } } },
      { map: { k: { a: 'x' } } },
      ['spec.map.k.b', 'spec.other'],
    ],
    [
      'keeps unknown fields where the schema says so, but not below known ones',
      { free: { x: 1, known: { y: 1 } } },
      { free: { x: 1, known: {} } },
      ['spec.free.known.y'],
    ],
    [
      'names items of lists by their place',
      { parts: [{ name: 'a', z: 1 }] },
      { parts: [{ name: 'a' }] },
      ['spec.parts[0].z'],
    ],
    [
      'keeps type and metadata of embedded resources',
      { inner: { apiVersion: 'v1', kind: 'A', metadata: {}, x: 1 } },
      { inner: { apiVersion: 'v1', kind: 'A', metadata: {} } },
      ['spec.inner.x'],
    ],
  ])('pruneRoot %s', (_, value, wanted, unknown) => {
    const seen: string[] = []
    expect(pruneRoot(schema, spec(value), (path) => seen.push(path))).toEqual(spec(wanted))
    expect(seen.toSorted()).toEqual(unknown)
  })
  test('pruneRoot returns the object itself when nothing is to be dropped', () => {
    const object = spec({ parts: [{ name: 'a' }], free: { x: [1] } })
    expect(pruneRoot(schema, object)).toBe(object)
  })
})

describe('fillDefaults', () => {
  test.each<[string, JsonObject, JsonObject]>([
    [
      'fills in what is absent, in items of lists too',
      { parts: [{ name: 'a' }] },
      { size: 3, parts: [{ name: 'a', size: 1 }] },
    ],
    ['puts the default in the place of a null that may not be', { size: null }, { size: 3 }],
    ['drops a null that may not be and has no default', { size: 1, color: null }, { size: 1 }],
    ['keeps a null that may be', { size: 1, maybe: null }, { size: 1, maybe: null }],
  ])('fillDefaults %s', (_, value, wanted) => {
    expect(fillDefaults(schema, spec(value))).toEqual(spec(wanted))
  })
  test('fillDefaults returns the object itself when it is complete', () => {
    const object = spec({ size: 1, parts: [{ name: 'a', size: 2 }] })
    expect(fillDefaults(schema, object)).toBe(object)
  })
})

describe('validateValue', () => {
  test.each<[string, JsonObject, string[]]>([
    ['a good object', { size: 1, ratio: 0.5, color: 'red', port: '80', when: '2024-01-02T03:04:05Z' }, []],
    [
      'a wrong type',
      { size: 'x' },
      ['spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'],
    ],
    [
      'a fraction',
      { size: 1.5 },
      [
        'spec.size: Invalid value: "number": spec.size in body must be of type integer: "number"',
        '<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.size',
      ],
    ],
    [
      'neither integer nor string',
      { port: true },
      ['spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"'],
    ],
    ['a long text', { name: 'abcdef' }, ['spec.name: Too long: may not be more than 5 bytes']],
    [
      'a short text',
      { name: 'a' },
      ['spec.name: Invalid value: "a": spec.name in body should be at least 2 chars long'],
    ],
    ['a pattern', { name: 'AB' }, [`spec.name: Invalid value: "AB": spec.name in body should match '^[a-z]+$'`]],
    [
      'a small number',
      { size: 0 },
      ['spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1'],
    ],
    [
      'an exclusive bound, and a factor that an integer is held to without its fraction',
      { ratio: 1 },
      [
        'spec.ratio: Invalid value: 0: factor MultipleOf declared for spec.ratio must be positive: 0',
        'spec.ratio: Invalid value: 1: spec.ratio in body should be less than 1',
      ],
    ],
    ['a multiple', { ratio: 0.3 }, ['spec.ratio: Invalid value: 0.3: spec.ratio in body should be a multiple of 0.25']],
    ['an enum', { color: 'blue' }, ['spec.color: Unsupported value: "blue": supported values: "red", "green"']],
    [
      'a format',
      { when: 'now' },
      ['spec.when: Invalid value: "now": spec.when in body must be of type date-time: "now"'],
    ],
    ['too many items', { tags: ['a', 'b', 'c', 'd'] }, ['spec.tags: Too many: 4: must have at most 3 items']],
    [
      'none of several',
      { either: {} },
      [
        '<nil>: Invalid value: "": "spec.either" must validate one and only one schema (oneOf). Found none valid',
        'spec.either.a: Required value',
      ],
    ],
  ])('validateValue says what is wrong with %s', (_, value, wanted) => {
    expect(messages(spec(value))).toEqual(wanted)
  })
  test('validateValue names required fields', () => {
    expect(messages({ spec: {} })).toEqual(['spec.name: Required value'])
  })
  test('validateValue does not complain about what an update has left as it was', () => {
    const old = spec({ color: 'blue', parts: [{ name: 'a', size: 9 }] })
    expect(
      messages(
        spec({
          color: 'blue',
          size: 1,
          parts: [
            { name: 'a', size: 9 },
            { name: 'b', size: 1 },
          ],
        }),
        old,
      ),
    ).toEqual([])
    expect(messages(spec({ color: 'pink' }), old)).toHaveLength(1)
  })
  test('validateListTypes finds doubled items of sets and of lists with keys', () => {
    const causes = validateListTypes(schema, spec({ tags: ['a', 'a'], parts: [{ name: 'x' }, { name: 'x', size: 2 }] }))
    expect(causes.map(({ field, message }) => `${field}: ${message}`)).toEqual([
      'spec.tags[1]: Duplicate value: "a"',
      'spec.parts[1]: Duplicate value: {"name":"x"}',
    ])
  })
})

describe('decodeStruct', () => {
  const schemas = compileSchema({
    'meta.v1.ObjectMeta': { fields: { name: '1 string', labels: '11 map<string>' } },
  })
  const kind = { group: 'stable.example.com', version: 'v1', kind: 'CronTab', schema }
  const struct = compileCustom(schemas, kind)
  const body = (metadata: JsonObject, more: JsonObject): JsonObject => ({
    apiVersion: 'stable.example.com/v1',
    kind: 'CronTab',
    metadata,
    ...spec(more),
  })

  test('customDefinition turns the group around', () => {
    expect(customDefinition(kind)).toBe('com.example.stable.v1.CronTab')
  })
  test('decodeStruct names unknown fields of a custom object in alphabetical order, those of its metadata too', () => {
    const inner = { apiVersion: 'v1', kind: 'A', metadata: { name: 'x', odd: 1 } }
    const { errors } = decodeStruct(schemas, struct, body({ name: 'a', nope: 1 }, { z: 1, b: 1, inner }), {
      fieldValidation: 'Strict',
    })
    expect(errors).toEqual([
      'strict decoding error: unknown field "metadata.nope", unknown field "spec.b", unknown field "spec.z", unknown field "spec.inner.metadata.odd"',
    ])
  })
  test('decodeStruct leaves wrong types below spec to validation and refuses those of metadata', () => {
    const options = { fieldValidation: 'Ignore' } as const
    expect(decodeStruct(schemas, struct, body({ name: 'a' }, { size: 'x' }), options).errors).toEqual([])
    expect(decodeStruct(schemas, struct, body({ labels: 5 }, {}), options).errors).toHaveLength(1)
  })
})

describe('parseJsonPath', () => {
  const object: Json = {
    spec: {
      list: [
        { type: 'A', value: 1 },
        { type: 'B', value: 2 },
      ],
      'a.b': 'dot',
    },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  }
  test.each<[string, readonly Json[]]>([
    ['.spec.list[0].value', [1]],
    ['.spec.list[-1].type', ['B']],
    ['.spec.list[*].type', ['A', 'B']],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    ['.spec.list[?(@.value>1)].type', ['B']],
    ['.spec.a\\.b', ['dot']],
    [".spec['a.b']", ['dot']],
    ['..type', ['A', 'B', 'Ready']],
    ['.nothing.there', []],
  ])('parseJsonPath follows %s', (path, wanted) => {
    const parsed = parseJsonPath(path)
    expect(parsed === undefined ? undefined : findAll(parsed, object)).toEqual(wanted)
  })
  test('parseJsonPath refuses what is no path', () => {
    expect(parseJsonPath('.a[')).toBeUndefined()
  })
})
