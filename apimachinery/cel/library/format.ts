/** `format.dns1123Label().validate(name)`: named formats of texts. Source: apiserver `pkg/cel/library/format.go`. */
import { noSuchOverload } from '../errors.ts'
import { scaleRange } from '../estimate-range.ts'
import { patternCost, stringTraversalCost } from '../estimate-standard.ts'
import type { FunctionDeclaration, Library, Overload } from '../library.ts'
import { sizeOf } from '../runtime-type.ts'
import { celTypes, listOf, objectType, optionalOf } from '../types.ts'
import { type CelValue, listValue, type OpaqueValue, optionalNone, optionalValue } from '../values.ts'
import { nominal, sizeOfArgument } from './call-costs.ts'
import { matching } from './costs.ts'
import { fn, method, ownAt, stringAt } from './declare.ts'
import { type NamedFormat, namedFormats } from './named-formats.ts'

/** The type of named formats. */
export const formatType = objectType('kubernetes.NamedFormat')

/** A named format as a value. */
export class FormatValue implements OpaqueValue {
  readonly kind = 'opaque'
  readonly typeName = 'kubernetes.NamedFormat'
  readonly format: NamedFormat

  constructor(format: NamedFormat) {
    this.format = format
  }

  equals(other: CelValue): boolean {
    if (!(other instanceof FormatValue)) throw noSuchOverload()
    return this.format.name === other.format.name
  }
}

const values: ReadonlyMap<string, FormatValue> = new Map(
  [...namedFormats].map(([name, format]) => [name, new FormatValue(format)]),
)

/** Before the run any format may be meant: the longest pattern that names have. */
const longestPattern = 128

const { string } = celTypes

const validate: Overload = method(
  'format-validate',
  [formatType, string],
  optionalOf(listOf(string)),
  (args) => {
    const problems = ownAt(args, 0, FormatValue).format.problems(stringAt(args, 1))
    return problems.length === 0 ? optionalNone : optionalValue(listValue(problems))
  },
  {
    cost: ([format, text]) => (format instanceof FormatValue ? matching(sizeOf(text), format.format.patternSize) : 1),
    estimate: (args) => ({
      cost: scaleRange(scaleRange(sizeOfArgument(args, 1), stringTraversalCost), longestPattern * patternCost),
    }),
  },
)

const named: Overload = fn(
  'format-named',
  [string],
  optionalOf(formatType),
  (args) => {
    const format = values.get(stringAt(args, 0))
    return format === undefined ? optionalNone : optionalValue(format)
  },
  nominal,
)

function constant([name, value]: readonly [string, FormatValue]): FunctionDeclaration {
  return { name: `format.${name}`, overloads: [fn(`format.${name}`, [], formatType, () => value)] }
}

/** Named formats and the function that holds texts against them. */
export const formatLibrary: Library = {
  name: 'kubernetes.format',
  functions: [
    { name: 'validate', overloads: [validate] },
    { name: 'format.named', overloads: [named] },
    ...[...values].map(constant),
  ],
}
