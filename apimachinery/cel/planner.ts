/** A checked expression to closures: each node becomes a function of the frame, made once. */
import type { CheckedExpression, Expression, StructField } from './ast.ts'
import type { Environment } from './environment.ts'
import { CelError } from './errors.ts'
import { type Evaluate, type Frame, fail, failWith, newFrame, spend } from './frame.ts'
import { formatKey } from './look-up.ts'
import type { ObjectType } from './object-type.ts'
import { constantNode, type Node, type Planner, Scope } from './plan.ts'
import { planConditional, planIdentifier, planIndex, planSelect } from './plan-attribute.ts'
import { planCall } from './plan-call.ts'
import { planComprehension } from './plan-comprehension.ts'
import { type CelValue, isKind, listValue, mapValue } from './values.ts'

/** What making a list, map or struct costs besides its parts. Source: cel-go `common/cost.go`. */
const listCost = 10
const mapCost = 30
const structCost = 40

/** An expression as a function of the frame, and how many slots the frame needs. */
export type Planned = { readonly evaluate: Evaluate; readonly localCount: number }

/** Compiles; throws `CelError` for literals that turn out wrong, as `int('x')`. */
export function planExpression(environment: Environment, checked: CheckedExpression): Planned {
  const scope = new Scope()
  const planner: Planner = { environment, checked, scope, plan: (expression) => plan(planner, expression) }
  const { evaluate } = planner.plan(checked.expression)
  return { evaluate, localCount: scope.localCount }
}

function plan(planner: Planner, expression: Expression): Node {
  switch (expression.kind) {
    case 'literal':
      return constantNode(expression.value)
    case 'identifier':
      return planIdentifier(planner, expression.name)
    case 'select':
      return planSelect(planner, expression)
    case 'call':
      return planOperatorOrCall(planner, expression)
    case 'list':
      return planList(planner, expression)
    case 'map':
      return planMap(planner, expression)
    case 'struct':
      return planStruct(planner, expression.name, expression.fields)
    case 'comprehension':
      return planComprehension(planner, expression)
  }
}

function planOperatorOrCall(planner: Planner, call: Extract<Expression, { kind: 'call' }>): Node {
  switch (call.function) {
    case '_?_:_':
      return planConditional(planner, call.args)
    case '_[_]':
    case '_[?_]':
    case '_?._':
      return planIndex(planner, call)
    default:
      return planCall(planner, call)
  }
}

function planList(planner: Planner, list: Extract<Expression, { kind: 'list' }>): Node {
  const elements = list.elements.map((element) => planner.plan(element))
  const optional = new Set(list.optionalIndices)
  const evaluate: Evaluate = (frame) => {
    const items = evaluateItems(frame, elements, optional)
    spend(frame, listCost)
    return items === undefined ? undefined : listValue(items)
  }
  return foldConstants({ evaluate }, elements)
}

function evaluateItems(frame: Frame, elements: readonly Node[], optional: ReadonlySet<number>): CelValue[] | undefined {
  const items: CelValue[] = []
  for (const [index, element] of elements.entries()) {
    const value = element.evaluate(frame)
    if (value === undefined) return undefined
    if (!optional.has(index)) items.push(value)
    else if (!isKind(value, 'optional')) {
      return fail(
        frame,
        new CelError(`cannot initialize optional list element from non-optional value ${formatKey(value)}`),
      )
    } else if (value.value !== undefined) items.push(value.value)
  }
  return items
}

/** A literal of literals is one value, and costs nothing. */
function foldConstants(node: Node, parts: readonly Node[]): Node {
  if (!parts.every((part) => part.constant !== undefined)) return node
  const frame = newFrame({}, {})
  const value = node.evaluate(frame)
  return value === undefined ? node : constantNode(value)
}

type PlannedEntry = { readonly key: Node; readonly value: Node; readonly optional: boolean }

function planMap(planner: Planner, map: Extract<Expression, { kind: 'map' }>): Node {
  const entries = map.entries.map(
    (entry): PlannedEntry => ({
      key: planner.plan(entry.key),
      value: planner.plan(entry.value),
      optional: entry.optional,
    }),
  )
  const evaluate: Evaluate = (frame) => {
    const pairs = evaluateEntries(frame, entries)
    spend(frame, mapCost)
    return pairs === undefined ? undefined : mapValue(pairs)
  }
  return foldConstants(
    { evaluate },
    entries.flatMap(({ key, value }) => [key, value]),
  )
}

function evaluateEntries(frame: Frame, entries: readonly PlannedEntry[]): [CelValue, CelValue][] | undefined {
  const pairs: [CelValue, CelValue][] = []
  for (const entry of entries) {
    const key = entry.key.evaluate(frame)
    if (key === undefined) return undefined
    const given = entry.value.evaluate(frame)
    if (given === undefined) return undefined
    const value = entry.optional ? unwrap(frame, formatKey(key), given) : given
    if (value === undefined) return undefined
    if (value !== nothing) pairs.push([key, value])
  }
  return pairs
}

/** An optional entry without a value is left out. */
const nothing: unique symbol = Symbol('nothing')

function unwrap(frame: Frame, name: string, value: CelValue): CelValue | typeof nothing | undefined {
  if (isKind(value, 'optional')) return value.value === undefined ? nothing : value.value
  const message = `cannot initialize optional entry '${name}' from non-optional value ${formatKey(value)}`
  return fail(frame, new CelError(message))
}

function planStruct(planner: Planner, name: string, fields: readonly StructField[]): Node {
  const type = planner.environment.provider.find(name)
  const planned = fields.map((field) => ({ ...field, node: planner.plan(field.value) }))
  return {
    evaluate: (frame) => {
      const values = new Map<string, CelValue>()
      for (const field of planned) {
        const given = field.node.evaluate(frame)
        const value = given === undefined || !field.optional ? given : unwrap(frame, field.name, given)
        if (value === undefined) {
          spend(frame, structCost)
          return undefined
        }
        if (value === nothing) values.delete(field.name)
        else values.set(field.name, value)
      }
      spend(frame, structCost)
      return create(frame, type, name, values)
    },
  }
}

function create(
  frame: Frame,
  type: ObjectType | undefined,
  name: string,
  fields: ReadonlyMap<string, CelValue>,
): CelValue | undefined {
  if (type?.create === undefined) return fail(frame, new CelError(`unknown type '${name}'`))
  try {
    return type.create(fields)
  } catch (error) {
    return failWith(frame, error)
  }
}
