import { describe, expect, test } from 'vitest'
import { createPolicyCompiler, plainCompiler, resultTypes } from '../../api/admissionregistration/cel/compiler.ts'
import { builtinResources } from '../../api/resources.ts'
import type { AskAccess } from '../../apimachinery/cel/library/authorizer.ts'
import type { Decision } from '../authz/authorizer.ts'
import { AccessAnswers } from './access-answers.ts'
import { type EvaluationInput, evaluateAll, OutOfBudget } from './evaluation.ts'

const optional = { params: true, authorizer: true }
const budget = 10_000_000
const compile = (source: string) => plainCompiler.compile(source, resultTypes.condition, optional)

function input(object: EvaluationInput['object'], ask?: AskAccess): EvaluationInput {
  const resource = builtinResources.find(({ facts }) => facts.plural === 'configmaps')
  if (resource === undefined) throw new Error('configmaps')
  const user = { name: 'me', groups: [] }
  return {
    request: { operation: 'CREATE', resource, subresource: '', namespace: 'default', name: 'x', user, dryRun: false },
    asked: resource,
    matched: resource,
    object,
    oldObject: null,
    params: null,
    namespace: null,
    ...(ask === undefined ? {} : { ask }),
  }
}

describe('evaluateAll()', () => {
  test('gives values and errors, one for each expression', () => {
    const { results } = evaluateAll(
      [compile('object.a == 1'), undefined, compile('object.b == 1'), compile('nonsense')],
      input({ a: 1 }),
      budget,
    )
    expect(results[0]).toEqual({ value: true })
    expect(results[1]).toEqual({})
    expect(results[2]).toEqual({ error: "expression 'object.b == 1' resulted in error: no such key: b" })
    expect(results[3]?.error).toContain(
      'compilation error: compilation failed: ERROR: <input>:1:1: undeclared reference',
    )
  })
  test('stops when the budget is used up', () => {
    expect(() => evaluateAll([compile('object.a == 1')], input({ a: 1 }), 1)).toThrow(OutOfBudget)
  })
  test('evaluates a variable once, and counts what it costs', () => {
    const compiler = createPolicyCompiler()
    const variables = new Map([['a', compiler.addVariable('a', 'object.items.map(i, i * 2)', optional)]])
    const twice = compiler.compile('variables.a.size() == 3 && variables.a[0] == 2', resultTypes.condition, optional)
    const once = compiler.compile('variables.a.size() == 3', resultTypes.condition, optional)
    const spent = (expression: typeof once) => {
      const { results, remaining } = evaluateAll([expression], { ...input({ items: [1, 2, 3] }), variables }, budget)
      expect(results).toEqual([{ value: true }])
      return budget - remaining
    }
    expect(spent(once)).toBeGreaterThan(10)
    expect(spent(twice) - spent(once)).toBeLessThan(10)
  })
})

describe('AccessAnswers', () => {
  const check = "authorizer.group('').resource('pods').namespace('a').check('get').allowed()"

  test('asks once, and waits for authorizers that take their time', async () => {
    const asked: string[] = []
    const answers = new AccessAnswers(async ({ info }): Promise<Decision> => {
      asked.push(`${info.verb} ${info.resource} ${info.namespace}`)
      await Promise.resolve()
      return { type: 'allow', reason: 'because' }
    })
    const expressions = [compile(`false || ${check}`), compile(`${check} && ${check}`)]
    const { results } = await answers.settled(() => evaluateAll(expressions, input({}, answers.ask), budget))
    expect(results).toEqual([{ value: true }, { value: true }])
    expect(asked).toEqual(['get pods a'])
  })
  test('hands on reasons and errors', async () => {
    const answers = new AccessAnswers(() => ({ type: 'noOpinion', reason: 'no rule', error: 'away' }))
    const decision = "authorizer.path('/x').check('get')"
    const source = `${decision}.reason() == 'no rule' && ${decision}.errored() && ${decision}.error() == 'away' && !${decision}.allowed()`
    const { results } = evaluateAll([compile(source)], input({}, answers.ask), budget)
    // Four checks cost more than an expression may.
    expect(results[0]?.error).toContain('operation cancelled: actual cost limit exceeded')
    const bound =
      "[authorizer.path('/x').check('get')].all(d, d.reason() == 'no rule' && d.errored() && d.error() == 'away' && !d.allowed())"
    expect(evaluateAll([compile(bound)], input({}, answers.ask), budget).results).toEqual([{ value: true }])
  })
})
