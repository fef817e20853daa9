import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json, JsonObject } from '../json.ts'
import { compileSchema } from '../schema/schema.ts'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch } from './merge-patch.ts'
import { applyStrategicMerge } from './strategic-merge.ts'

const anyObject = fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<JsonObject>

describe('applyJsonPatch()', () => {
  const cases: readonly (readonly [string, JsonObject, Json, JsonObject])[] = [
    ['adds a field', { a: 1 }, [{ op: 'add', path: '/b', value: { c: 2 } }], { a: 1, b: { c: 2 } }],
    ['adds into a list', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    ['appends', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    ['counts from the end', { a: [1, 2] }, [{ op: 'replace', path: '/a/-1', value: 9 }], { a: [1, 9] }],
    [
      'takes leading zeros for numbers, as Go',
      { a: [1, 3] },
      [{ op: 'add', path: '/a/01', value: 2 }],
      { a: [1, 2, 3] },
    ],
    ['takes a sign for a part of the number', { a: [1, 2] }, [{ op: 'remove', path: '/a/+1' }], { a: [1] }],
    ['replaces the whole document', { a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
    ['removes', { a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
    ['replaces', { a: 1 }, [{ op: 'replace', path: '/a', value: null }], { a: null }],
    ['moves', { a: { b: 1 } }, [{ op: 'move', from: '/a/b', path: '/c' }], { a: {}, c: 1 }],
    [
      'copies',
      { a: { b: 1 } },
      [
        { op: 'copy', from: '/a', path: '/c' },
        { op: 'add', path: '/c/b', value: 2 },
      ],
      { a: { b: 1 }, c: { b: 2 } },
    ],
    ['tests', { a: [1, { b: 2 }] }, [{ op: 'test', path: '/a/1', value: { b: 2 } }], { a: [1, { b: 2 }] }],
    ['reads escapes', { 'a/b': { 'c~d': 1 } }, [{ op: 'remove', path: '/a~1b/c~0d' }], { 'a/b': {} }],
  ]
  for (const [name, document, patch, want] of cases) {
    test(name, () => expect(applyJsonPatch(document, patch)).toEqual(want))
  }
  const refused: readonly (readonly [Json, string])[] = [
    [[{ op: 'test', path: '/a', value: 2 }], 'testing value /a failed: test failed'],
    [
      [{ op: 'remove', path: '/x' }],
      "error in remove for path: '/x': Unable to remove nonexistent key: x: missing value",
    ],
    [
      [{ op: 'add', path: '/x/y', value: 1 }],
      'add operation does not apply: doc is missing path: "/x/y": missing value',
    ],
    [
      [{ op: 'add', path: '/l/5', value: 1 }],
      "error in add for path: '/l/5': Unable to access invalid index: 5: invalid index referenced",
    ],
    [[{ op: 'frob', path: '/a' }], 'Unexpected kind: frob'],
    [
      [{ op: 'add', path: '/l/1e0', value: 1 }],
      "error in add for path: '/l/1e0': Unable to access invalid index: 1e0: invalid index referenced",
    ],
    [[{ op: 'replace', path: '', value: 1 }], 'replace operation value must be object or array'],
    [[null], 'undefined operation failed to decode path: missing value'],
    [
      [{ op: 'add', path: '/__proto__/polluted', value: 1 }],
      'add operation does not apply: doc is missing path: "/__proto__/polluted": missing value',
    ],
  ]
  for (const [patch, cause] of refused) {
    test(`refuses: ${cause}`, () => {
      expect(() => applyJsonPatch({ a: 1, l: [] }, patch)).toThrow(
        expect.objectContaining({ code: 422, reason: 'Invalid', cause: expect.objectContaining({ message: cause }) }),
      )
    })
  }
  const undecodable: readonly (readonly [Json, string])[] = [
    [[1], 'json: cannot unmarshal number into Go value of type handlers.jsonPatchOp'],
    [[[]], 'json: cannot unmarshal array into Go value of type handlers.jsonPatchOp'],
    [[{ op: 1, path: '/a' }], 'json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string'],
    [[{ op: 'add', path: true }], 'json: cannot unmarshal bool into Go struct field jsonPatchOp.path of type string'],
  ]
  for (const [patch, problem] of undecodable) {
    test(`cannot read: ${problem}`, () => {
      expect(() => applyJsonPatch({ a: 1 }, patch)).toThrow(
        expect.objectContaining({ code: 400, message: `error decoding patch: ${problem}` }),
      )
    })
  }
  test('refuses what is no list, too many operations, and copies that explode', () => {
    expect(() => applyJsonPatch({}, {})).toThrow(
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    )
    expect(() => applyJsonPatch({}, new Array(10_001).fill({ op: 'test', path: '/a' }))).toThrow(
      expect.objectContaining({ code: 413 }),
    )
    const bomb = Array.from({ length: 60 }, (_, i) => ({ op: 'copy', from: '/a', path: `/a/${i}` }))
    expect(() => applyJsonPatch({ a: { x: 'y'.repeat(1000) } }, bomb)).toThrow(expect.objectContaining({ code: 422 }))
  })
  test('leaves the document alone', () => {
    const document = Object.freeze({ a: Object.freeze([1]) })
    expect(applyJsonPatch(document, [{ op: 'add', path: '/a/-', value: 2 }])).toEqual({ a: [1, 2] })
  })
  test('add then remove is nothing', () => {
    fc.assert(
      fc.property(anyObject, fc.jsonValue(), (document, value) => {
        const path = '/unlikely key'
        expect(
          applyJsonPatch(document, [
            { op: 'add', path, value },
            { op: 'remove', path },
          ]),
        ).toEqual(document)
      }),
    )
  })
})

describe('applyMergePatch()', () => {
  const cases: readonly (readonly [JsonObject, JsonObject, JsonObject])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  ]
  for (const [document, patch, want] of cases) {
    test(`${JSON.stringify(document)} + ${JSON.stringify(patch)}`, () =>
      expect(applyMergePatch(document, patch)).toEqual(want))
  }
  test('refuses a body that is no object', () =>
    expect(() => applyMergePatch({}, [])).toThrow(
      'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
    ))
  test('a second time changes nothing', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (document, patch) => {
        const once = applyMergePatch(document, patch)
        expect(applyMergePatch(once, patch)).toEqual(once)
      }),
    )
  })
})

describe('applyStrategicMerge()', () => {
  const schemas = compileSchema({
    Root: {
      fields: {
        list: '1 []Item list=map keys=name patch=merge mergeKey=name',
        plain: '2 []Item list=atomic',
        set: '3 []string list=set patch=merge',
        scalars: '4 []string list=atomic',
        map: '5 map<string>',
        strategy: '6 Strategy patch=retainKeys',
        item: '7 Item',
      },
    },
    Item: {
      fields: {
        name: '1 string',
        value: '2 string',
        sub: '3 []Item list=map keys=name patch=merge mergeKey=name',
        map: '4 map<string>',
      },
    },
    Strategy: { fields: { type: '1 string', rolling: '2 Item' } },
  })
  const a = { name: 'a', value: '1' }
  const b = { name: 'b', value: '2' }
  const c = { name: 'c', value: '3' }
  const cases: readonly (readonly [string, JsonObject, JsonObject, JsonObject])[] = [
    [
      'merges list items by key',
      { list: [a, b] },
      { list: [{ name: 'b', value: '9' }] },
      { list: [a, { name: 'b', value: '9' }] },
    ],
    ['puts new items before those only the server has', { list: [a] }, { list: [b] }, { list: [b, a] }],
    ['replaces other lists', { plain: [a, b] }, { plain: [c] }, { plain: [c] }],
    ['replaces other scalars', { scalars: ['a'] }, { scalars: ['b'] }, { scalars: ['b'] }],
    ['merges scalars', { set: ['a', 'b'] }, { set: ['c', 'a'] }, { set: ['c', 'a', 'b'] }],
    ['deletes by null', { map: { x: '1', y: '2' } }, { map: { x: null } }, { map: { y: '2' } }],
    ['deletes an item', { list: [a, b] }, { list: [{ $patch: 'delete', name: 'a' }] }, { list: [b] }],
    ['replaces a list when told', { list: [a, b] }, { list: [c, { $patch: 'replace' }] }, { list: [c] }],
    ['empties a list when told', { list: [a, b] }, { list: [{ $patch: 'replace' }] }, { list: [] }],
    [
      'replaces a map when told',
      { item: { name: 'a', value: '1' } },
      { item: { $patch: 'replace', value: '2' } },
      { item: { value: '2' } },
    ],
    ['empties a map when told', { item: { name: 'a' } }, { item: { $patch: 'delete' } }, { item: {} }],
    ['deletes scalars', { set: ['a', 'b', 'c'] }, { '$deleteFromPrimitiveList/set': ['b'] }, { set: ['a', 'c'] }],
    [
      'keeps only retained keys',
      { strategy: { type: 'Rolling', rolling: { name: 'x' } } },
      { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
      { strategy: { type: 'Recreate' } },
    ],
    [
      'orders items',
      { list: [a, b, c] },
      { '$setElementOrder/list': [{ name: 'c' }, { name: 'a' }, { name: 'b' }] },
      { list: [c, a, b] },
    ],
    [
      'orders and merges',
      { list: [a, b] },
      { '$setElementOrder/list': [{ name: 'c' }, { name: 'b' }, { name: 'a' }], list: [c] },
      { list: [c, b, a] },
    ],
    [
      'orders around what only the server has',
      { list: [a, b, c] },
      { '$setElementOrder/list': [{ name: 'c' }, { name: 'a' }] },
      { list: [b, c, a] },
    ],
    ['orders scalars', { set: ['a', 'b', 'c'] }, { '$setElementOrder/set': ['c', 'b', 'a'] }, { set: ['c', 'b', 'a'] }],
    ['takes a new list without its directives', {}, { list: [{ $patch: 'delete', name: 'x' }, b] }, { list: [b] }],
    ['takes nothing of a new map with a directive', {}, { item: { $patch: 'replace', value: '2' } }, {}],
    ['takes a new map without nulls', {}, { item: { name: 'a', value: null } }, { item: { name: 'a' } }],
    [
      'merges nested lists',
      { list: [{ name: 'a', sub: [a, b] }] },
      { list: [{ name: 'a', sub: [{ name: 'b', value: 'x' }] }] },
      { list: [{ name: 'a', sub: [a, { name: 'b', value: 'x' }] }] },
    ],
    ['deletes an absent item', { list: [a] }, { list: [{ $patch: 'delete', name: 'x' }] }, { list: [a] }],
    ['keeps unknown fields for the decoder to judge', {}, { foo: 1 }, { foo: 1 }],
  ]
  for (const [name, document, patch, want] of cases) {
    test(name, () => expect(applyStrategicMerge(schemas, 'Root', document, patch)).toEqual(want))
  }
  const refused: readonly (readonly [JsonObject, number, string])[] = [
    [{ list: [{ value: 'x' }] }, 500, 'map: map[value:x] does not contain declared merge key: name'],
    [{ item: { $patch: 'frob' } }, 500, 'unknown patch type: frob in map: map[$patch:frob]'],
    [{ strategy: { $retainKeys: 'type' } }, 400, 'invalid patch format of retainKeys'],
    [{ strategy: { $retainKeys: ['type'], rolling: {} } }, 400, 'invalid patch format of retainKeys'],
    [{ '$setElementOrder/list': 'x' }, 500, 'expected a []interface {}, but received a string'],
    [{ '$setElementOrder/item': [] }, 500, 'expected a []interface {}, but received a map[string]interface {}'],
    [{ '$setElementOrder/list': [1] }, 500, 'value for key 0 is not a map'],
    [{ '$setElementOrder/list': [{ value: 'x' }] }, 500, 'map: map[value:x] does not contain declared merge key: name'],
    [{ '$setElementOrder/other': [] }, 500, 'unable to find api field in struct Root for the json field "other"'],
    [
      { '$setElementOrder/list': [{ name: 'b' }], list: [{ name: 'a', value: 'x' }] },
      500,
      "The order in patch list:\n[map[name:a value:x]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
    ],
    [{ $deleteFromPrimitiveList: ['x'] }, 400, 'invalid patch format of primitive list'],
  ]
  for (const [patch, code, message] of refused) {
    test(`refuses: ${message}`, () => {
      const document = { list: [a], item: { name: 'a' }, strategy: { type: 'x' }, set: ['x'] }
      expect(() => applyStrategicMerge(schemas, 'Root', document, patch)).toThrow(
        expect.objectContaining({ code, message }),
      )
    })
  }
  test('a second time changes nothing', () => {
    const item = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), value: fc.string() })
    const lists = fc.record({
      list: fc.uniqueArray(item, { selector: ({ name }) => name }),
      set: fc.uniqueArray(fc.string()),
    })
    fc.assert(
      fc.property(lists, lists, (document, patch) => {
        const once = applyStrategicMerge(schemas, 'Root', document, patch)
        expect(applyStrategicMerge(schemas, 'Root', once, patch)).toEqual(once)
      }),
    )
  })
})
