import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editBetween, editLines } from './chain-edit.ts'

const letters = fc.uniqueArray(fc.integer({ min: 0, max: 40 }).map(String), { maxLength: 30 })

/** As iptables reads such lines: rule numbers count from 1, and a rule that is not there is an error. */
function run(rules: readonly string[], lines: readonly string[]): readonly string[] {
  const chain = [...rules]
  for (const line of lines) {
    const [verb, , first = '', second = ''] = line.split(' ')
    const at = verb === '-D' ? chain.indexOf(first) : Number(first) - 1
    if (at < 0 || at > chain.length) throw new Error(`${line}: no such rule in ${chain.join(' ')}`)
    if (verb === '-D') chain.splice(at, 1)
    else chain.splice(at, 0, second)
  }
  return chain
}

test('editBetween() leads from any chain to any other that keeps the order of what stays', () => {
  fc.assert(
    fc.property(letters, letters, (before, other) => {
      const places = new Map(before.map((rule, at) => [rule, at]))
      const kept = other.filter((rule) => places.has(rule)).sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0))
      const after = other.map((rule) => (places.has(rule) ? (kept.shift() ?? '') : rule))
      const edit = editBetween(before, after, 0)
      expect(edit).toBeDefined()
      if (edit !== undefined) expect(run(before, editLines('C', edit))).toEqual(after)
    }),
  )
})

test.each<[string, readonly string[], readonly string[]]>([
  ['rules that changed places', ['a', 'b', 'c'], ['b', 'a', 'c']],
  ['a rule that is there twice', ['a', 'b', 'a'], ['a', 'b']],
  ['a rule that will be there twice', ['a', 'b'], ['a', 'b', 'a']],
  ['much change', [], Array.from({ length: 101 }, (_, at) => String(at))],
])('editBetween() leaves %s to a rewrite', (_, before, after) => {
  expect(editBetween(before, after, 0)).toBeUndefined()
})

test('editBetween() leaves short chains to a rewrite', () => {
  const long = Array.from({ length: 500 }, (_, at) => String(at))
  expect(editBetween(long.slice(1), [...long.slice(1), 'new'])).toBeUndefined()
  expect(editBetween(long, [...long, 'new'])).toEqual({ remove: [], insert: [{ index: 500, rule: 'new' }] })
})
