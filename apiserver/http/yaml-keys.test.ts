import { expect, test } from 'vitest'
import { doubledYamlKeys } from './body.ts'

test('doubledYamlKeys() names each key and the line of its later value', () => {
  const text = ['kind: Pod', 'spec:', '  a: 1', '  b: [{x: 1, x: 2}]', '  a: 2', 'kind: Pod'].join('\n')
  expect(doubledYamlKeys(text)).toBe(
    [
      'yaml: unmarshal errors:',
      '  line 6: key "kind" already set in map',
      '  line 5: key "a" already set in map',
      '  line 4: key "x" already set in map',
    ].join('\n'),
  )
})

test('doubledYamlKeys() finds nothing in what is well-formed', () => {
  expect(doubledYamlKeys('a: {x: 1}\nb: {x: 1}\n')).toBeUndefined()
})
