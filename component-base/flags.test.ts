import { expect, test } from 'vitest'
import { defineFlags, formatUsage, parseDuration, parseFlags, withDoubleHyphens } from './flags.ts'

const specs = defineFlags({
  name: { type: 'string', default: 'x', description: 'A name.' },
  port: { type: 'number', default: 1, description: 'A port.' },
  on: { type: 'boolean', default: false, description: 'A switch.' },
  list: { type: 'strings', default: ['d'], description: 'A list.' },
  wait: { type: 'duration', default: 0, description: 'A wait.' },
})

test('parseFlags() reads both spellings, booleans without a value, and lists that repeat', () => {
  const argv = ['--name=a', '--port', '7', '--on', '--list=a,b', '--list', 'c', '--wait=1m30s', 'rest']
  const { values, given, rest } = parseFlags(specs, argv)
  expect(values).toEqual({ name: 'a', port: 7, on: true, list: ['a', 'b', 'c'], wait: 90_000 })
  expect([...given].toSorted()).toEqual(['list', 'name', 'on', 'port', 'wait'])
  expect(rest).toEqual(['rest'])
})

test('parseFlags() leaves defaults, and takes everything behind -- as it is', () => {
  const { values, given, rest } = parseFlags(specs, ['--', '--name=a'])
  expect(values).toEqual({ name: 'x', port: 1, on: false, list: ['d'], wait: 0 })
  expect(given.size).toBe(0)
  expect(rest).toEqual(['--name=a'])
})

test('withDoubleHyphens() writes flags as parseFlags() wants them, and leaves values alone', () => {
  const argv = ['-name=-x', '--port', '-7', '-on', '-', '--', '-name']
  expect(withDoubleHyphens(argv)).toEqual(['--name=-x', '--port', '-7', '--on', '-', '--', '-name'])
})

const refused = [
  { argv: ['--nome=a'], want: 'unknown flag: --nome' },
  { argv: ['--__proto__=a'], want: 'unknown flag: --__proto__' },
  { argv: ['--name'], want: 'flag needs an argument: --name' },
  { argv: ['--port=a'], want: 'invalid argument "a" for "--port" flag: strconv.ParseInt: parsing "a": invalid syntax' },
  {
    argv: ['--on=maybe'],
    want: 'invalid argument "maybe" for "--on" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
  },
  { argv: ['--wait=5'], want: 'invalid argument "5" for "--wait" flag: time: invalid duration "5"' },
]
for (const { argv, want } of refused) {
  test(`parseFlags() refuses ${argv.join(' ')} in pflag's words`, () => {
    expect(() => parseFlags(specs, argv)).toThrow(want)
  })
}

const durations: readonly (readonly [string, number | undefined])[] = [
  ['0', 0],
  ['1h30m', 5_400_000],
  ['1.5s', 1500],
  ['500ms', 500],
  ['-2s', -2000],
  ['', undefined],
  ['5', undefined],
  ['1d', undefined],
]
for (const [text, want] of durations) {
  test(`parseDuration() reads "${text}" as ${want}`, () => {
    expect(parseDuration(text)).toBe(want)
  })
}

test('formatUsage() lists every flag', () => {
  const text = formatUsage('prog', 'Does things.', specs)
  for (const name of Object.keys(specs)) expect(text).toContain(`--${name}`)
})
