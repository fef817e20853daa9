import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeObject, type FieldValidation } from './decode.ts'
import { JsonSyntaxError, parseJson, type StrictProblem } from './parse-json.ts'
import { compileSchema } from './schema.ts'

const schemas = compileSchema({
  'core.v1.Thing': {
    gvk: { group: 'apps', version: 'v1', kind: 'Thing' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.Meta ={}',
      spec: '2 core.v1.Spec ={}',
      status: '3 core.v1.Status ={}',
    },
  },
  'meta.v1.Meta': { fields: { name: '1 string', labels: '2 map<string>', created: '3 time', renewed: '4 microTime' } },
  'core.v1.Spec': {
    fields: {
      replicas: '1 int32 ptr',
      minReady: '2 int32',
      items: '3! []core.v1.Item list=map keys=name =[]',
      port: '4 intOrString',
      limits: '5 map<quantity>',
      empty: '6 core.v1.Empty',
      data: '7 bytes',
      strategy: '8 core.v1.Strategy ={}',
    },
  },
  'core.v1.Item': { fields: { name: '1! string =""', args: '2 []string', env: '3 core.v1.Env' } },
  'core.v1.Env': { fields: { value: '1 string', values: '2 []int32' } },
  'core.v1.Strategy': { fields: { type: '1! string =""' } },
  'core.v1.Empty': { fields: { medium: '1 string' } },
  'core.v1.Status': { fields: { ready: '1 bool' } },
})

function decode(
  value: unknown,
  fieldValidation: FieldValidation = 'Strict',
  duplicates: readonly StrictProblem[] = [],
) {
  return decodeObject(schemas, 'core.v1.Thing', value, { fieldValidation, duplicates })
}

const blank = {
  kind: 'Thing',
  apiVersion: 'apps/v1',
  metadata: {},
  spec: { items: [], strategy: { type: '' } },
  status: {},
}

describe('decodeObject()', () => {
  test('fills in what Go always writes', () => expect(decode({}).object).toEqual(blank))
  test('writes the kind first and fields in the table’s order', () => {
    const { object } = decode({ spec: { port: 1, replicas: 2 }, metadata: { name: 'x' }, kind: 'Thing' })
    expect(JSON.stringify(object)).toBe(
      '{"kind":"Thing","apiVersion":"apps/v1","metadata":{"name":"x"},"spec":{"replicas":2,"items":[],"port":1,"strategy":{"type":""}},"status":{}}',
    )
  })
  test('keeps the zero of a pointer and drops the zero of a value', () => {
    const { object } = decode({
      spec: { replicas: 0, minReady: 0, empty: {}, limits: {}, port: 0 },
      metadata: { labels: {} },
    })
    expect(object).toEqual({ ...blank, spec: { replicas: 0, items: [], port: 0, empty: {}, strategy: { type: '' } } })
  })
  test('drops nulls and writes Go’s zero for null elements', () => {
    const { object } = decode({
      metadata: { labels: { a: null } },
      spec: { replicas: null, items: [null, { name: 'a', args: [null] }] },
    })
    expect(object).toEqual({
      ...blank,
      metadata: { labels: { a: '' } },
      spec: { items: [{ name: '' }, { name: 'a', args: [''] }], strategy: { type: '' } },
    })
  })
  test('writes quantities and times canonically', () => {
    const { object } = decode({
      metadata: { created: '2026-01-01T00:00:00+01:00', renewed: '2026-01-01T00:00:00.123456+01:00' },
      spec: { limits: { cpu: '1000m', memory: '1024Mi', n: 0.5 } },
    })
    expect(object['metadata']).toEqual({ created: '2025-12-31T23:00:00Z', renewed: '2025-12-31T23:00:00.123456Z' })
    expect(object['spec']).toMatchObject({ limits: { cpu: '1', memory: '1Gi', n: '500m' } })
  })
  test('reports unknown and doubled fields as asked', () => {
    const value = { spec: { foo: 1, items: [{ name: 'a', bar: 2, env: { baz: 3 } }] }, constructor: 1 }
    const doubled = { text: 'duplicate field "spec.replicas"', rank: [0, 0.5] }
    const strict = decode(value, 'Strict', [doubled])
    const list =
      'unknown field "spec.foo", duplicate field "spec.replicas", unknown field "spec.items[0].bar", unknown field "spec.items[0].env.baz", unknown field "constructor"'
    expect(strict.errors).toEqual([`strict decoding error: ${list}`])
    expect(decode(value, 'Warn', [doubled])).toMatchObject({ errors: [], warnings: list.split(', ') })
    expect(decode(value, 'Ignore', [doubled])).toMatchObject({ errors: [], warnings: [] })
    expect(strict.object).toEqual({ ...blank, spec: { items: [{ name: 'a', env: {} }], strategy: { type: '' } } })
  })
  const wrong: readonly (readonly [unknown, string])[] = [
    [
      { spec: { replicas: 'x' } },
      'json: cannot unmarshal string into Go struct field Spec.spec.replicas of type int32',
    ],
    [
      { spec: { replicas: 1.5 } },
      'json: cannot unmarshal number 1.5 into Go struct field Spec.spec.replicas of type int32',
    ],
    [{ spec: { items: {} } }, 'json: cannot unmarshal object into Go struct field Spec.spec.items of type []v1.Item'],
    [
      { spec: { items: [{ env: { value: true } }] } },
      'json: cannot unmarshal bool into Go struct field Env.spec.items.env.value of type string',
    ],
    [{ spec: [] }, 'json: cannot unmarshal array into Go struct field Thing.spec of type v1.Spec'],
    [{ spec: { port: true } }, 'json: cannot unmarshal bool into Go struct field Spec.spec.port of type int32'],
    [{ spec: { data: '*' } }, 'illegal base64 data at input byte 0'],
    [
      { spec: { limits: { cpu: 'lots' } } },
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      { metadata: { created: 'soon' } },
      'parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006"',
    ],
    [
      { metadata: { renewed: '2020-01-01T00:00:00Z' } },
      'parsing time "2020-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
    ],
    [
      { metadata: { renewed: '2020-01-01T00:00:00.123Z' } },
      'parsing time "2020-01-01T00:00:00.123Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse ".123Z" as ".000000"',
    ],
    [
      { metadata: { renewed: '2020-01-01T00:00:00+02:00' } },
      'parsing time "2020-01-01T00:00:00+02:00" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "+02:00" as ".000000"',
    ],
    [
      { metadata: { renewed: '2020-01-01T00:00:00.123456789Z' } },
      'parsing time "2020-01-01T00:00:00.123456789Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "789Z" as "Z07:00"',
    ],
    ['x', 'json: cannot unmarshal string into Go value of type v1.Thing'],
  ]
  for (const [value, error] of wrong) test(`answers: ${error}`, () => expect(decode(value).errors).toEqual([error]))

  test('survives any JSON and leaves prototypes alone', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const { object } = decode(
          JSON.parse(`{"spec":${text},"metadata":{"labels":${text},"__proto__":{"polluted":true}}}`),
          'Warn',
        )
        expect(decode(object).object).toEqual(object)
        expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
      }),
    )
  })
  test('keeps a map key named __proto__', () => {
    const { object } = decode(JSON.parse('{"metadata":{"labels":{"__proto__":"x"}}}'))
    expect(JSON.stringify(object['metadata'])).toBe('{"labels":{"__proto__":"x"}}')
  })
})

describe('parseJson()', () => {
  test.each([
    ['{"a":"\\ud800"}', '\ufffd'],
    ['{"a":"x\\udc00\\ud83d\\ude00"}', 'x\ufffd\u{1f600}'],
    ['{"a":"\\\\ud800"}', '\\ud800'],
  ])('puts the replacement character for half a pair: %s', (text, a) => {
    expect(parseJson(text).value).toEqual({ a })
  })
  test('finds doubled fields by path', () => {
    const text = '{"a":1,"b":[{"c":1,"c":2},{"c":1}],"a":{"d":[],"d":0}, "\\u0061":3}'
    expect(parseJson(text, { duplicates: true }).duplicates).toEqual([
      { text: 'duplicate field "b[0].c"', rank: [1, 0, 0.5] },
      { text: 'duplicate field "a"', rank: [1.5] },
      { text: 'duplicate field "a.d"', rank: [1.5, 0.5] },
    ])
  })
  const wrong = [
    ['', 'unexpected end of JSON input'],
    ['{', 'unexpected end of JSON input'],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', `invalid character '"' after object key:value pair`],
    ['[1 2]', "invalid character '2' after array element"],
    ['tru', 'unexpected end of JSON input'],
    ['trux', "invalid character 'x' in literal true (expecting 'e')"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['<html>', "invalid character '<' looking for beginning of value"],
  ] as const
  for (const [text, message] of wrong) {
    test(`refuses ${text} as Go does`, () => expect(() => parseJson(text)).toThrow(new JsonSyntaxError(message)))
  }
  test('agrees with JSON.parse on what is JSON', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', ',', '"', '}', ']', ':', '1', 'x', '\\'),
        (json, at, noise) => {
          const place = at % (json.length + 1)
          const text = json.slice(0, place) + noise + json.slice(place)
          let valid = true
          try {
            JSON.parse(text)
          } catch {
            valid = false
          }
          if (valid) expect(() => parseJson(text, { duplicates: true })).not.toThrow()
          else expect(() => parseJson(text)).toThrow(JsonSyntaxError)
        },
      ),
    )
  })
})
