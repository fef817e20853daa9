/**
 * When V8 compiles a function with its optimizing compiler, and how much it puts into one. Its defaults suit loops. A server spreads
 * its time over thousands of functions that each run a few times per request: with the defaults they stay slow for minutes.
 */
import { setFlagsFromString } from 'node:v8'

export type OptimizerSettings = {
  /** A function is looked at after it has run this many bytes of bytecode; V8's default is 67,584. */
  readonly interruptBudget: number
  /** Bytes of bytecode of a function that may be compiled into its caller, and of all such together; V8's defaults are 460 and 920. */
  readonly inlined?: { readonly each: number; readonly together: number }
}

/** Holds for the whole process from now on, also for functions that have to be compiled again. */
export function tuneOptimizer({ interruptBudget, inlined }: OptimizerSettings): void {
  setFlagsFromString(`--interrupt-budget=${interruptBudget}`)
  if (inlined === undefined) return
  setFlagsFromString(`--max-inlined-bytecode-size=${inlined.each}`)
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${inlined.together}`)
}
