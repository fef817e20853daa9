/** Expressions that would need far more memory or time than they cost. Upstream runs them; here each ends soon. */
import { describe, expect, test } from 'vitest'
import { compile } from '../compile.ts'
import { extendEnvironment } from '../environment.ts'
import { CostLimitError } from '../errors.ts'
import { celTypes, listOf } from '../types.ts'
import { type CelValue, listValue } from '../values.ts'
import { baseEnvironment } from './kubernetes.ts'

const environment = extendEnvironment(baseEnvironment(), {
  variables: { text: celTypes.string, numbers: listOf(celTypes.int), dynamic: listOf(celTypes.dyn) },
})

function evaluate(expression: string, variables: Record<string, CelValue> = {}) {
  const compiled = compile(environment, expression)
  if (compiled.type === 'issues') throw new Error(compiled.text)
  return compiled.program.evaluate(
    { text: '', numbers: listValue([]), dynamic: listValue([]), ...variables },
    { costLimit: 1_000_000 },
  )
}

const long = 'a'.repeat(200_000)
const numbers = listValue(Array.from({ length: 100_000 }, (_, i) => BigInt(i)))
/** A list of one list of one list …, each twice: 2^n numbers in n lists. */
const doubled = `[[1]]${'.map(a, [a, a])'.repeat(40)}`

const refused: readonly (readonly [string, string, Record<string, CelValue>])[] = [
  ['a replacement between all characters', "text.replace('', text).size() > 0", { text: long }],
  ['a join with a long separator', "text.split('').join(text).size() > 0", { text: long }],
  ['a range without end', 'lists.range(9223372036854775807).size() > 0', {}],
  ['the distinct items of a long list', 'numbers.distinct().size() > 0', { numbers }],
  ['a long list sorted', 'numbers.sort().size() > 0', { numbers }],
  ['two long lists as sets', 'sets.contains(numbers, numbers)', { numbers }],
  ['a list of doubled lists flattened', `${doubled}.flatten(100).size() > 0`, {}],
  ['two lists of doubled lists compared', `${doubled} == ${doubled}`, {}],
  ['a list of doubled lists printed', `'%s'.format([${doubled}]).size() > 0`, {}],
  ['a list of doubled lists searched', `dyn(${doubled}).indexOf(1) > 0`, {}],
]

/** Other work on the machine must not fail these. */
const timeout = 30_000

describe('evaluate() stops', { timeout }, () => {
  for (const [name, expression, variables] of refused) {
    test(name, () => expect(() => evaluate(expression, variables)).toThrow(CostLimitError))
  }
})

const answered: readonly (readonly [string, string, Record<string, CelValue>, CelValue])[] = [
  ['many clauses with a width', "'%.65000e%.65000e'.format([1.0, 1.0]).size()", {}, 130_000n],
  ['a nested repetition in a pattern', "text.matches('(a*)*b')", { text: long.slice(0, 20_000) }, false],
  ['empty matches all over a long text', "text.findAll('a*?').size()", { text: long.slice(0, 20_000) }, 20_001n],
  ['a map built entry by entry', 'numbers.slice(0, 20000).transformMap(i, v, v).size()', { numbers }, 20_000n],
  ['a dyn list sorted, which costs nothing upstream', 'dynamic.sort().size()', { dynamic: numbers }, 100_000n],
  [
    'space at both ends of a long text',
    'text.trim().size()',
    { text: `${' '.repeat(100_000)}a${' '.repeat(100_000)}` },
    1n,
  ],
]

describe('evaluate() answers in linear time', { timeout }, () => {
  for (const [name, expression, variables, want] of answered) {
    test(name, () => expect(evaluate(expression, variables).value).toBe(want))
  }
})
