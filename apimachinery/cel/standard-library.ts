/** The functions, operators and macros that every environment has. */
import type { Library } from './library.ts'
import { celTypes, listOf, mapOf } from './types.ts'

/** Operators, conversions, strings, times, and the macros `has`, `all`, `exists`, `exists_one`, `map`, `filter`. */
export const standardLibrary: Library = {
  name: 'standard',
  functions: [],
  macros: [],
  types: [
    celTypes.bool,
    celTypes.bytes,
    celTypes.double,
    celTypes.duration,
    celTypes.dyn,
    celTypes.int,
    listOf(celTypes.dyn),
    mapOf(celTypes.dyn, celTypes.dyn),
    celTypes.null,
    celTypes.string,
    celTypes.timestamp,
    celTypes.type,
    celTypes.uint,
  ],
}
