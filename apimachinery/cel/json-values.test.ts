import { describe, expect, test } from 'vitest'
import type { Json } from '../json.ts'
import { CelError, CostLimitError } from './errors.ts'
import { fromJson, toJson } from './json-values.ts'
import { noTypes, typesByName } from './object-type.ts'
import { type CelType, celTypes, listOf, mapOf, objectType } from './types.ts'
import { isKind, listValue, mapValue, optionalNone, optionalValue, uint } from './values.ts'

const provider = typesByName([
  {
    name: 'Pod',
    fields: new Map([
      ['name', { type: celTypes.string }],
      ['a__dash__b', { type: celTypes.int, jsonName: 'a-b' }],
      ['weight', { type: celTypes.double }],
    ]),
  },
])

describe('fromJson', () => {
  test.each([
    [1, celTypes.dyn, 1n],
    [1.5, celTypes.dyn, 1.5],
    [1e300, celTypes.dyn, 1e300],
    [1, celTypes.double, 1],
    ['x', celTypes.string, 'x'],
    [null, celTypes.string, null],
    ['2023-01-02', celTypes.timestamp, { kind: 'timestamp', seconds: 1672617600, nanos: 0 }],
    ['1m', celTypes.duration, { kind: 'duration', nanos: 60_000_000_000n }],
  ] as const satisfies readonly (readonly [Json, CelType, unknown])[])('reads %j as %j', (json, type, value) => {
    expect(fromJson(json, type, noTypes)).toEqual(value)
  })

  test.each([
    ['a', celTypes.int, 'invalid data, expected int, got string'],
    [1.5, celTypes.int, 'invalid data, expected int, got float64'],
    [{}, listOf(celTypes.int), 'invalid data, expected an array for the provided schema with type=array'],
    [[], mapOf(celTypes.string, celTypes.int), 'invalid data, expected a map for the provided schema with type=object'],
  ] as const satisfies readonly (readonly [Json, CelType, string])[])('refuses %j as %j', (json, type, message) => {
    expect(() => fromJson(json, type, noTypes)).toThrow(new CelError(message))
  })

  test('converts what is asked for and nothing else', () => {
    const list = fromJson([1, 'not a number'], listOf(celTypes.int), noTypes)
    if (!isKind(list, 'list')) throw new TypeError('not a list')
    expect(list.get(0)).toBe(1n)
    expect(() => list.get(1)).toThrow(CelError)
  })

  test('shows declared fields by their CEL names; null and undeclared ones are not there', () => {
    const json = { name: null, 'a-b': 1, other: 2, weight: 3, __proto__: null }
    const pod = fromJson(json, objectType('Pod'), provider)
    if (!isKind(pod, 'map')) throw new TypeError('not a map')
    expect(['name', 'a__dash__b', 'a-b', 'other', 'weight', 'toString'].map((name) => pod.find(name))).toEqual([
      undefined,
      1n,
      undefined,
      undefined,
      3,
      undefined,
    ])
    expect(pod.keys()).toEqual(['name', 'a__dash__b', 'weight'])
  })

  test('finds no field of a prototype', () => {
    const map = fromJson({}, celTypes.dyn, noTypes)
    expect(isKind(map, 'map') && map.find('constructor')).toBe(undefined)
  })
})

describe('toJson', () => {
  test('writes what JSON can say', () => {
    const entries = mapValue([
      ['int', 1n],
      [2n, 2 ** 0.5],
      [true, uint(2n ** 60n)],
      ['some', optionalValue(new Uint8Array([97]))],
    ])
    expect(toJson(entries)).toEqual({ int: 1, '2': 2 ** 0.5, true: '1152921504606846976', some: 'YQ==' })
  })

  test('ends where lists hold lists that hold lists', () => {
    let list = listValue([1n])
    for (let i = 0; i < 60; i++) list = listValue([list, list])
    expect(() => toJson(list)).toThrow(CostLimitError)
  })

  test('refuses an optional without a value', () => {
    expect(() => toJson(optionalNone)).toThrow(new CelError('optional.none() dereference'))
  })
})
