/** Conditions in CEL that a request must meet before a webhook or policy is asked. Source: `validateMatchConditions`. */
import { duplicate, internalError, invalidValue, required, tooMany } from '../../apimachinery/field-errors.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, repeats, when } from '../meta/causes.ts'
import { type CompiledExpression, plainCompiler, resultTypes } from './cel/compiler.ts'
import type { MatchCondition } from './v1.ts'

const maxConditions = 64

/** Names and expressions; `params` tells whether there are parameters to name. */
export function validateMatchConditions(
  conditions: readonly MatchCondition[] | undefined,
  field: string,
  { params }: { readonly params: boolean },
): Causes {
  const count = conditions?.length ?? 0
  const again = new Set(repeats((conditions ?? []).map(({ name }) => name)))
  return [
    ...when(count > maxConditions, tooMany(field, count, maxConditions)),
    ...each(field, conditions, ({ name, expression }, path, index) => [
      ...validateExpression(expression.trim(), `${path}.expression`, params),
      ...(name === '' ? [required(`${path}.name`)] : invalidValues(`${path}.name`, name, isQualifiedName(name))),
      ...when(name !== '' && again.has(index), duplicate(`${path}.name`, name)),
    ]),
  ]
}

function validateExpression(source: string, field: string, params: boolean): Causes {
  if (source === '') return [required(field)]
  return problemOf(plainCompiler.compile(source, resultTypes.condition, { params, authorizer: true }), field)
}

/** What does not compile, as a cause. */
export function problemOf({ source, problem, isInternal }: CompiledExpression, field: string): Causes {
  if (problem === undefined) return []
  return [isInternal === true ? internalError(field, problem) : invalidValue(field, source, problem)]
}
