/**
 * Variables, selections, indexing and conditionals. A chain `a.b[c].d` is one node that walks its qualifiers; an optional one makes
 * the whole result optional.
 * Source: cel-go `interpreter/attributes.go`; costs by `interpreter/runtimecost.go`.
 */
import type { CallExpression, Expression, SelectExpression } from './ast.ts'
import { CelError, noSuchOverload } from './errors.ts'
import { type Evaluate, type Frame, fail, failWith, readSlot, spend, toSlot } from './frame.ts'
import { lookUp, missing } from './look-up.ts'
import { type Attribute, constantNode, type Node, type Planner } from './plan.ts'
import { type CelValue, GrowingList, isKind, optionalNone, optionalValue, typeValue } from './values.ts'

/** One step of a chain. */
type Qualifier = {
  /** The key if it is known; otherwise `evaluate` finds it. */
  readonly key: CelValue
  readonly evaluate: Evaluate | undefined
  readonly optional: boolean
  readonly test: boolean
}

/** Makes a node of an attribute. */
export function attributeNode(attribute: Attribute): Node {
  const { resolve } = attribute
  if (attribute.whole === 0) return { evaluate: resolve, attribute }
  const evaluate: Evaluate = (frame) => {
    const value = resolve(frame)
    spend(frame, 1)
    return value
  }
  return { evaluate, attribute }
}

/** A variable of the caller or of a comprehension, or the name of a type. */
export function planIdentifier(planner: Planner, name: string): Node {
  const local = planner.scope.local(name)
  if (local !== undefined) return attributeNode({ resolve: readLocal(local.slot, local.initial), whole: 1 })
  if (planner.environment.variables.has(name)) {
    return attributeNode({ resolve: readGlobal(planner.scope.globalIndex(name), name), whole: 1 })
  }
  const named = planner.environment.typeNames.get(name)
  return constantNode(typeValue(named ?? { kind: 'object', name }))
}

function readLocal(slot: number, initial: Evaluate | undefined): Evaluate {
  if (initial === undefined) return (frame) => readSlot(frame, frame.locals[slot])
  return (frame) => {
    const value = frame.locals[slot]
    if (value !== undefined) return readSlot(frame, value)
    const first = toSlot(frame, initial(frame))
    // An empty list that is about to be filled grows in place.
    frame.locals[slot] = isKind(first instanceof CelError ? null : first, 'list') ? growing(first) : first
    return readSlot(frame, frame.locals[slot])
  }
}

function growing(value: ReturnType<typeof toSlot>): ReturnType<typeof toSlot> {
  return value instanceof CelError || !isKind(value, 'list') || value.size > 0 ? value : new GrowingList()
}

function readGlobal(index: number, name: string): Evaluate {
  return (frame) => {
    const known = frame.globals[index]
    if (known === undefined) return firstRead(frame, index, name)
    return readSlot(frame, known)
  }
}

function firstRead(frame: Frame, index: number, name: string): CelValue | undefined {
  const given = Object.hasOwn(frame.variables, name) ? frame.variables[name] : undefined
  const value = typeof given === 'function' ? callVariable(frame, given) : given
  if (value === undefined && typeof given !== 'function') fail(frame, new CelError(`no such attribute(s): ${name}`))
  frame.globals[index] = toSlot(frame, value)
  return value
}

function callVariable(frame: Frame, given: () => CelValue): CelValue | undefined {
  try {
    return given()
  } catch (error) {
    return failWith(frame, error)
  }
}

/** `operand.field` or `has(operand.field)`. */
export function planSelect(planner: Planner, expression: SelectExpression): Node {
  const { field, test } = expression
  const operand = planner.plan(expression.operand)
  const attribute = chain(operand, { key: field, evaluate: undefined, optional: false, test })
  // A test costs what its parts cost: Kubernetes switches the cost of the test itself off.
  return test ? { evaluate: attribute.resolve } : attributeNode(attribute)
}

/** `operand[index]`, `operand[?index]`, `operand.?field`. */
export function planIndex(planner: Planner, call: CallExpression): Node {
  const [operand, index] = call.args
  if (operand === undefined || index === undefined) return constantNode(null)
  const optional = call.function !== '_[_]'
  const key = planner.plan(index)
  if (key.constant !== undefined) {
    const { value } = key.constant
    return attributeNode(chain(planner.plan(operand), { key: value, evaluate: undefined, optional, test: false }))
  }
  const evaluate = key.attribute?.resolve ?? key.evaluate
  return attributeNode(chain(planner.plan(operand), { key: null, evaluate, optional, test: false }))
}

const qualifiersOf = new WeakMap<Evaluate, { readonly root: Evaluate; readonly qualifiers: readonly Qualifier[] }>()

/** Adds a step to the chain that the operand is, or starts one. */
function chain(operand: Node, qualifier: Qualifier): Attribute {
  const base = operand.attribute?.resolve ?? operand.evaluate
  const before = qualifiersOf.get(base) ?? { root: base, qualifiers: [] }
  const qualifiers = [...before.qualifiers, qualifier]
  const { root } = before
  const simple = qualifiers.every((q) => q.evaluate === undefined && !q.optional && !q.test)
  const resolve = simple ? walkConstant(root, qualifiers) : walk(root, qualifiers)
  qualifiersOf.set(resolve, { root, qualifiers })
  return { resolve, whole: operand.attribute?.whole ?? 1 }
}

/** The usual chain: names and literal indexes only. */
function walkConstant(root: Evaluate, qualifiers: readonly Qualifier[]): Evaluate {
  const keys = qualifiers.map((qualifier) => qualifier.key)
  const general = walkFrom(qualifiers)
  return (frame) => {
    const start = root(frame)
    if (start === undefined) return undefined
    if (isKind(start, 'optional')) return general(frame, start)
    let value: CelValue = start
    try {
      for (const key of keys) {
        spend(frame, 1)
        const found = lookUp(value, key)
        if (found === undefined) return fail(frame, missing(value, key))
        value = found
      }
    } catch (error) {
      return failWith(frame, error)
    }
    return value
  }
}

function walk(root: Evaluate, qualifiers: readonly Qualifier[]): Evaluate {
  const general = walkFrom(qualifiers)
  return (frame) => {
    const start = root(frame)
    return start === undefined ? undefined : general(frame, start)
  }
}

function walkFrom(qualifiers: readonly Qualifier[]): (frame: Frame, start: CelValue) => CelValue | undefined {
  const test = qualifiers.at(-1)?.test ?? false
  return (frame, start) => {
    let value = start
    let optional = false
    if (isKind(start, 'optional')) {
      if (start.value === undefined) return test ? false : start
      value = start.value
      optional = true
    }
    try {
      for (const qualifier of qualifiers) {
        optional ||= qualifier.optional
        const found = qualify(frame, value, qualifier, optional)
        if (found === undefined) return undefined
        if (found === absent) return test ? false : optionalNone
        value = found
      }
    } catch (error) {
      return failWith(frame, error)
    }
    if (test) return true
    return optional ? optionalValue(value) : value
  }
}

/** Nothing stands under the key, and nothing need to. */
const absent: unique symbol = Symbol('absent')

function qualify(
  frame: Frame,
  value: CelValue,
  qualifier: Qualifier,
  optional: boolean,
): CelValue | typeof absent | undefined {
  const key = qualifier.evaluate === undefined ? qualifier.key : qualifier.evaluate(frame)
  // What need not be there costs only if it is.
  if (!optional) spend(frame, 1)
  if (key === undefined) return undefined
  const found = lookUp(value, key)
  if (found === undefined) return optional || qualifier.test ? absent : fail(frame, missing(value, key))
  if (optional) spend(frame, 1)
  return found
}

/** `condition ? a : b`. */
export function planConditional(planner: Planner, [condition, a, b]: readonly Expression[]): Node {
  if (condition === undefined || a === undefined || b === undefined) return constantNode(null)
  const { evaluate } = planner.plan(condition)
  const whenTrue = branch(planner.plan(a))
  const whenFalse = branch(planner.plan(b))
  const resolve: Evaluate = (frame) => {
    const value = evaluate(frame)
    if (value === true) return whenTrue(frame)
    if (value === false) return whenFalse(frame)
    return value === undefined ? undefined : fail(frame, noSuchOverload())
  }
  return attributeNode({ resolve, whole: 0 })
}

/** A path that is a branch does not cost as a whole. */
function branch(node: Node): Evaluate {
  return node.attribute?.resolve ?? node.evaluate
}
