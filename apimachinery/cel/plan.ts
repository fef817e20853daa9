/** What the makers of closures share: compiled nodes, and which variable lives where. */
import type { CheckedExpression, Expression } from './ast.ts'
import type { Environment } from './environment.ts'
import type { Evaluate } from './frame.ts'
import type { CelValue } from './values.ts'

/** A compiled node. */
export type Node = {
  readonly evaluate: Evaluate
  /** Set if the value is known before the run; then evaluating costs nothing. */
  readonly constant?: { readonly value: CelValue }
  /** Set for variables, selections and conditionals, which cost differently as parts of one another. */
  readonly attribute?: Attribute
}

/** A path of selections. Its parts cost 1 each; the path as a whole costs `whole` more when it stands for itself. */
export type Attribute = { readonly resolve: Evaluate; readonly whole: 0 | 1 }

/** Compiles the parts of an expression. */
export type Planner = {
  readonly environment: Environment
  readonly checked: CheckedExpression
  readonly plan: (expression: Expression) => Node
  readonly scope: Scope
}

/** Where variables live. */
export class Scope {
  readonly #globals = new Map<string, number>()
  readonly #locals: { readonly name: string; readonly slot: number; readonly initial?: Evaluate }[] = []
  #slots = 0

  /** Number of slots that an evaluation needs. */
  get localCount(): number {
    return this.#slots
  }

  /** The number of a variable of the caller. */
  globalIndex(name: string): number {
    const known = this.#globals.get(name)
    if (known !== undefined) return known
    this.#globals.set(name, this.#globals.size)
    return this.#globals.size - 1
  }

  /** The innermost comprehension's variable of this name. */
  local(name: string): { readonly slot: number; readonly initial?: Evaluate } | undefined {
    return this.#locals.findLast((local) => local.name === name)
  }

  newSlot(): number {
    this.#slots++
    return this.#slots - 1
  }

  /** Compiles something inside of which `name` means this slot; `initial` fills it at the first use. */
  within<T>(name: string, slot: number, initial: Evaluate | undefined, compile: () => T): T {
    this.#locals.push({ name, slot, ...(initial === undefined ? {} : { initial }) })
    const result = compile()
    this.#locals.pop()
    return result
  }
}

/** A node whose value is known. */
export function constantNode(value: CelValue): Node {
  return { evaluate: () => value, constant: { value } }
}
