import { expect, test } from 'vitest'
import { specDiff } from './spec-diff.ts'

test('specDiff() shows the lines that differ with three lines around them', () => {
  const before = { A: 1, B: 2, C: 3, D: 4, E: 5, F: 6, G: 7, H: 8 }
  expect(specDiff({ ...before, E: 9 }, before)).toBe(
    '@@ -3,7 +3,7 @@\n  "B": 2,\n  "C": 3,\n  "D": 4,\n- "E": 5,\n+ "E": 9,\n  "F": 6,\n  "G": 7,\n  "H": 8\n',
  )
})

test('specDiff() makes one hunk of changes with at most six equal lines between them', () => {
  const list = (...at: readonly number[]) => Array.from({ length: 20 }, (_, index) => (at.includes(index) ? -1 : index))
  expect(specDiff(list(3, 10), list()).match(/@@ .* @@/g)).toEqual(['@@ -2,14 +2,14 @@'])
  expect(specDiff(list(3, 11), list()).match(/@@ .* @@/g)).toEqual(['@@ -2,7 +2,7 @@', '@@ -10,7 +10,7 @@'])
})

test('specDiff() names the one line of a text by its number alone, as Go does', () => {
  expect(specDiff(null, { A: 1 })).toBe('@@ -1,3 +1 @@\n-{\n- "A": 1\n-}\n+null\n')
})

test('specDiff() says nothing about what is equal', () => expect(specDiff({ A: [1] }, { A: [1] })).toBe(''))

test('specDiff() does not start a match with lines that come up everywhere in a long text', () => {
  const item = (name: string) => ({ Name: name, Value: null })
  const before = Array.from({ length: 80 }, (_, index) => item(`n${index}`))
  const now = before.toSpliced(40, 1)
  expect(specDiff(now, before)).toBe(
    '@@ -157,10 +157,6 @@\n  },\n  {\n   "Name": "n39",\n-  "Value": null\n- },\n- {\n-  "Name": "n40",\n   "Value": null\n  },\n  {\n',
  )
})

test('specDiff() writes characters of HTML as Go does', () => {
  expect(specDiff('<b>', '&')).toBe('@@ -1 +1 @@\n-"\\u0026"\n+"\\u003cb\\u003e"\n')
})

test('specDiff() of two large specs that differ everywhere is a diff all the same, and soon', () => {
  const spec = (suffix: string) => ({
    env: Array.from({ length: 20_000 }, (_, at) => ({
      name: `N${at}`,
      value: at % 2 === 0 ? `v${at}` : `v${at}${suffix}`,
    })),
  })
  const rows = specDiff(spec('b'), spec('a')).split('\n')
  expect(rows).toContain('-   "value": "v1a"')
  expect(rows).toContain('+   "value": "v19999b"')
})
