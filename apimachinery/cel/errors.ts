/** What an evaluation can end with besides a value. */

/**
 * An error of CEL: `no such key: x`, `division by zero`. `&&`, `||` and the macros may absorb it.
 * It is thrown often and its stack says nothing about the expression, so none is taken.
 */
export class CelError extends Error {
  override readonly name: string = 'CelError'

  constructor(message: string) {
    const depth = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = depth
  }
}

/** The evaluation cost more than it was allowed to; nothing in the expression can absorb this. */
export class CostLimitError extends Error {
  override readonly name: string = 'CostLimitError'

  constructor() {
    super('operation cancelled: actual cost limit exceeded')
  }
}

/** The evaluation was told to stop; nothing in the expression can absorb this. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'

  constructor() {
    super('operation interrupted')
  }
}

/** No overload of a function takes these values. */
export function noSuchOverload(): CelError {
  return new CelError('no such overload')
}

/** A map or struct has no such entry; `key` as CEL prints it. */
export function noSuchKey(key: string): CelError {
  return new CelError(`no such key: ${key}`)
}
