/**
 * Finds the type of every node, what names stand for and which overloads a call may mean. Names of variables and functions with
 * dots are recognized here and the tree rewritten accordingly.
 * Source: cel-go `checker/checker.go` for the order of look-ups and the messages.
 */
import type {
  CallExpression,
  CheckedExpression,
  ComprehensionExpression,
  Expression,
  MapEntry,
  Reference,
  SelectExpression,
  StructField,
} from './ast.ts'
import {
  areAssignable,
  insideOptional,
  isAssignable,
  isDyn,
  isDynOrError,
  mostGeneral,
  Substitutions,
  sameType,
  substitute,
  typeWeight,
} from './checker-types.ts'
import type { Environment } from './environment.ts'
import type { Issue } from './issues.ts'
import type { FunctionDeclaration, Overload } from './library.ts'
import { type Found, findFunction, findName, literalType, qualifiedName, type Scope } from './name-lookup.ts'
import { fieldType } from './object-type.ts'
import type { Parsed } from './parser.ts'
import { type CelType, celTypes, formatType, listOf, mapOf, optionalOf, param, typeName } from './types.ts'

export type Checked = { readonly checked: CheckedExpression; readonly issues: readonly Issue[] }

/** Checks a parsed expression; with issues the tables are incomplete. */
export function check(environment: Environment, source: string, parsed: Parsed): Checked {
  const checker = new Checker(environment, parsed.offsets)
  const expression = checker.check(parsed.expression)
  const { types, references, issues } = checker.finish()
  return { checked: { source, expression, types, references, offsets: parsed.offsets }, issues }
}

/** `{a: a}` doubles the type of `a`; nested in one another such literals would keep the checker busy for ever. */
const maxTypeWeight = 1000

class Checker {
  readonly #environment: Environment
  readonly #offsets: ReadonlyMap<number, number>
  readonly #types = new Map<number, CelType>()
  readonly #references = new Map<number, Reference>()
  readonly #issues: Issue[] = []
  readonly #known = new Substitutions()
  #scope: Scope | undefined
  #freeTypes = 0

  constructor(environment: Environment, offsets: ReadonlyMap<number, number>) {
    this.#environment = environment
    this.#offsets = offsets
  }

  finish(): { types: Map<number, CelType>; references: Map<number, Reference>; issues: readonly Issue[] } {
    const types = new Map<number, CelType>()
    for (const [id, type] of this.#types) types.set(id, substitute(this.#known, type, true))
    return { types, references: this.#references, issues: this.#issues }
  }

  /** The expression with its names resolved. */
  check(expression: Expression): Expression {
    switch (expression.kind) {
      case 'literal':
        this.#types.set(expression.id, literalType(expression.value))
        return expression
      case 'identifier':
        return this.#identifier(expression)
      case 'select':
        return this.#select(expression)
      case 'call':
        return this.#call(expression)
      case 'list':
        return this.#list(expression)
      case 'map':
        return this.#map(expression)
      case 'struct':
        return this.#struct(expression)
      case 'comprehension':
        return this.#comprehension(expression)
    }
  }

  #identifier(expression: Extract<Expression, { kind: 'identifier' }>): Expression {
    const found = this.#lookUp(expression.name)
    if (found !== undefined) return this.#variable(expression.id, found)
    this.#undeclared(expression.id, expression.name)
    this.#types.set(expression.id, celTypes.error)
    return expression
  }

  #variable(id: number, found: Found): Expression {
    this.#types.set(id, found.type)
    this.#references.set(id, { type: 'variable', name: found.name })
    return { kind: 'identifier', id, name: found.name }
  }

  #select(expression: SelectExpression): Expression {
    const name = qualifiedName(expression)
    const found = name === undefined ? undefined : this.#lookUp(name)
    if (found !== undefined) return this.#variable(expression.id, found)
    const operand = this.check(expression.operand)
    const type = this.#fieldOf(expression.id, operand, expression.field, false)
    this.#types.set(expression.id, expression.test ? celTypes.bool : substitute(this.#known, type, false))
    return { ...expression, operand }
  }

  #optionalSelect(call: CallExpression): Expression {
    const [target, field] = call.args
    if (call.args.length !== 2 || target === undefined || field === undefined || call.target !== undefined) {
      const how = call.target === undefined ? '' : ' member call with'
      const message = `incorrect signature.${how} argument count: ${call.args.length}`
      return this.#refuse(call, `unsupported optional field selection: ${message}`)
    }
    if (field.kind !== 'literal' || typeof field.value !== 'string') {
      return this.#refuse(call, 'unsupported optional field selection: not a string')
    }
    const operand = this.check(target)
    this.#types.set(field.id, celTypes.string)
    const type = this.#fieldOf(call.id, operand, field.value, true)
    this.#types.set(call.id, substitute(this.#known, type, false))
    this.#references.set(call.id, { type: 'function', overloads: ['select_optional_field'] })
    return { ...call, args: [operand, field] }
  }

  #refuse(expression: Expression, message: string): Expression {
    this.#issue(expression.id, message)
    this.#types.set(expression.id, celTypes.error)
    return expression
  }

  #fieldOf(id: number, operand: Expression, field: string, optional: boolean): CelType {
    const operandType = substitute(this.#known, this.#typeOf(operand), false)
    const inside = insideOptional(operandType)
    const type = this.#fieldOfType(id, inside ?? operandType, field)
    return inside !== undefined || optional ? optionalOf(type) : type
  }

  #fieldOfType(id: number, type: CelType, field: string): CelType {
    switch (type.kind) {
      case 'map':
        return type.values
      case 'object':
        return this.#declaredField(id, type.name, field)
      case 'param':
        isAssignable(this.#known, celTypes.dyn, type)
        return celTypes.dyn
      default:
        if (!isDynOrError(type)) this.#issue(id, `type '${formatType(type)}' does not support field selection`)
        return celTypes.dyn
    }
  }

  #declaredField(id: number, structName: string, field: string): CelType {
    const struct = this.#environment.provider.find(structName)
    if (struct === undefined) {
      const known = this.#environment.typeNames.has(structName)
      this.#issue(id, known ? `undefined field '${field}'` : `unexpected failed resolution of '${structName}'`)
      return celTypes.error
    }
    const type = fieldType(struct, field)
    if (type === undefined) this.#issue(id, `undefined field '${field}'`)
    return type ?? celTypes.error
  }

  #call(call: CallExpression): Expression {
    if (call.function === '_?._') return this.#optionalSelect(call)
    const args = call.args.map((arg) => this.check(arg))
    if (call.target === undefined) {
      const found = this.#function(call.function)
      if (found !== undefined) return this.#resolved({ ...call, function: found.name, args }, found)
      this.#undeclared(call.id, call.function)
      this.#types.set(call.id, celTypes.error)
      return { ...call, args }
    }
    const prefix = qualifiedName(call.target)
    const qualified = prefix === undefined ? undefined : this.#function(`${prefix}.${call.function}`)
    if (qualified !== undefined) {
      return this.#resolved({ kind: 'call', id: call.id, function: qualified.name, args }, qualified)
    }
    return this.#memberCall(call, call.target, args)
  }

  #memberCall(call: CallExpression, receiver: Expression, args: readonly Expression[]): Expression {
    const target = this.check(receiver)
    const member = { ...call, target, args }
    const found = this.#function(call.function)
    if (found !== undefined) return this.#resolved(member, found)
    this.#types.set(call.id, celTypes.error)
    this.#undeclared(call.id, call.function)
    return member
  }

  #resolved(call: CallExpression, declaration: FunctionDeclaration): Expression {
    const { name } = declaration
    const type =
      name === '_&&_' || name === '_||_' ? this.#logical(call, declaration) : this.#overloads(call, declaration)
    this.#types.set(call.id, type)
    return call
  }

  #logical(call: CallExpression, declaration: FunctionDeclaration): CelType {
    const wrong = call.args.filter((arg) => !isAssignable(this.#known, this.#typeOf(arg), celTypes.bool))
    for (const arg of wrong) this.#mismatch(arg.id, celTypes.bool, this.#typeOf(arg))
    if (wrong.length > 0) return celTypes.error
    const overloads = declaration.overloads.map((overload) => overload.id)
    this.#references.set(call.id, { type: 'function', overloads })
    return celTypes.bool
  }

  #overloads(call: CallExpression, declaration: FunctionDeclaration): CelType {
    const operands = call.target === undefined ? call.args : [call.target, ...call.args]
    const types = operands.map((operand) => this.#typeOf(operand))
    const member = call.target !== undefined
    const matching: string[] = []
    let result: CelType | undefined
    for (const overload of declaration.overloads) {
      if (overload.member !== member || overload.arguments.length !== types.length) continue
      const type = this.#apply(overload, types)
      if (type === undefined) continue
      matching.push(overload.id)
      if (result === undefined) result = type
      else if (!isDyn(result) && !sameType(type, result)) result = celTypes.dyn
    }
    if (result !== undefined) {
      this.#references.set(call.id, { type: 'function', overloads: matching })
      return result
    }
    const shown = types.map((type) => formatType(substitute(this.#known, type, true)))
    const signature = member ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`
    this.#issue(call.id, `found no matching overload for '${declaration.name}' applied to '${signature}'`)
    return celTypes.error
  }

  /** The result's type if the overload takes these arguments. */
  #apply(overload: Overload, types: readonly CelType[]): CelType | undefined {
    const fresh = new Substitutions()
    for (const name of overload.typeParameters ?? []) fresh.bind(name, this.#freeType())
    const wanted = overload.arguments.map((type) => substitute(fresh, type, false))
    if (!areAssignable(this.#known, types, wanted)) return undefined
    return substitute(this.#known, substitute(fresh, overload.result, false), false)
  }

  #list(list: Extract<Expression, { kind: 'list' }>): Expression {
    const elements = list.elements.map((element) => this.check(element))
    const optional = new Set(list.optionalIndices)
    let type: CelType | undefined
    for (const [index, element] of elements.entries()) {
      const elementType = this.#typeOf(element)
      type = this.#join(type, optional.has(index) ? this.#unwrapped(element, elementType) : elementType)
    }
    this.#types.set(list.id, listOf(type ?? this.#freeType()))
    return { ...list, elements }
  }

  #map(map: Extract<Expression, { kind: 'map' }>): Expression {
    let keys: CelType | undefined
    let values: CelType | undefined
    const entries = map.entries.map((entry): MapEntry => {
      const key = this.check(entry.key)
      keys = this.#join(keys, this.#typeOf(key))
      const value = this.check(entry.value)
      const type = this.#typeOf(value)
      values = this.#join(values, entry.optional ? this.#unwrapped(value, type) : type)
      return { ...entry, key, value }
    })
    const type = mapOf(keys ?? this.#freeType(), values ?? this.#freeType())
    this.#types.set(map.id, typeWeight(type) > maxTypeWeight ? this.#tooLarge(map.id) : type)
    return { ...map, entries }
  }

  #tooLarge(id: number): CelType {
    this.#issue(id, `type of map literal has more than ${maxTypeWeight} parts`)
    return celTypes.error
  }

  /** The type inside an optional; other types than `dyn` are refused. */
  #unwrapped(expression: Expression, type: CelType): CelType {
    const inside = insideOptional(type)
    if (inside === undefined && !isDyn(type)) this.#mismatch(expression.id, optionalOf(type), type)
    return inside ?? type
  }

  /** The type of a literal's items so far and one more. That Kubernetes wants one type is for the validators to say. */
  #join(before: CelType | undefined, type: CelType): CelType {
    if (before === undefined) return type
    if (isAssignable(this.#known, before, type)) return mostGeneral(before, type)
    return celTypes.dyn
  }

  #struct(struct: Extract<Expression, { kind: 'struct' }>): Expression {
    const found = this.#lookUp(struct.name)
    if (found === undefined) {
      this.#undeclared(struct.id, struct.name)
      this.#types.set(struct.id, celTypes.error)
      return struct
    }
    this.#references.set(struct.id, { type: 'variable', name: found.name })
    const type = this.#structType(struct.id, found.type)
    this.#types.set(struct.id, type)
    const structName = type.kind === 'object' ? type.name : found.name
    const fields = struct.fields.map((field) => this.#structField(field, structName))
    return { ...struct, name: structName, fields }
  }

  #structType(id: number, type: CelType): CelType {
    if (type.kind === 'error') return type
    if (type.kind !== 'type') this.#issue(id, `'${typeName(type)}' is not a type`)
    else if (type.of?.kind === 'object') return type.of
    else this.#issue(id, `'${formatType(type.of ?? type)}' is not a message type`)
    return celTypes.error
  }

  #structField(field: StructField, structName: string): StructField {
    const value = this.check(field.value)
    const wanted = this.#declaredField(field.id, structName, field.name)
    const type = this.#typeOf(value)
    const given = field.optional ? this.#unwrapped(value, type) : type
    if (!isAssignable(this.#known, wanted, given)) {
      const message = `expected type of field '${field.name}' is '${formatType(wanted)}'`
      this.#issue(field.id, `${message} but provided type is '${formatType(given)}'`)
    }
    return { ...field, value }
  }

  #comprehension(expression: ComprehensionExpression): Expression {
    const range = this.check(expression.range)
    const initial = this.check(expression.initial)
    const rangeType = substitute(this.#known, this.#typeOf(range), false)
    const accumulatorType = this.#typeOf(initial)
    const outer = this.#scope
    const scope: Scope = { names: new Map([[expression.accumulator, accumulatorType]]), outer }
    this.#scope = { names: this.#loopVariables(expression, range, rangeType), outer: scope }
    const condition = this.check(expression.condition)
    this.#assert(condition, celTypes.bool)
    const step = this.check(expression.step)
    this.#assert(step, accumulatorType)
    this.#scope = scope
    const result = this.check(expression.result)
    this.#scope = outer
    this.#types.set(expression.id, substitute(this.#known, this.#typeOf(result), false))
    return { ...expression, range, initial, condition, step, result }
  }

  #loopVariables(expression: ComprehensionExpression, range: Expression, type: CelType): ReadonlyMap<string, CelType> {
    const [first, second] = this.#loopTypes(range, type)
    if (expression.variable2 === undefined) {
      return new Map([[expression.variable, type.kind === 'list' ? second : first]])
    }
    return new Map([
      [expression.variable, first],
      [expression.variable2, second],
    ])
  }

  /** Types of index or key and of value. */
  #loopTypes(range: Expression, type: CelType): readonly [CelType, CelType] {
    switch (type.kind) {
      case 'list':
        return [celTypes.int, type.items]
      case 'map':
        return [type.keys, type.values]
      case 'dyn':
      case 'error':
      case 'param':
        isAssignable(this.#known, celTypes.dyn, type)
        return [celTypes.dyn, celTypes.dyn]
      default: {
        const message = `expression of type '${formatType(type)}' cannot be range of a comprehension`
        this.#issue(range.id, `${message} (must be list, map, or dynamic)`)
        return [celTypes.error, celTypes.error]
      }
    }
  }

  #assert(expression: Expression, type: CelType): void {
    const given = this.#typeOf(expression)
    if (!isAssignable(this.#known, type, given)) this.#mismatch(expression.id, type, given)
  }

  #lookUp(name: string): Found | undefined {
    return findName(this.#environment, this.#scope, name)
  }

  #function(name: string): FunctionDeclaration | undefined {
    return findFunction(this.#environment, name)
  }

  #typeOf(expression: Expression): CelType {
    return this.#types.get(expression.id) ?? celTypes.error
  }

  #freeType(): CelType {
    const type = param(`_var${this.#freeTypes}`)
    this.#freeTypes++
    return type
  }

  #undeclared(id: number, name: string): void {
    this.#issue(id, `undeclared reference to '${name}' (in container '${this.#environment.container}')`)
  }

  #mismatch(id: number, expected: CelType, found: CelType): void {
    this.#issue(id, `expected type '${formatType(expected)}' but found '${formatType(found)}'`)
  }

  #issue(id: number, message: string): void {
    this.#issues.push({ offset: this.#offsets.get(id) ?? -1, message })
  }
}
