import { describe, expect, test } from 'vitest'
import { bindingsLibrary } from './bindings-library.ts'
import { compile } from './compile.ts'
import { createEnvironment } from './environment.ts'
import { CelError } from './errors.ts'
import { fromJson, toJson } from './json-values.ts'
import { noTypes } from './object-type.ts'
import { celTypes } from './types.ts'

const environment = createEnvironment({
  libraries: [bindingsLibrary],
  variables: { x: celTypes.int, object: celTypes.dyn, broken: celTypes.dyn },
})

const object = fromJson(
  {
    spec: { replicas: 3, ports: [{ port: 80 }, { port: 443, name: 'tls' }] },
    labels: { a: 'b' },
    none: null,
    half: 0.5,
  },
  celTypes.dyn,
  noTypes,
)

function evaluate(source: string): unknown {
  const compiled = compile(environment, source)
  if (compiled.type === 'issues') return compiled.text
  const broken = () => {
    throw new CelError('broken variable')
  }
  const { value } = compiled.program.run({ x: 5n, object, broken })
  return value instanceof CelError ? `error: ${value.message}` : toJson(value)
}

describe('an expression evaluates', () => {
  test.each([
    ['1 + 2 * 3 - 4 / 2 % 3', 5],
    ["'a' + 'b' == 'ab'", true],
    ['[1] + [2, 3]', [1, 2, 3]],
    ['1 == dyn(1.0) && dyn(1u) == 1 && 2 > 1.5 && 1u < 2', true],
    ["1 == dyn('1')", false],
    ['null == null', true],
    ["{'a': [1, 2]} == dyn({'a': [1.0, 2.0]})", true],
    ["type(1) == int && type('') == string && type([]) == list && type(type(1)) == type", true],
    ['type(timestamp(0)) == google.protobuf.Timestamp && type(null) == null_type', true],
    ['x > 3 ? "big" : "small"', 'big'],
    ["object.spec.replicas <= 5 && object.labels['a'] == 'b'", true],
    ['has(object.spec.replicas) && !has(object.spec.paused)', true],
    ['object.none == null && has(object.none)', true],
    ['object.half', 0.5],
    ['object.spec.ports.filter(p, has(p.name)).map(p, p.port)', [443]],
    ["object.spec.ports.exists(p, p.name == 'tls')", true],
    ["object.spec.ports.all(p, p.name == 'tls' || p.port == 80)", true],
    ['object.spec.ports.exists_one(p, p.port > 100)', true],
    ["{'a': 1, 'b': 2}.map(k, k)", ['a', 'b']],
    ["'a' in {'a': 1} && 2 in [1, 2] && !(3 in [1, 2]) && dyn(1.0) in [1, 2]", true],
    ["object.?spec.?paused.orValue('no')", 'no'],
    ['object.spec.?replicas.optMap(n, n + 1).value()', 4],
    ['object.?a.or(object.?labels).value()', { a: 'b' }],
    ["{?'a': object.?nothing, 'b': dyn(1)}", { b: 1 }],
    ['[?object.?nothing, dyn(2)]', [2]],
    ["optional.ofNonZeroValue('').hasValue()", false],
    ['[1, 2, 3].first().value() + [1, 2, 3].last().value()', 4],
    ['cel.bind(y, x + 1, y * y)', 36],
    ["size('añ😀') + size(b'añ')", 6],
    ["'😀a'.contains('a') && 'abc'.startsWith('ab') && 'abc'.endsWith('bc')", true],
    ["'hello'.matches('^h.*o$') && !'hello'.matches('^l')", true],
    ["timestamp('2024-02-29T23:59:59.5Z').getDayOfYear()", 59],
    ["timestamp('2024-07-01T00:30:00Z').getHours('Europe/Berlin')", 2],
    ["timestamp('2024-07-01T00:30:00Z').getDate('-01:00')", 30],
    ["string(timestamp('2024-07-01T00:30:00+02:00') + duration('1h1.5s'))", '2024-06-30T23:30:01.5Z'],
    ["timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('24h')", true],
    ["string(duration('-1h1.25s')) + ' ' + string(duration('90s').getMinutes())", '-3601.25s 1'],
    ["string(1e6) + ' ' + string(-0.00001) + ' ' + string(123456.0)", '1e+06 -1e-05 123456'],
    ["int('-12') + int(3.9) + int(timestamp(7)) + int(2u)", 0],
    ["double('1.5') + double(1) + double(2u)", 4.5],
    ["bool('T') && !bool('false')", true],
    ["string(b'\\xc3\\xbf') == 'ÿ' && bytes('ÿ') == b'\\xc3\\xbf'", true],
    ["b'a' + b'b'", 'YWI='],
    ["r'a\\n' + '''b\n'c''' + \"\\u00e9\\x41\\101\"", "a\\nb\n'céAA"],
    ['0x1F + -0x1', 30],
    ['9007199254740993', '9007199254740993'],
    ['[3, 1].map(i, [i].map(i, i + 1))', [[4], [2]]],
    ['true || 1 / 0 == 1', true],
    ['1 / 0 == 1 || true', true],
    ['1 / 0 == 1 && false', false],
    ['[0, 2].exists(i, 4 / i == 2)', true],
    ['[0, 2].all(i, 4 / i == 3)', false],
    ['broken == 1 || x == 5', true],
    ['false ? broken : 1', 1],
  ])('%s', (source, value) => {
    expect(evaluate(source)).toEqual(value)
  })

  test.each(
    [
      ['object.spec.paused', 'no such key: paused'],
      ["object['nothing'].a", 'no such key: nothing'],
      ['object.spec.replicas.a', 'no such key: a'],
      ['object.spec.ports[7]', 'index out of bounds: 7'],
      ['[1][-1]', 'index out of bounds: -1'],
      ["object.spec.ports['a']", "unsupported index type 'string' in list"],
      ['{1: 2}[3]', 'no such key: 3'],
      ['x / 0', 'division by zero'],
      ['x % 0', 'modulus by zero'],
      ['9223372036854775807 + 1', 'integer overflow'],
      ['-9223372036854775808 - x', 'integer overflow'],
      ['-(-9223372036854775808)', 'integer overflow'],
      ['0u - 1u', 'unsigned integer overflow'],
      ['uint(0 - x)', 'unsigned integer overflow'],
      ['int(object.half * 1e40)', 'integer overflow'],
      ["timestamp('9999-12-31T23:59:59Z') + duration('1s')", 'timestamp overflow'],
      ['object.labels.a + object.half', 'no such overload'],
      ['object.labels < 1', 'no such overload: _<_'],
      ['object.half == 0.5 && object.half', 'no such overload'],
      ['object.half ? 1 : 2', 'no such overload'],
      ["object.half.startsWith('a')", 'no such overload'],
      ['object.half.getHours()', 'no such overload: getHours(double)'],
      ['double("NaN") < x', 'NaN values cannot be ordered'],
      ["timestamp(0).getHours('Nowhere')", 'unknown time zone Nowhere'],
      ['int(object.labels.a)', "type conversion error from 'string' to 'int'"],
      ["string(bytes('a') + b'\\xff')", 'invalid UTF-8 in bytes, cannot convert to string'],
      ['object.?a.value()', 'optional.none() dereference'],
      ['object.half.all(i, true)', "got 'types.Double', expected iterable type"],
      ['[?object.half]', 'cannot initialize optional list element from non-optional value 0.5'],
      ['broken.a', 'broken variable'],
      ['1 / 0 == 1 || broken', 'division by zero'],
      ["'a'.matches(object.labels.a + '(')", 'error parsing regexp: missing closing ): `b(`'],
    ].filter(([, message]) => message !== 'x'),
  )('%s to the error %s', (source, message) => {
    expect(evaluate(source)).toBe(`error: ${message}`)
  })
})
