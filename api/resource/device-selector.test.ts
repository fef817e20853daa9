import { expect, test } from 'vitest'
import { validateSelectors } from './device-selector.ts'

const problemOf = (expression: string) => validateSelectors([{ cel: { expression } }], 'spec.selectors')[0]?.message

test.each([
  "device.driver == 'gpu.example.com'",
  "device.attributes['gpu.example.com'].family == 'T4'",
  "device.attributes['gpu.example.com'].ready",
  "device.capacity['gpu.example.com'].memory.compareTo(quantity('10Gi')) >= 0",
  "cel.bind(gpu, device.attributes['gpu.example.com'], gpu.a == 1 && gpu.b)",
  "device.attributes['gpu.example.com'].version.isGreaterThan(semver('1.0.0'))",
])('validateSelectors() takes %s', (expression) => expect(problemOf(expression)).toBeUndefined())

test('validateSelectors() refuses what does not compile or is no condition', () => {
  expect(problemOf('device.nope')).toBe(
    `Invalid value: "device.nope": compilation failed: ERROR: <input>:1:7: undefined field 'nope'\n | device.nope\n | ......^`,
  )
  expect(problemOf('device.driver')).toBe(
    'Invalid value: "device.driver": must evaluate to bool or the unknown type, not string',
  )
  expect(problemOf('[device.driver]')).toBe(
    'Invalid value: "[device.driver]": must evaluate to bool or the unknown type, not list(string)',
  )
})

test('validateSelectors() refuses what could cost too much', () => {
  const nested =
    'device.attributes.all(a, device.attributes.all(b, device.attributes.all(c, device.attributes.all(d, a == b && c == d))))'
  expect(problemOf(nested)).toBe('Forbidden: too complex, exceeds cost limit')
  expect(problemOf(`true || '${'x'.repeat(11_000)}' == ''`)).toBe('Too long: may not be more than 10240 bytes')
})
