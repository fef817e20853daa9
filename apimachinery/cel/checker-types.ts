/**
 * Which type may stand where another is wanted, and what type parameters come to mean on the way.
 * Source: the language definition, "Gradual Type Checking"; cel-go `checker/types.go` for the corner cases.
 */
import { type CelType, celTypes, listOf, mapOf, optionalTypeName } from './types.ts'

/** What is known of type parameters so far. Guesses are taken back when they lead nowhere. */
export class Substitutions {
  readonly #bound = new Map<string, CelType>()
  /** What to put back, in order of change. */
  readonly #undo: (readonly [string, CelType | undefined])[] = []

  find(name: string): CelType | undefined {
    return this.#bound.get(name)
  }

  bind(name: string, type: CelType): void {
    this.#undo.push([name, this.#bound.get(name)])
    this.#bound.set(name, type)
  }

  /** Keeps what `attempt` bound only if it answers true. */
  attempt(attempt: () => boolean): boolean {
    const before = this.#undo.length
    if (attempt()) return true
    while (this.#undo.length > before) {
      const [name, type] = this.#undo.pop() ?? ['', undefined]
      if (type === undefined) this.#bound.delete(name)
      else this.#bound.set(name, type)
    }
    return false
  }
}

/** Values of any kind fit: `dyn`, and `Any` of protobuf. */
export function isDyn(type: CelType): boolean {
  return type.kind === 'dyn' || type.kind === 'any'
}

/** Also true for expressions that have an issue already. */
export function isDynOrError(type: CelType): boolean {
  return isDyn(type) || type.kind === 'error'
}

/** The type inside an optional, or `undefined` for other types. */
export function insideOptional(type: CelType): CelType | undefined {
  return type.kind === 'opaque' && type.name === optionalTypeName ? type.parameters[0] : undefined
}

/** The types that a type is made of. */
export function parametersOf(type: CelType): readonly CelType[] {
  switch (type.kind) {
    case 'list':
      return [type.items]
    case 'map':
      return [type.keys, type.values]
    case 'opaque':
      return type.parameters
    case 'type':
      return type.of === undefined ? [] : [type.of]
    default:
      return []
  }
}

/** How many types a type is made of, itself included. */
export function typeWeight(type: CelType): number {
  return parametersOf(type).reduce((weight, part) => weight + typeWeight(part), 1)
}

/** The very same type. */
export function sameType(a: CelType, b: CelType): boolean {
  if (a === b) return true
  if (a.kind !== b.kind || nameOf(a) !== nameOf(b)) return false
  const left = parametersOf(a)
  const right = parametersOf(b)
  return left.length === right.length && left.every((part, i) => sameType(part, right[i] ?? celTypes.error))
}

function nameOf(type: CelType): string {
  return type.kind === 'object' || type.kind === 'opaque' || type.kind === 'param' ? type.name : ''
}

/** Whether a value of one type may stand for the other; binds type parameters when it may. */
export function isAssignable(known: Substitutions, a: CelType, b: CelType): boolean {
  return known.attempt(() => assignable(known, a, b))
}

/** `isAssignable` for lists of arguments. */
export function areAssignable(known: Substitutions, a: readonly CelType[], b: readonly CelType[]): boolean {
  return known.attempt(() => allAssignable(known, a, b))
}

function allAssignable(known: Substitutions, a: readonly CelType[], b: readonly CelType[]): boolean {
  return a.length === b.length && a.every((type, i) => assignable(known, type, b[i] ?? celTypes.error))
}

function assignable(known: Substitutions, a: CelType, b: CelType): boolean {
  if (b.kind === 'param') {
    const verdict = substitutes(known, a, b)
    if (verdict !== 'unbound') return verdict === 'yes'
  }
  if (a.kind === 'param') return substitutes(known, b, a) === 'yes'
  if (isDynOrError(a) || isDynOrError(b)) return true
  if (a.kind === 'null') return isNullable(b)
  if (b.kind === 'null') return isNullable(a)
  switch (a.kind) {
    case 'type':
      return b.kind === 'type'
    case 'opaque':
    case 'list':
    case 'map':
      return a.kind === b.kind && nameOf(a) === nameOf(b) && allAssignable(known, parametersOf(a), parametersOf(b))
    default:
      return sameType(a, b)
  }
}

/** Types that null was assignable to before wrappers came. */
function isNullable(type: CelType): boolean {
  switch (type.kind) {
    case 'null':
    case 'opaque':
    case 'object':
    case 'any':
    case 'duration':
    case 'timestamp':
      return true
    default:
      return false
  }
}

type Param = Extract<CelType, { kind: 'param' }>

/** Whether the parameter can mean `type`; `unbound`: it cannot, and means nothing yet. */
function substitutes(known: Substitutions, type: CelType, parameter: Param): 'yes' | 'no' | 'unbound' {
  if (sameType(type, parameter)) return 'yes'
  const bound = known.find(parameter.name)
  if (bound === undefined) {
    if (!isFreeIn(known, parameter, type)) return 'unbound'
    known.bind(parameter.name, type)
    return 'yes'
  }
  if (sameType(type, bound)) return 'yes'
  if (!assignable(known, type, bound)) return 'no'
  const general = mostGeneral(type, bound)
  if (isFreeIn(known, parameter, general)) known.bind(parameter.name, general)
  return 'yes'
}

/** The occurs check: a parameter must not stand for something that contains it. */
function isFreeIn(known: Substitutions, parameter: Param, type: CelType): boolean {
  if (sameType(parameter, type)) return false
  if (type.kind === 'param') {
    const bound = known.find(type.name)
    return bound === undefined || isFreeIn(known, parameter, bound)
  }
  return parametersOf(type).every((part) => isFreeIn(known, parameter, part))
}

/** The more general of two types that were found to agree. */
export function mostGeneral(a: CelType, b: CelType): CelType {
  return isEqualOrLessSpecific(a, b) ? a : b
}

function isEqualOrLessSpecific(a: CelType, b: CelType): boolean {
  if (isDyn(a) || a.kind === 'param') return true
  if (isDyn(b) || b.kind === 'param' || a.kind !== b.kind) return false
  if (a.kind === 'type') return true
  if (a.kind !== 'list' && a.kind !== 'map' && a.kind !== 'opaque') return sameType(a, b)
  const right = parametersOf(b)
  const left = parametersOf(a)
  return (
    nameOf(a) === nameOf(b) &&
    left.length === right.length &&
    left.every((part, i) => isEqualOrLessSpecific(part, right[i] ?? celTypes.error))
  )
}

/** The type with every bound parameter replaced; the others become `dyn` if `freeToDyn`. */
export function substitute(known: Substitutions, type: CelType, freeToDyn: boolean): CelType {
  switch (type.kind) {
    case 'param': {
      const bound = known.find(type.name)
      if (bound !== undefined) return substitute(known, bound, freeToDyn)
      return freeToDyn ? celTypes.dyn : type
    }
    case 'list': {
      const items = substitute(known, type.items, freeToDyn)
      return items === type.items ? type : listOf(items)
    }
    case 'map': {
      const keys = substitute(known, type.keys, freeToDyn)
      const values = substitute(known, type.values, freeToDyn)
      return keys === type.keys && values === type.values ? type : mapOf(keys, values)
    }
    case 'opaque':
      if (type.parameters.length === 0) return type
      return { ...type, parameters: type.parameters.map((part) => substitute(known, part, freeToDyn)) }
    case 'type':
      return type.of === undefined ? type : { kind: 'type', of: substitute(known, type.of, freeToDyn) }
    default:
      return type
  }
}
