/** `list.sortBy(e, e.score)`: binds the list and sorts it by the list of its keys. Source: cel-go `ext/lists.go`. */
import type { Expression } from '../ast.ts'
import type { Macro } from '../library.ts'
import { type MacroContext, MacroError } from '../macro.ts'
import { collect, loopVariable } from '../macros.ts'

const input = '@__sortBy_input__'
const sortable: ReadonlySet<Expression['kind']> = new Set(['list', 'select', 'identifier', 'comprehension', 'call'])

/** Expands to a loop that never runs and whose accumulator is the list. */
export const sortByMacro: Macro = {
  name: 'sortBy',
  receiver: true,
  argumentCount: 2,
  expand: (context, target, [variable, key]) => {
    if (target === undefined || variable === undefined || key === undefined) return undefined
    if (!sortable.has(target.kind)) {
      throw new MacroError(
        target.id,
        'sortBy can only be applied to a list, identifier, comprehension, call or select expression',
      )
    }
    const keys = keysOf(context, variable, key)
    return context.comprehension({
      range: context.list(),
      variable: '#unused',
      accumulator: input,
      initial: target,
      condition: context.literal(false),
      step: context.identifier(input),
      result: context.memberCall('@sortByAssociatedKeys', context.identifier(input), keys),
    })
  },
}

/** `input.map(variable, key)`. */
function keysOf(context: MacroContext, variable: Expression, key: Expression): Expression {
  return context.comprehension({
    range: context.identifier(input),
    variable: loopVariable(context, variable, 'argument is not an identifier'),
    accumulator: context.accumulatorName,
    ...collect(context, key, undefined),
  })
}
