import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatFieldSelector, matchesFields, parseFieldSelector } from './fields.ts'
import {
  everything,
  formatSelector,
  matches,
  nothing,
  parseLabelSelector,
  selectorFromLabelSelector,
} from './labels.ts'

const labels = { app: 'web', tier: 'front', n: '5', empty: '' }
const cases: readonly (readonly [string, boolean])[] = [
  ['', true],
  ['app=web', true],
  ['app==web', true],
  ['app = web', true],
  ['app!=web', false],
  ['other!=web', true],
  ['app in (web,db)', true],
  ['app in (db)', false],
  // No value is the empty value.
  ['app in ()', false],
  ['empty in ()', true],
  ['app notin (db)', true],
  ['other notin (db)', true],
  ['app', true],
  ['!app', false],
  ['!other', true],
  ['n>4', true],
  ['n<5', false],
  ['app>1', false],
  ['empty=', true],
  ['empty=,app=web', true],
  ['empty in (,)', true],
  ['app in (web,),tier', true],
  ['in in (in)', false],
  ['app=in', false],
  ['toString', false],
]
for (const [text, want] of cases) {
  test(`matches() says ${want} for "${text}"`, () => expect(matches(parseLabelSelector(text), labels)).toBe(want))
}

const refused = [
  ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
  ['=a', "found '=', expected: !, identifier, or 'end of string'"],
  ['a,', "found '', expected: identifier after ','"],
  ['a=b c', "found 'c', expected: ',' or 'end of string'"],
  ['a in b', "unable to parse requirement: found 'b' expected: '('"],
  [
    'a>x',
    `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`,
  ],
  [
    'a=-b',
    `unable to parse requirement: values[0][a]: Invalid value: "-b": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
  ],
] as const
for (const [text, message] of refused) {
  test(`parseLabelSelector() refuses "${text}" in upstream's words`, () => {
    expect(() => parseLabelSelector(text)).toThrow(expect.objectContaining({ message, code: 400 }))
  })
}

test('selectorFromLabelSelector() tells absent from empty', () => {
  expect(selectorFromLabelSelector(undefined)).toBe(nothing)
  expect(matches(selectorFromLabelSelector({}), {})).toBe(true)
  expect(matches(nothing, {})).toBe(false)
  expect(matches(everything, undefined)).toBe(true)
})

test('selectorFromLabelSelector() takes expressions', () => {
  const selector = selectorFromLabelSelector({
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['front', 'back'] },
      { key: 'gone', operator: 'DoesNotExist' },
    ],
  })
  expect(matches(selector, labels)).toBe(true)
  expect(formatSelector(selector)).toBe('app=web,tier in (back,front),!gone')
})

test('formatSelector() parses back to the same selector', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/)
  const requirement = fc.oneof(
    word,
    word.map((key) => `!${key}`),
    fc.tuple(word, fc.constantFrom('=', '==', '!='), word).map((parts) => parts.join('')),
    fc
      .tuple(word, fc.constantFrom(' in ', ' notin '), fc.array(word, { minLength: 1, maxLength: 3 }))
      .map(([key, operator, values]) => `${key}${operator}(${values.join(',')})`),
  )
  fc.assert(
    fc.property(fc.array(requirement, { maxLength: 5 }), (parts) => {
      const selector = parseLabelSelector(parts.join(','))
      expect(parseLabelSelector(formatSelector(selector))).toEqual(selector)
    }),
  )
})

describe('field selectors', () => {
  const get = (field: string) => ({ 'status.phase': 'Running', 'metadata.name': 'a,b' })[field] ?? ''
  test('matchesFields() compares every requirement', () => {
    expect(matchesFields(parseFieldSelector('status.phase=Running,metadata.name!=x'), get)).toBe(true)
    expect(matchesFields(parseFieldSelector('status.phase==Pending'), get)).toBe(false)
    expect(matchesFields(parseFieldSelector('metadata.name=a\\,b'), get)).toBe(true)
    expect(matchesFields(parseFieldSelector(''), get)).toBe(true)
  })
  test('parseFieldSelector() refuses what is no comparison', () => {
    expect(() => parseFieldSelector('foo')).toThrow("invalid selector: 'foo'; can't understand 'foo'")
  })
  test('formatFieldSelector() parses back', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const selector = [{ field: 'a.b', operator: '=' as const, value }]
        expect(parseFieldSelector(formatFieldSelector(selector))).toEqual(selector)
      }),
    )
  })
})
