/** Makes nodes: gives them ids and remembers where they stand. */
import type { CallExpression, Expression, MapEntry } from './ast.ts'
import type { MacroContext } from './macro.ts'
import type { CelValue } from './values.ts'

/** The name under which comprehensions keep their result; no source can spell it. */
export const accumulatorName = '@result'

/**
 * Most nodes of an expression, macros expanded. `optMap` copies its target, so a chain of them doubles at every link. The longest
 * source of short literals stays below.
 */
const maxNodes = 100_000

/** Macros made an expression too large. */
export class ExpansionError extends Error {
  override readonly name = 'ExpansionError'
}

/** Hands out ids; `offsets` says where each node stands. */
export class AstBuilder {
  readonly #offsets = new Map<number, number>()
  #nextId = 1

  get offsets(): ReadonlyMap<number, number> {
    return this.#offsets
  }

  /** A fresh id for a node that stands at `offset`. */
  id(offset: number): number {
    const id = this.#nextId
    if (id > maxNodes) throw new ExpansionError(`expression has more than ${maxNodes} nodes`)
    this.#nextId++
    this.#offsets.set(id, offset)
    return id
  }

  /** Where a node stands. */
  offsetOf(id: number): number {
    return this.#offsets.get(id) ?? 0
  }

  literal(offset: number, value: CelValue): Expression {
    return { kind: 'literal', id: this.id(offset), value }
  }

  call(offset: number, name: string, args: readonly Expression[], target?: Expression): CallExpression {
    const id = this.id(offset)
    return { kind: 'call', id, function: name, args, ...(target === undefined ? {} : { target }) }
  }

  /** Makers of nodes for a macro whose call stands at `offset`. */
  macroContext(offset: number): MacroContext {
    const id = (): number => this.id(offset)
    return {
      accumulatorName,
      accumulator: () => ({ kind: 'identifier', id: id(), name: accumulatorName }),
      literal: (value) => ({ kind: 'literal', id: id(), value }),
      identifier: (name) => ({ kind: 'identifier', id: id(), name }),
      select: (operand, field) => ({ kind: 'select', id: id(), operand, field, test: false }),
      presenceTest: (operand, field) => ({ kind: 'select', id: id(), operand, field, test: true }),
      call: (name, ...args) => this.call(offset, name, args),
      memberCall: (name, target, ...args) => this.call(offset, name, args, target),
      list: (...elements) => ({ kind: 'list', id: id(), elements, optionalIndices: [] }),
      map: (...entries) => ({ kind: 'map', id: id(), entries }),
      mapEntry: (key, value, optional) => ({ id: id(), key, value, optional }),
      comprehension: (parts) => ({ kind: 'comprehension', id: id(), ...parts }),
      copy: (expression) => this.copy(expression),
    }
  }

  /** The same expression with fresh ids at the same places. */
  copy(expression: Expression): Expression {
    const id = this.id(this.offsetOf(expression.id))
    const copy = (part: Expression): Expression => this.copy(part)
    switch (expression.kind) {
      case 'literal':
      case 'identifier':
        return { ...expression, id }
      case 'select':
        return { ...expression, id, operand: copy(expression.operand) }
      case 'call': {
        const { target, args } = expression
        return { ...expression, id, args: args.map(copy), ...(target === undefined ? {} : { target: copy(target) }) }
      }
      case 'list':
        return { ...expression, id, elements: expression.elements.map(copy) }
      case 'map':
        return { ...expression, id, entries: expression.entries.map((entry) => this.#copyEntry(entry)) }
      case 'struct':
        return {
          ...expression,
          id,
          fields: expression.fields.map((field) => ({
            ...field,
            id: this.#copyId(field.id),
            value: copy(field.value),
          })),
        }
      case 'comprehension':
        return {
          ...expression,
          id,
          range: copy(expression.range),
          initial: copy(expression.initial),
          condition: copy(expression.condition),
          step: copy(expression.step),
          result: copy(expression.result),
        }
    }
  }

  #copyEntry(entry: MapEntry): MapEntry {
    return { ...entry, id: this.#copyId(entry.id), key: this.copy(entry.key), value: this.copy(entry.value) }
  }

  #copyId(id: number): number {
    return this.id(this.offsetOf(id))
  }
}
