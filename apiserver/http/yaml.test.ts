import { expect, test } from 'vitest'
import { parseGoYaml } from './yaml.ts'

const values: readonly (readonly [string, unknown])[] = [
  ['yes', true],
  ['y', true],
  ['Off', false],
  ['n', false],
  ['"yes"', 'yes'],
  ['yEs', 'yEs'],
  ['0777', 511],
  ['0o17', 15],
  ['0x1F', 31],
  ['-0b11', -3],
  ['1_000', 1000],
  ['08', 8],
  ['_1', '_1'],
  ['1e3', 1000],
  ['1e400', '1e400'],
  ['.5', 0.5],
  ['12:30:45', '12:30:45'],
  ['2001-01-01', '2001-01-01'],
  ['~', null],
  ['!!str 5', '5'],
  ['!!binary aGk=', 'hi'],
]
for (const [text, value] of values) {
  test(`parseGoYaml() takes ${text} for ${JSON.stringify(value)}`, () => {
    expect(parseGoYaml(`a: ${text}`)).toEqual({ a: value })
  })
}

test('parseGoYaml() reads one document, merge keys and aliases', () => {
  expect(parseGoYaml('a: 1\n---\nb: 2')).toEqual({ a: 1 })
  expect(parseGoYaml('x: &a {b: c}\nz: {<<: *a, d: e}')).toEqual({ x: { b: 'c' }, z: { b: 'c', d: 'e' } })
  expect(parseGoYaml('')).toBeNull()
})

// As upstream's server answered.
const problems: readonly (readonly [string, string])[] = [
  ['a:\n\tb: 1', 'yaml: line 2: found character that cannot start any token'],
  ['a: b: c', 'yaml: mapping values are not allowed in this context'],
  ['a\nb: c', 'yaml: line 2: mapping values are not allowed in this context'],
  ['{a: 1', "yaml: line 1: did not find expected ',' or '}'"],
  ['[a', "yaml: line 1: did not find expected ',' or ']'"],
  ['a: "x', 'yaml: found unexpected end of stream'],
  ["a: 'x", 'yaml: found unexpected end of stream'],
  ['a: *x', "yaml: unknown anchor 'x' referenced"],
  ['a: @x', 'yaml: found character that cannot start any token'],
  ['a: |x', 'yaml: did not find expected comment or line break'],
  ['a: "\\q"', 'yaml: found unknown escape character'],
  ['a: \u0001', 'yaml: control characters are not allowed'],
  ['%FOO\n---\na: 1', 'yaml: found unknown directive name'],
  ['x: 1\ny: 2\nz: 3\ndata: {a: - 1}', 'yaml: line 3: did not find expected node content'],
  ['a: .inf', 'json: unsupported value: +Inf'],
  ['a: .nan', 'json: unsupported value: NaN'],
]
for (const [text, message] of problems) {
  test(`parseGoYaml() says of ${JSON.stringify(text)}: ${message}`, () => {
    expect(() => parseGoYaml(text)).toThrow(message)
  })
}
