/** Loops: what the macros expand to. The accumulator gets its first value when it is first read. */
import type { ComprehensionExpression } from './ast.ts'
import { CelError, InterruptedError } from './errors.ts'
import { type Evaluate, type Frame, fail, type Slot, toSlot } from './frame.ts'
import type { Node, Planner } from './plan.ts'
import { type CelValue, GrowingList, listValue } from './values.ts'

type Loop = {
  readonly range: Evaluate
  readonly condition: Evaluate
  readonly step: Evaluate
  readonly result: Evaluate
  readonly slots: Slots
}

type Slots = { readonly first: number; readonly second: number | undefined; readonly accumulator: number }

/** A comprehension with its own slots for its variables. */
export function planComprehension(planner: Planner, expression: ComprehensionExpression): Node {
  const { scope, plan } = planner
  const slots: Slots = {
    first: scope.newSlot(),
    second: expression.variable2 === undefined ? undefined : scope.newSlot(),
    accumulator: scope.newSlot(),
  }
  const range = plan(expression.range).evaluate
  const initial = plan(expression.initial).evaluate
  const inLoop = (part: 'condition' | 'step'): Evaluate =>
    withVariables(planner, expression, slots, () => plan(expression[part]).evaluate)
  const [condition, step, result] = scope.within(expression.accumulator, slots.accumulator, initial, () => [
    inLoop('condition'),
    inLoop('step'),
    plan(expression.result).evaluate,
  ])
  return { evaluate: run({ range, condition, step, result, slots }) }
}

function withVariables<T>(planner: Planner, expression: ComprehensionExpression, slots: Slots, compile: () => T): T {
  const { variable, variable2, accumulator } = expression
  const inner = (): T => {
    const { second } = slots
    if (variable2 === undefined || second === undefined) return compile()
    return planner.scope.within(variable2, second, undefined, compile)
  }
  // Where a loop's variable and the accumulator share a name, the accumulator is meant.
  return variable === accumulator ? inner() : planner.scope.within(variable, slots.first, undefined, inner)
}

function run(loop: Loop): Evaluate {
  const { range, result, slots } = loop
  return (frame) => {
    const value = range(frame)
    if (value === undefined) return undefined
    frame.locals[slots.accumulator] = undefined
    const problem = iterate(frame, value, loop)
    if (problem !== undefined) return fail(frame, problem)
    const final = result(frame)
    return final instanceof GrowingList ? listValue(final.items) : final
  }
}

function iterate(frame: Frame, range: CelValue, loop: Loop): CelError | undefined {
  if (typeof range === 'object' && range !== null && !(range instanceof Uint8Array)) {
    if (range.kind === 'list') {
      const two = loop.slots.second !== undefined
      for (let i = 0; i < range.size; i++) {
        if (i % roundsBetweenQuestions === 0) mayGoOn(frame)
        const item = attempt(() => range.get(i))
        if (!turn(frame, loop, two ? BigInt(i) : item, item)) break
      }
      return undefined
    }
    if (range.kind === 'map') {
      for (const [i, key] of range.keys().entries()) {
        if (i % roundsBetweenQuestions === 0) mayGoOn(frame)
        const item = loop.slots.second === undefined ? undefined : attempt(() => range.find(key) ?? null)
        if (!turn(frame, loop, key, item)) break
      }
      return undefined
    }
  }
  const type = goType(range)
  return new CelError(
    loop.slots.second === undefined
      ? `got '${type}', expected iterable type`
      : `unsupported comprehension range type: ${type}`,
  )
}

/** Upstream asks every hundred rounds; one round here may be slower. */
const roundsBetweenQuestions = 16

function mayGoOn(frame: Frame): void {
  if (frame.interrupted?.() === true) throw new InterruptedError()
}

function attempt(get: () => CelValue): Slot {
  try {
    return get()
  } catch (error) {
    if (error instanceof CelError) return error
    throw error
  }
}

/** One round; false ends the loop. */
function turn(frame: Frame, { slots, condition, step }: Loop, first: Slot, second: Slot): boolean {
  frame.locals[slots.first] = first
  if (slots.second !== undefined) frame.locals[slots.second] = second
  if (condition(frame) === false) return false
  frame.locals[slots.accumulator] = toSlot(frame, step(frame))
  return true
}

/** Upstream prints the name of the Go type. */
function goType(value: CelValue): string {
  switch (typeof value) {
    case 'string':
      return 'types.String'
    case 'bigint':
      return 'types.Int'
    case 'number':
      return 'types.Double'
    case 'boolean':
      return 'types.Bool'
    default:
      return value === null ? 'types.Null' : goObjectType(value)
  }
}

const goTypes: Readonly<Record<string, string>> = {
  uint: 'types.Uint',
  timestamp: 'types.Timestamp',
  duration: 'types.Duration',
  optional: '*types.Optional',
  type: '*types.Type',
}

function goObjectType(value: Extract<CelValue, object>): string {
  if (value instanceof Uint8Array) return 'types.Bytes'
  if (value.kind === 'opaque' || value.kind === 'object') return value.typeName
  return goTypes[value.kind] ?? value.kind
}
