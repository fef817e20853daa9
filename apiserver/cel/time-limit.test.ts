import { describe, expect, it } from 'vitest'
import { plainCompiler, resultTypes } from '../../api/admissionregistration/cel/compiler.ts'
import { ruleValidator } from '../../apimachinery/cel/schema-validator.ts'
import { evaluateAll } from './evaluation.ts'
import { evaluationMs, timeLimit } from './time-limit.ts'

/** A clock that goes on by so much each time it is looked at. */
function slowClock(stepMs: number) {
  let nowMs = 0
  return {
    now: () => {
      nowMs += stepMs
      return nowMs
    },
  }
}

const numbers = Array.from({ length: 100 }, (_, index) => index)

describe('timeLimit()', () => {
  it('counts from each beginning', () => {
    const limit = timeLimit(slowClock(evaluationMs))
    const first = limit()
    expect([first(), first()]).toEqual([false, true])
    expect(limit()()).toBe(false)
  })

  it.each([
    [1, [{ value: true }]],
    [
      evaluationMs,
      [{ error: "expression 'object.all(x, object.all(y, x < 100))' resulted in error: operation interrupted" }],
    ],
  ])('ends expressions of policies when each look at the clock takes %i ms', (stepMs, expected) => {
    const expression = plainCompiler.compile('object.all(x, object.all(y, x < 100))', resultTypes.condition, {
      params: false,
      authorizer: false,
    })
    const input = {
      request: { timeLimit: timeLimit(slowClock(stepMs)), user: { name: '', groups: [] } },
      object: numbers,
      oldObject: null,
      params: null,
      namespace: null,
    } as unknown as Parameters<typeof evaluateAll>[1]
    expect(evaluateAll([expression], input, 1_000_000).results).toEqual(expected)
  })

  it('ends the rules of an object, and says which one took too long', () => {
    const rules = [{ rule: 'self.all(x, self.all(y, x < 100))' }, { rule: 'false' }]
    const schema = { type: 'array', maxItems: 100, items: { type: 'integer' }, 'x-kubernetes-validations': rules }
    const validator = ruleValidator(schema, false)
    const interrupted = timeLimit(slowClock(evaluationMs))()
    const causes = validator?.({ value: numbers, ratcheting: false, interrupted }).causes ?? []
    expect(causes.map(({ message }) => message)).toEqual([
      'Invalid value: "array": operation interrupted: no further validation rules will be run due to the time taken by rule: self.all(x, self.all(y, x < 100))',
    ])
  })
})
