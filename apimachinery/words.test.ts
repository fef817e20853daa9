import { expect, test } from 'vitest'
import { setCondition } from './conditions.ts'
import { duplicate, invalidValue, notSupported, required, tooLong, tooMany } from './field-errors.ts'
import { resolveIntOrPercent } from './int-or-string.ts'
import { generateName, isDns1123Label, isDns1123Subdomain, isPortName, isQualifiedName } from './names.ts'
import { formatMicroTime, formatTime, humanDuration, parseTime } from './time.ts'

test('isDns1123Subdomain() answers in upstream’s words', () => {
  expect(isDns1123Subdomain('a.b-c')).toEqual([])
  expect(isDns1123Subdomain('A')).toEqual([
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  ])
  expect(isDns1123Subdomain('a'.repeat(254))).toEqual(['must be no more than 253 characters'])
})
test('isDns1123Label() names the dot', () => expect(isDns1123Label('a.b')).toEqual(['must not contain dots']))
test('isQualifiedName() looks at prefix and name', () => {
  expect(isQualifiedName('kubernetes.io/os')).toEqual([])
  expect(isQualifiedName('/x')).toEqual(['prefix part must be non-empty'])
  expect(isQualifiedName('a/b/c')[0]).toMatch(
    /^a valid label key must consist of .* with an optional DNS subdomain prefix/,
  )
})
test('isPortName() gathers every problem', () => {
  expect(isPortName('-1--2')).toEqual([
    'must contain at least one letter (a-z)',
    'must not contain consecutive hyphens',
    'must not begin or end with a hyphen',
  ])
})
test('generateName() cuts the base at 58', () => {
  expect(generateName('x'.repeat(80), () => 0)).toBe(`${'x'.repeat(58)}bbbbb`)
  expect(generateName('web-', () => 0.999)).toBe('web-99999')
})

test('field errors read as Go’s', () => {
  expect(invalidValue('a', 'x"\n', 'bad').message).toBe('Invalid value: "x\\"\\n": bad')
  expect(invalidValue('a', 5, 'bad').message).toBe('Invalid value: 5: bad')
  expect(invalidValue('a', { b: 1 }, 'bad').message).toBe('Invalid value: {"b":1}: bad')
  expect(notSupported('a', 'x', ['A', 'B']).message).toBe('Unsupported value: "x": supported values: "A", "B"')
  expect(required('a').message).toBe('Required value')
  expect(duplicate('a', 'x').message).toBe('Duplicate value: "x"')
  expect(tooLong('a', 63).message).toBe('Too long: may not be more than 63 bytes')
  expect(tooMany('a', 5, 3).message).toBe('Too many: 5: must have at most 3 items')
})

const ages = [
  [5_000, '5s'],
  [119_000, '119s'],
  [150_000, '2m30s'],
  [120_000, '2m'],
  [3 * 3_600_000, '3h'],
  [3 * 3_600_000 + 60_000, '3h1m'],
  [98 * 3_600_000, '4d2h'],
  [-500, '0s'],
  [-5_000, '<invalid>'],
  [800 * 86_400_000, '2y70d'],
] as const
for (const [ms, want] of ages)
  test(`humanDuration() says ${want} for ${ms} ms`, () => expect(humanDuration(ms)).toBe(want))

test('parseTime() and formatTime() agree', () => {
  expect(formatTime(parseTime('2026-01-02T03:04:05+01:00'))).toBe('2026-01-02T02:04:05Z')
  expect(formatMicroTime(parseTime('2026-01-02T03:04:05.123456Z'))).toMatch(/^2026-01-02T03:04:05\.12345[56]Z$/)
  expect(parseTime('2026-02-30T00:00:00Z')).toBeNaN()
  expect(parseTime('yesterday')).toBeNaN()
})

test('resolveIntOrPercent() rounds as asked', () => {
  expect(resolveIntOrPercent('25%', 10, true)).toBe(3)
  expect(resolveIntOrPercent('25%', 10, false)).toBe(2)
  expect(resolveIntOrPercent(4, 10, false)).toBe(4)
  expect(() => resolveIntOrPercent('x', 10, false)).toThrow()
})

test('setCondition() keeps the transition time while the status stays', () => {
  const ready = { type: 'Ready', status: 'True', lastTransitionTime: 'then' }
  expect(setCondition([ready], { ...ready, lastTransitionTime: 'now' })).toEqual([ready])
  expect(setCondition([ready], { ...ready, status: 'False', lastTransitionTime: 'now' })[0]?.lastTransitionTime).toBe(
    'now',
  )
})
