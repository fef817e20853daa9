/**
 * One evaluation in progress: variables, cost so far, and the error that is on its way up. Errors travel as a value (`undefined`
 * with `frame.error` set), because `&&`, `||` and the macros absorb them and throwing in a loop would be slow.
 */
import { CelError, CostLimitError } from './errors.ts'
import type { CelValue } from './values.ts'

/** A variable of a comprehension: not yet there, a value, or the error that took its place. */
export type Slot = CelValue | CelError | undefined

/** Values by name; a function is called at the first use. */
export type Variables = Readonly<Record<string, CelValue | (() => CelValue)>>

export type Frame = {
  readonly variables: Variables
  /** Variables that were read already, by number. */
  readonly globals: Slot[]
  /** Variables of comprehensions, by number. */
  readonly locals: Slot[]
  readonly costLimit: number
  /** Asked now and then in loops; true ends the evaluation. */
  readonly interrupted: (() => boolean) | undefined
  cost: number
  error: CelError | undefined
}

/** A compiled node: its value, or `undefined` when `frame.error` says why there is none. */
export type Evaluate = (frame: Frame) => CelValue | undefined

/** Counts cost; ends the evaluation when it gets too much. */
export function spend(frame: Frame, cost: number): void {
  frame.cost += cost
  if (frame.cost > frame.costLimit) throw new CostLimitError()
}

/** Leaves an error. */
export function fail(frame: Frame, error: CelError): undefined {
  frame.error = error
  return undefined
}

/** Leaves what was thrown if it is an error of CEL; anything else goes on its way. */
export function failWith(frame: Frame, thrown: unknown): undefined {
  if (thrown instanceof CelError) return fail(frame, thrown)
  throw thrown
}

/** Reads a slot that was filled. */
export function readSlot(frame: Frame, slot: Slot): CelValue | undefined {
  return slot instanceof CelError ? fail(frame, slot) : slot
}

/** What to put into a slot: the value, or the error that stands for it. */
export function toSlot(frame: Frame, value: CelValue | undefined): Slot {
  return value === undefined ? frame.error : value
}

/** What an evaluation may be told. */
export type EvaluateOptions = {
  /** The evaluation stops with `CostLimitError` once it has cost more. */
  readonly costLimit?: number
  /** Asked every few rounds of a loop; true stops the evaluation with `InterruptedError`. Costs do not bound the time exactly. */
  readonly interrupted?: () => boolean
}

/** The frame of a new evaluation. */
export function newFrame(variables: Variables, { costLimit = Infinity, interrupted }: EvaluateOptions): Frame {
  return { variables, globals: [], locals: [], costLimit, interrupted, cost: 0, error: undefined }
}
