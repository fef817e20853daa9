/** The macros of the standard library. They expand as in cel-go, because costs are counted on what they expand to. */
import type { Expression } from './ast.ts'
import type { Macro } from './library.ts'
import { type MacroContext, MacroError } from './macro.ts'

/** `has`, `all`, `exists`, `exists_one`, `existsOne`, `map`, `filter`. */
export const standardMacros: readonly Macro[] = [
  { name: 'has', receiver: false, argumentCount: 1, expand: (context, _, [operand]) => has(context, operand) },
  loop('all', 2, 'argument must be a simple name', all),
  loop('exists', 2, 'argument must be a simple name', exists),
  loop('exists_one', 2, 'argument must be a simple name', existsOne),
  loop('existsOne', 2, 'argument must be a simple name', existsOne),
  loop('map', 2, 'argument is not an identifier', (context, [transform]) => collect(context, transform, undefined)),
  loop('map', 3, 'argument is not an identifier', (context, [predicate, transform]) =>
    collect(context, transform, predicate),
  ),
  loop('filter', 2, 'argument is not an identifier', (context, [predicate], variable) =>
    collect(context, variable, predicate),
  ),
]

/** What a comprehension does besides going through its range. */
export type LoopParts = {
  readonly initial: Expression
  readonly condition: Expression
  readonly step: Expression
  readonly result: Expression
}

type Body = (context: MacroContext, args: readonly Expression[], variable: Expression) => LoopParts

function loop(name: string, argumentCount: number, notAName: string, body: Body): Macro {
  return {
    name,
    receiver: true,
    argumentCount,
    expand: (context, target, args) => {
      const [variable, ...rest] = args
      if (target === undefined || variable === undefined) return undefined
      const parts = { range: target, variable: loopVariable(context, variable, notAName) }
      return context.comprehension({ ...parts, accumulator: context.accumulatorName, ...body(context, rest, variable) })
    },
  }
}

/** The name of a loop's variable; throws `MacroError` if the expression is no simple name. */
export function loopVariable(context: MacroContext, expression: Expression, notAName: string): string {
  if (expression.kind !== 'identifier') throw new MacroError(expression.id, notAName)
  if (expression.name === context.accumulatorName || expression.name === '__result__') {
    throw new MacroError(expression.id, 'iteration variable overwrites accumulator variable')
  }
  return expression.name
}

function has(context: MacroContext, operand: Expression | undefined): Expression {
  if (operand?.kind !== 'select') throw new MacroError(operand?.id ?? 0, 'invalid argument to has() macro')
  return context.presenceTest(operand.operand, operand.field)
}

/** Goes on until something is false. */
export function all(context: MacroContext, [predicate]: readonly Expression[]): LoopParts {
  return {
    initial: context.literal(true),
    condition: context.call('@not_strictly_false', context.accumulator()),
    step: context.call('_&&_', context.accumulator(), required(predicate)),
    result: context.accumulator(),
  }
}

/** Goes on until something is true. */
export function exists(context: MacroContext, [predicate]: readonly Expression[]): LoopParts {
  return {
    initial: context.literal(false),
    condition: context.call('@not_strictly_false', context.call('!_', context.accumulator())),
    step: context.call('_||_', context.accumulator(), required(predicate)),
    result: context.accumulator(),
  }
}

/** Counts to the end. */
export function existsOne(context: MacroContext, [predicate]: readonly Expression[]): LoopParts {
  const counted = context.call('_+_', context.accumulator(), context.literal(1n))
  return {
    initial: context.literal(0n),
    condition: context.literal(true),
    step: context.call('_?_:_', required(predicate), counted, context.accumulator()),
    result: context.call('_==_', context.accumulator(), context.literal(1n)),
  }
}

/** Appends `item` for each element, or for those for which the predicate holds. */
export function collect(
  context: MacroContext,
  item: Expression | undefined,
  predicate: Expression | undefined,
): LoopParts {
  const longer = context.call('_+_', context.accumulator(), context.list(required(item)))
  return {
    initial: context.list(),
    condition: context.literal(true),
    step: predicate === undefined ? longer : context.call('_?_:_', predicate, longer, context.accumulator()),
    result: context.accumulator(),
  }
}

function required(expression: Expression | undefined): Expression {
  if (expression === undefined) throw new RangeError('a macro is expanded only with all its arguments')
  return expression
}
