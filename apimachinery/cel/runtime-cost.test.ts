import { describe, expect, test } from 'vitest'
import type { Json } from '../json.ts'
import { compile } from './compile.ts'
import { createEnvironment } from './environment.ts'
import { CostLimitError } from './errors.ts'
import { fromJson } from './json-values.ts'
import { noTypes } from './object-type.ts'
import type { Program } from './program.ts'
import { type CelType, celTypes, listOf, mapOf } from './types.ts'

const { bool, bytes, int, string, timestamp } = celTypes
const letters = 'x'.repeat(500)

function program(source: string, variables: Readonly<Record<string, CelType>>): Program {
  const compiled = compile(createEnvironment({ variables }), source)
  if (compiled.type === 'issues') throw new Error(compiled.text)
  return compiled.program
}

type Case = readonly [source: string, cost: number, variables?: Readonly<Record<string, readonly [CelType, Json]>>]

function costOf([source, , variables = {}]: Case): number {
  const entries = Object.entries(variables)
  const types = Object.fromEntries(entries.map(([name, [type]]) => [name, type]))
  const values = Object.fromEntries(entries.map(([name, [type, json]]) => [name, fromJson(json, type, noTypes)]))
  return program(source, types).run(values).cost
}

const strings = listOf(string)
const map = mapOf(string, celTypes.dyn)
const flags = { a: [bool, false], b: [bool, false], c: [bool, false], d: [bool, false] } as const

/** Facts of cel-go's `runtimecost_test.go`; where a literal is folded (as Kubernetes has it) its cost is taken off. */
const cases: readonly Case[] = [
  ['"Hello World!"', 0],
  ['input', 1, { input: [listOf(int), [1, 2]] }],
  ["input['key']", 2, { input: [mapOf(string, string), { key: 'v' }] }],
  ['input[0]', 2, { input: [strings, ['v']] }],
  ['input.key', 2, { input: [map, { key: 1 }] }],
  ["input['ke' + 'y']", 3, { input: [mapOf(string, string), { key: 'v' }] }],
  ['input[3-3]', 3, { input: [strings, ['v']] }],
  ['has(input.a)', 1, { input: [map, { a: 1 }] }],
  ['has(input.a.b)', 2, { input: [map, { a: { b: 0 } }] }],
  ['has(input.a)', 1, { input: [map, {}] }],
  ['input.getFullYear()', 2, { input: [timestamp, '2023-01-01T00:00:00Z'] }],
  ['[1, 2, 3]', 0],
  ['[x]', 11, { x: [int, 1] }],
  ['{"a": x}', 31, { x: [int, 1] }],
  ['{"a": 1, "b": 2}', 0],
  ['input.all(x, true)', 2, { input: [listOf(int), []] }],
  ['[1, 2, 3].all(x, true)', 10],
  ["input.matches('[0-9]')", 103, { input: [string, letters] }],
  ["'123'.matches('[0-9]')", 2],
  ["matches('123', '[0-9]')", 1],
  ['false || false', 0],
  ['a || b || c || d', 4, flags],
  ['a && b && c && d', 1, flags],
  ['1 < 2', 1],
  ['1 == 2', 1],
  ['x == 2', 2, { x: [celTypes.dyn, 2] }],
  ["'' == ''", 0],
  ['2 in [1, 2, 3]', 0],
  ['2 in input', 4, { input: [listOf(int), [1, 2, 3]] }],
  ['x in input', 3, { input: [celTypes.dyn, [1, 2, 3]], x: [int, 2] }],
  ["'a' in input", 2, { input: [map, { a: 1 }] }],
  ['1 + 1', 1],
  ['1 % 1', 1],
  ['true ? 1 : 2', 0],
  ['true ? x : y', 0, { x: [int, 1], y: [int, 1] }],
  ['size("123")', 1],
  ["'12345678901234567890' == '123456789012345678901234567890'", 2],
  ['string(input)', 51, { input: [bytes, Buffer.from(letters).toString('base64')] }],
  ['bytes(input)', 51, { input: [string, letters] }],
  ['string(1)', 0],
  ['input.contains(arg1)', 2502, { input: [string, letters], arg1: [string, letters] }],
  ["input.matches('\\\\d+a\\\\d+b')", 103, { input: [string, letters] }],
  ['input.startsWith(arg1)', 3, { input: [string, 'idc'], arg1: [string, letters] }],
  ['input.endsWith(arg1)', 3, { input: [string, 'idc'], arg1: [string, letters] }],
  ['input.size()', 2, { input: [string, '500'] }],
  ['(x > 2 ? a : b).all(y, true)', 6, { x: [int, 1], a: [strings, ['']], b: [strings, ['']] }],
  ['true ? false : 1 > 3', 0],
  ['false ? false : 1 > 3', 1],
  ['input.all(k, input[k].single > 3)', 9, { input: [map, { val: { single: 0 } }] }],
  ['(list1 + list2).all(x, true)', 4, { list1: [listOf(int), []], list2: [listOf(int), []] }],
  ['"abcdefg".contains(str1 + str2)', 6, { str1: [string, 'val1'], str2: [string, 'val2222222'] }],
  ['(1 > 2 ? 5 : 3) > 1', 2],
  ['(1 > 2 || 2 > 1) == true', 3],
  ["[{'k1': 1}, {'k2': 2}].all(x, true)", 7],
  ['[1,2,3,4,5].filter(x, x % 2 == 0)', 42],
  ['[1,2,3,4,5].map(x, x)', 66],
  ['[1,2,3,4,5].map(x, x).filter(x, x % 2 == 0)', 108],
  ['[1,2,3,4,5].map(x, x).exists(x, x == 5) == true', 98],
  ['[1,2,3,4,5].map(x, x).map(x, x)', 132],
  ['[1,2,3,4,5].map(x, [x, x]).filter(z, z.size() == 2)', 202],
  ['[1,2,3,4,5].map(x, [x, x]).all(y, y.all(y, y == 1))', 151],
  ['[1,2,3,4,5].map(x, x).map(x, x) + [1]', 133],
  ['[1,2,3].all(i, i in [1,2,3].map(j, j + j))', 56],
  ['a.?b.orValue(1)', 2, { a: [map, { b: 1 }] }],
  ['a.?b.orValue(1)', 1, { a: [map, {}] }],
  ['a.b == 1 || true', 3, { a: [map, {}] }],
]

describe('the run-time cost', () => {
  test.each(cases.map((one) => [one[0], one[1], one] as const))('of %s is %i', (_, cost, one) => {
    expect(costOf(one)).toBe(cost)
  })

  test('may reach the limit and must not exceed it', () => {
    const { evaluate } = program('"abcdefg".contains(a + b)', { a: string, b: string })
    const values = { a: 'val1', b: 'val2222222' }
    expect(evaluate(values, { costLimit: 6 })).toEqual({ value: false, cost: 6 })
    expect(() => evaluate(values, { costLimit: 5 })).toThrow(CostLimitError)
    expect(() => evaluate(values, { costLimit: 5 })).toThrow('operation cancelled: actual cost limit exceeded')
  })

  test('ends loops within loops', () => {
    const items = '[0,1,2,3,4,5,6,7,8,9]'
    const { run } = program(
      `${items}.all(a, ${items}.all(b, ${items}.all(c, ${items}.all(d, ${items}.all(e, true)))))`,
      {},
    )
    expect(() => run({}, { costLimit: 100_000 })).toThrow(CostLimitError)
  })
})
