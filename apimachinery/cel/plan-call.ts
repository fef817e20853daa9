/** Calls of functions and operators: which overload, its cost, and the few that see errors as values. */
import type { CallExpression } from './ast.ts'
import { CelError, CostLimitError, noSuchOverload } from './errors.ts'
import { type Evaluate, type Frame, fail, failWith, spend } from './frame.ts'
import type { Overload } from './library.ts'
import { matchesType } from './match-type.ts'
import { compilePattern } from './patterns.ts'
import { constantNode, type Node, type Planner } from './plan.ts'
import { runtimeTypeName } from './runtime-type.ts'
import { conversionNames } from './standard-conversions.ts'
import { type CelValue, isKind, keyIdentity } from './values.ts'

/** A call of a function, its arguments planned. */
export function planCall(planner: Planner, call: CallExpression): Node {
  const operands = call.target === undefined ? call.args : [call.target, ...call.args]
  const args = operands.map((operand) => planner.plan(operand))
  const special = planSpecial(planner, call, args)
  if (special !== undefined) return special
  const dispatch = dispatchOf(planner, call)
  if (patternFunctions.has(call.function)) checkPattern(args)
  const evaluate = callNode(args, dispatch)
  if (!conversionNames.has(call.function) || args.length !== 1 || args[0]?.constant === undefined) return { evaluate }
  return constantNode(dispatch.call([args[0].constant.value]))
}

function planSpecial(planner: Planner, call: CallExpression, args: readonly Node[]): Node | undefined {
  switch (call.function) {
    case '_&&_':
      return { evaluate: logical(args, false) }
    case '_||_':
      return { evaluate: logical(args, true) }
    case '@not_strictly_false':
      return { evaluate: notStrictlyFalse(args) }
    case '@in':
      return onlyOverload(planner, call) === 'in_list' ? planMembership(args) : undefined
    case 'or':
    case 'orValue':
      return onlyOverload(planner, call)?.startsWith('optional_or') === true
        ? { evaluate: alternative(args, call.function) }
        : undefined
    default:
      return undefined
  }
}

/** The overload if the checker left just one. */
function onlyOverload(planner: Planner, call: CallExpression): string | undefined {
  const reference = planner.checked.references.get(call.id)
  return reference?.type === 'function' && reference.overloads.length === 1 ? reference.overloads[0] : undefined
}

/** `&&` and `||`: one side that decides the result makes an error of the other side not matter. */
function logical(args: readonly Node[], decisive: boolean): Evaluate {
  const terms = args.map((arg) => arg.evaluate)
  return (frame) => {
    let error: CelError | undefined
    for (const term of terms) {
      const value = term(frame)
      if (value === decisive) return decisive
      if (value !== !decisive) error ??= value === undefined ? frame.error : noSuchOverload()
    }
    return error === undefined ? !decisive : fail(frame, error)
  }
}

/** False for false; true for everything else, errors too. */
function notStrictlyFalse([arg]: readonly Node[]): Evaluate {
  const operand = arg?.evaluate
  return (frame) => {
    const value = operand?.(frame)
    spend(frame, 1)
    return value !== false
  }
}

/** `x in ['a', 'b']` with literals only: a set, which costs nothing. */
function planMembership([item, list]: readonly Node[]): Node | undefined {
  const values = list?.constant?.value
  if (item === undefined || values === undefined || !isKind(values, 'list')) return undefined
  if (values.size === 0) return constantNode(false)
  const members = new Set<unknown>()
  for (let i = 0; i < values.size; i++) {
    const member = keyIdentity(values.get(i))
    if (member === undefined) return undefined
    if (!Number.isNaN(member)) members.add(member)
  }
  const { evaluate } = item
  return {
    evaluate: (frame) => {
      const value = evaluate(frame)
      if (value === undefined) return undefined
      const identity = keyIdentity(value)
      return identity !== undefined && members.has(identity)
    },
  }
}

/** `a.or(b)` and `a.orValue(b)` look at `b` only if they must, and cost nothing themselves. */
function alternative([first, second]: readonly Node[], name: string): Evaluate {
  const left = first?.evaluate
  const right = second?.evaluate
  return (frame) => {
    const value = left?.(frame)
    if (value === undefined) return undefined
    if (!isKind(value, 'optional')) return fail(frame, noSuchOverload())
    if (value.value !== undefined) return name === 'or' ? value : value.value
    const other = right?.(frame)
    if (other === undefined || name === 'orValue' || isKind(other, 'optional')) return other
    return fail(frame, noSuchOverload())
  }
}

/** Their second operand is a pattern. */
const patternFunctions: ReadonlySet<string> = new Set(['matches', 'find', 'findAll'])

/** A literal pattern is compiled before the run; the error makes the program impossible. */
function checkPattern([, pattern]: readonly Node[]): void {
  const literal = pattern?.constant?.value
  if (typeof literal === 'string') compilePattern(literal)
}

/** What a call does and costs. `cost` sees null in the place of errors. */
type Dispatch = {
  readonly call: (args: readonly CelValue[]) => CelValue
  readonly cost: (args: readonly CelValue[], result: CelValue) => number
  /** Whether a call may take so long that its cost is checked first. */
  readonly costFirst: boolean
}

const one = (): number => 1

/** Finds out before the run as much as the static types allow; the rest is decided by the arguments. */
function dispatchOf(planner: Planner, call: CallExpression): Dispatch {
  const declared = planner.environment.functions.get(call.function)?.overloads ?? []
  const only = onlyOverload(planner, call)
  const overloads = only === undefined ? declared : declared.filter((overload) => overload.id === only)
  const costFirst = overloads.some((overload) => overload.costFirst === true)
  const [first] = overloads
  if (first !== undefined && isOperator(call.function)) {
    // Operators are one function for all their overloads, which has its own words for what it does not take.
    return { costFirst, call: first.call, cost: only === undefined ? one : (first.cost ?? one) }
  }
  const find = (args: readonly CelValue[]): Overload | undefined => overloads.find((overload) => fits(overload, args))
  return {
    costFirst,
    call: (args) => {
      const found = find(args)
      if (found !== undefined) return found.call(args)
      throw new CelError(`no such overload: ${call.function}(${args.map(runtimeTypeName).join(', ')})`)
    },
    cost: (args, result) => {
      const overload = find(args) ?? first
      if (overload?.cost === undefined || (overload.costNeedsResolution === true && only === undefined)) return 1
      return overload.cost(args, result)
    },
  }
}

function fits(overload: Overload, args: readonly CelValue[]): boolean {
  if (overload.arguments.length !== args.length) return false
  return overload.arguments.every((type, i) => matchesType(args[i] ?? null, type))
}

const wordOperators: ReadonlySet<string> = new Set([
  'size',
  'contains',
  'startsWith',
  'endsWith',
  'matches',
  'type',
  'dyn',
])

function isOperator(name: string): boolean {
  return /^[!@_-]/.test(name) || wordOperators.has(name)
}

function callNode(args: readonly Node[], dispatch: Dispatch): Evaluate {
  const [first, second] = args
  if (args.length === 2 && first !== undefined && second !== undefined) {
    return binaryCall(first.evaluate, second.evaluate, dispatch)
  }
  const evaluators = args.map((arg) => arg.evaluate)
  return (frame) => {
    const values: CelValue[] = []
    for (const evaluate of evaluators) {
      const value = evaluate(frame)
      if (value === undefined) return args.length === 1 ? failed(frame, frame.error, dispatch, [null]) : undefined
      values.push(value)
    }
    return apply(frame, dispatch, values)
  }
}

/** Both operands are evaluated, whatever becomes of the first. */
function binaryCall(left: Evaluate, right: Evaluate, dispatch: Dispatch): Evaluate {
  return (frame) => {
    const a = left(frame)
    const error = frame.error
    const b = right(frame)
    if (a === undefined) return failed(frame, error, dispatch, [null, b ?? null])
    if (b === undefined) return failed(frame, frame.error, dispatch, [a, null])
    return apply(frame, dispatch, [a, b])
  }
}

function failed(frame: Frame, error: CelError | undefined, dispatch: Dispatch, args: readonly CelValue[]): undefined {
  spend(frame, dispatch.cost(args, null))
  return fail(frame, error ?? noSuchOverload())
}

function apply(frame: Frame, dispatch: Dispatch, args: readonly CelValue[]): CelValue | undefined {
  if (dispatch.costFirst && frame.cost + dispatch.cost(args, null) > frame.costLimit) throw new CostLimitError()
  try {
    const value = dispatch.call(args)
    spend(frame, dispatch.cost(args, value))
    return value
  } catch (error) {
    failWith(frame, error)
    return failed(frame, frame.error, dispatch, args)
  }
}
