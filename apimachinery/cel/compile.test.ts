import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile } from './compile.ts'
import { createEnvironment } from './environment.ts'
import type { ObjectType } from './object-type.ts'
import { typesByName } from './object-type.ts'
import { celTypes, formatType, listOf, mapOf, objectType } from './types.ts'

const pod: ObjectType = {
  name: 'Pod',
  fields: new Map([
    ['name', { type: celTypes.string }],
    ['a__dash__b', { type: celTypes.int, jsonName: 'a-b' }],
  ]),
}

const environment = createEnvironment({
  variables: {
    x: celTypes.int,
    s: celTypes.string,
    object: celTypes.dyn,
    list: listOf(celTypes.int),
    labels: mapOf(celTypes.string, celTypes.string),
    pod: objectType('Pod'),
  },
  provider: typesByName([pod]),
})

const operand =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"

/** Source, and `column: message` of each issue. */
const refused: readonly (readonly [string, ...string[]])[] = [
  [' ', `2: Syntax error: mismatched input '<EOF>' expecting ${operand}`],
  ['1 +', `4: Syntax error: mismatched input '<EOF>' expecting ${operand}`],
  [
    '1 + +',
    `5: Syntax error: mismatched input '+' expecting ${operand}`,
    `6: Syntax error: mismatched input '<EOF>' expecting ${operand}`,
  ],
  ['1 + * 2', `5: Syntax error: extraneous input '*' expecting ${operand}`],
  [
    '--',
    "3: Syntax error: no viable alternative at input '-'",
    `3: Syntax error: mismatched input '<EOF>' expecting ${operand}`,
  ],
  ['(1', "3: Syntax error: missing ')' at '<EOF>'"],
  ['[1 2]', "4: Syntax error: extraneous input '2' expecting {']', ','}"],
  ['{1', "3: Syntax error: mismatched input '<EOF>' expecting ':'"],
  ['f(1 2)', "5: Syntax error: extraneous input '2' expecting ')'"],
  ['1 2', "3: Syntax error: extraneous input '2' expecting <EOF>"],
  [
    'x = 1',
    "3: Syntax error: token recognition error at: '= '",
    "5: Syntax error: extraneous input '1' expecting <EOF>",
  ],
  [
    's.in',
    "3: Syntax error: no viable alternative at input '.in'",
    `5: Syntax error: mismatched input '<EOF>' expecting ${operand}`,
  ],
  ['s.true', "3: Syntax error: mismatched input 'true' expecting IDENTIFIER"],
  ['s.`a`', "3: unsupported syntax: '`'"],
  [
    "'abc",
    "1: Syntax error: token recognition error at: ''abc'",
    `5: Syntax error: mismatched input '<EOF>' expecting ${operand}`,
  ],
  ['for', '1: reserved identifier: for'],
  ['9223372036854775808', '1: invalid int literal'],
  ["'\\ud800'", '1: invalid unicode code point'],
  ['has(x)', '5: invalid argument to has() macro'],
  ['list.all(x.y, true)', '11: argument must be a simple name'],
  ['list.map(1, 2)', '10: argument is not an identifier'],
  ['foo', "1: undeclared reference to 'foo' (in container '')"],
  ['foo(1)', "4: undeclared reference to 'foo' (in container '')"],
  ['x.foo()', "6: undeclared reference to 'foo' (in container '')"],
  ["1 + 'a'", "3: found no matching overload for '_+_' applied to '(int, string)'"],
  ['s.size(1)', "7: found no matching overload for 'size' applied to 'string.(int)'"],
  ['x.y', "2: type 'int' does not support field selection"],
  ['pod.nme', "4: undefined field 'nme'"],
  ["pod['name']", "4: found no matching overload for '_[_]' applied to '(Pod, string)'"],
  ['x && true', "1: expected type 'bool' but found 'int'"],
  ["[1, 'a']", "5: expected type 'int' but found 'string'"],
  ["{'a': 1, 'b': true}", "15: expected type 'int' but found 'bool'"],
  ['[1, dyn(2)]', "8: expected type 'int' but found 'dyn'"],
  ['x.all(i, true)', "1: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)"],
  ['x{a: 1}', "2: 'int' is not a type", "4: unexpected failed resolution of 'x'"],
  ['int{a: 1}', "4: 'int' is not a message type", "6: undefined field 'a'"],
  ["duration('1x')", '10: invalid duration argument'],
  ["timestamp('yesterday')", '11: invalid timestamp argument'],
  ["s.matches('(')", '11: invalid matches argument'],
  [`${'('.repeat(300)}1${')'.repeat(300)}`, '0: expression recursion limit exceeded: 250'],
  [`1${' + 1'.repeat(300)}`, '0: max recursion depth exceeded'],
  [`s${'.a'.repeat(300)}`, '0: max recursion depth exceeded'],
  [`'${'a'.repeat(100_000)}'`, '0: expression code point size exceeds limit: size: 100002, limit 100000'],
]

/** `optional.of(1).optMap(v0, optional.of(…v0…).optMap(v1, …))` */
function doubled(levels: number, twice: (name: string) => string): string {
  let source = `v${levels}`
  for (let i = levels; i > 0; i--) source = `optional.of(${twice(`v${i - 1}`)}).optMap(v${i}, ${source})`
  return `optional.of(1).optMap(v0, ${source})`
}

describe('compile', () => {
  test.each(refused.map(([source, ...issues]) => [source.slice(0, 60), source, issues] as const))(
    'refuses %s in the words of upstream',
    (_, source, issues) => {
      const compiled = compile(environment, source)
      expect(compiled.type).toBe('issues')
      if (compiled.type !== 'issues') return
      const heads = compiled.text.split('\n').filter((line) => line.startsWith('ERROR: '))
      expect(heads).toEqual(issues.map((issue) => `ERROR: <input>:${issue.startsWith('0:') ? '-1' : '1'}:${issue}`))
    },
  )

  test.each([
    ["int('a')", "type conversion error from 'string' to 'int'"],
    ['s.matches(dyn("("))', 'error parsing regexp: missing closing ): `(`'],
  ])('cannot make a program of %s', (source, message) => {
    expect(compile(environment, source)).toMatchObject({ type: 'issues', stage: 'program', text: message })
  })

  test('has no place to show in an empty source', () => {
    const text = `ERROR: <input>:1:0: Syntax error: mismatched input '<EOF>' expecting ${operand}`
    expect(compile(environment, '')).toMatchObject({ type: 'issues', text })
  })

  test('shows the line and a caret, wide ones under wide characters', () => {
    const compiled = compile(environment, "'é' + \n\t'ü' + foo")
    expect(compiled).toMatchObject({
      text: "ERROR: <input>:2:8: undeclared reference to 'foo' (in container '')\n |  'ü' + foo\n | ..．....^",
    })
  })

  test('asks for a type of the result', () => {
    const bool = { resultTypes: [celTypes.bool] }
    const text = { resultTypes: [celTypes.string, celTypes.null] }
    expect(compile(environment, 'x > 1', bool).type).toBe('program')
    expect(compile(environment, 'object.a', { resultTypes: [celTypes.any] }).type).toBe('program')
    expect(compile(environment, 'object.a', bool)).toMatchObject({ text: 'must evaluate to bool but got dyn' })
    expect(compile(environment, 'x', text)).toMatchObject({ text: 'must evaluate to one of [string null]' })
  })

  test.each([
    ['[]', 'list(dyn)'],
    ['{}', 'map(dyn, dyn)'],
    ['list.map(i, string(i))', 'list(string)'],
    ['labels', 'map(string, string)'],
    ['labels.?a', 'optional_type(string)'],
    ['[?labels.?a]', 'list(string)'],
    ['type(1)', 'type(int)'],
    ['object.a.b', 'dyn'],
    ['pod.a__dash__b', 'int'],
    ['true ? object : x', 'dyn'],
    ["duration('1s') + timestamp('2023-01-01T00:00:00Z')", 'timestamp'],
    ['[1, 2][?0].optMap(v, v > 1)', 'optional_type(bool)'],
    ['[[], [1]]', 'list(list(int))'],
    ['null', 'null'],
    ["b'a'", 'bytes'],
  ])('finds the type of %s: %s', (source, type) => {
    const compiled = compile(environment, source)
    expect(compiled.type === 'program' ? formatType(compiled.program.outputType) : compiled.text).toBe(type)
  })

  const words = [
    'x',
    's',
    'object',
    'list',
    '.',
    '?',
    '[',
    ']',
    '(',
    ')',
    '{',
    '}',
    ',',
    ':',
    '+',
    '-',
    '!',
    '&&',
    '||',
    '==',
  ]
  const more = [
    'in',
    'has',
    'all',
    'map',
    "'a'",
    '"',
    "'",
    '\\',
    '1',
    '0x',
    '1.5',
    'u',
    'i',
    ' ',
    '\n',
    '`',
    '=',
    '//',
    'é',
    '😀',
  ]

  test('answers any text with a program or with issues, and any program with a value or an error', () => {
    const units = fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 })
      .map((codes) => String.fromCharCode(...codes))
    const soup = fc.array(fc.constantFrom(...words, ...more), { maxLength: 40 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(soup, units), (source) => {
        const compiled = compile(environment, source)
        if (compiled.type === 'issues') {
          expect(compiled.issues).not.toEqual([])
          return
        }
        const variables = { x: 1n, s: 'a', list: null, labels: null, object: null, pod: null }
        const { value } = compiled.program.run(variables, { costLimit: 1000 })
        expect(value).not.toBe(undefined)
      }),
      { numRuns: 1000 },
    )
  }, 30_000)

  test.each([
    ['brackets', '['.repeat(50_000)],
    ['signs', '-'.repeat(50_000)],
    ['negations', `${'!'.repeat(50_000)}true`],
    ['conjunctions', `true${' && true'.repeat(10_000)}`],
    ['ternaries', `${'true ? 1 : '.repeat(8000)}1`],
    ['macros', `${'[1].map(x, '.repeat(200)}1${')'.repeat(200)}`],
    ['a long list', `[${'1,'.repeat(40_000)}]`],
    ['a long text', `'${'a'.repeat(99_000)}'`],
    ['backslashes', `'${'\\\\'.repeat(49_000)}`],
    ['copies', `optional.of(1)${'.optMap(x, x)'.repeat(60)}`],
    ['doubled types', doubled(12, (name) => `{${name}: ${name}}`)],
    ['doubled lists', doubled(40, (name) => `[${name}, ${name}]`)],
    ['types', `${'[['.repeat(120)}1${']]'.repeat(120)}`],
  ])('survives many %s', (_, source) => {
    const compiled = compile(environment, source)
    if (compiled.type === 'program') compiled.program.run({}, { costLimit: 100_000 })
    expect(['program', 'issues']).toContain(compiled.type)
  })
})
