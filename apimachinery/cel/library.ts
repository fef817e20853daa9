/** What a library of CEL functions is made of. A library adds functions, macros and names of types to an environment. */
import type { CheckedExpression, Expression } from './ast.ts'
import type { MacroContext } from './macro.ts'
import type { CelType } from './types.ts'
import type { CelValue } from './values.ts'

/** One signature of a function and what it does. */
export type Overload = {
  /** As in cel-go, because cost estimates name overloads. */
  readonly id: string
  /** Called as `a.f(b)` instead of `f(a, b)`; the receiver is the first of `arguments`. */
  readonly member: boolean
  /** Names of the type parameters that occur in `arguments` and `result`. */
  readonly typeParameters?: readonly string[]
  readonly arguments: readonly CelType[]
  readonly result: CelType
  /** Errors are thrown as `CelError` in cel-go's words. The arguments have the declared kinds. */
  readonly call: (args: readonly CelValue[]) => CelValue
  /** The whole run-time cost of one call; without it a call costs 1. */
  readonly cost?: (args: readonly CelValue[], result: CelValue) => number
  /** `cost` counts only where the checker found this overload alone; otherwise a call costs 1. So cel-go counts its own functions. */
  readonly costNeedsResolution?: boolean
  /** `cost` does not look at the result and the call may take long: the limit is checked before the call. */
  readonly costFirst?: boolean
  /** The whole cost and the size of the result before the run; see `cost-estimate.ts`. Without it a call costs 1. */
  readonly estimate?: EstimateCall
}

/** A range of sizes or costs. Upstream counts in uint64; here `unbounded` (2^64) stands for its largest number. */
export type Range = { readonly min: number; readonly max: number }

/** What is known of an argument before the run. */
export type ArgumentEstimate = {
  readonly type: CelType
  /** Length of strings and bytes, number of items or entries; 0 to `unbounded` when nothing is known. */
  readonly size: Range
  /** Whether `size` is more than a guess. */
  readonly sizeKnown: boolean
  /** The value of a literal. */
  readonly literal?: CelValue
  /** The size of a list's items (a map's keys) as far as the schema bounds it. */
  readonly items: () => Range
}

/** Static cost of a call. */
export type CallEstimate = { readonly cost: Range; readonly resultSize?: Range }

/** Estimates the static cost of a call; the receiver is the first argument. */
export type EstimateCall = (args: readonly ArgumentEstimate[]) => CallEstimate

/** All signatures of one name. */
export type FunctionDeclaration = { readonly name: string; readonly overloads: readonly Overload[] }

/** Rewrites a call in the source into another expression before types are checked. */
export type Macro = {
  readonly name: string
  /** Expands `a.name(…)` instead of `name(…)`. */
  readonly receiver: boolean
  /** How many arguments it takes; absent for any number. */
  readonly argumentCount?: number
  /** `undefined` leaves the call as it stands; throws `MacroError` for a wrong use. */
  readonly expand: (
    context: MacroContext,
    target: Expression | undefined,
    args: readonly Expression[],
  ) => Expression | undefined
}

/** What is wrong at a node. */
export type NodeProblem = { readonly nodeId: number; readonly message: string }

/** Looks at one node for what types do not show. */
export type NodeCheck = (node: Expression, checked: CheckedExpression) => NodeProblem | undefined

/** A named set of functions, macros, type names and constants. */
export type Library = {
  readonly name: string
  readonly functions: readonly FunctionDeclaration[]
  readonly macros?: readonly Macro[]
  /** Called for every node of a checked expression. */
  readonly checks?: readonly NodeCheck[]
  /** Types that can be named in expressions, as `kubernetes.URL` or `optional_type`. */
  readonly types?: readonly CelType[]
}
