/** `quantity('1.5Gi').isGreaterThan(quantity('1G'))`. Source: apiserver `pkg/cel/library/quantity.go`, apimachinery `pkg/api/resource`. */
import { type ScaledAmount, scaledAmount } from '../../quantity.ts'
import { CelError, noSuchOverload } from '../errors.ts'
import type { Library, Overload } from '../library.ts'
import { type CelType, celTypes, objectType } from '../types.ts'
import type { CelValue, OpaqueValue } from '../values.ts'
import { nominal, readsFirst } from './call-costs.ts'
import { fn, intAt, method, ownAt, stringAt } from './declare.ts'

/** The type of quantities. */
export const quantityType = objectType('kubernetes.Quantity')

/** A quantity as a value. */
export class QuantityValue implements OpaqueValue {
  readonly kind = 'opaque'
  readonly typeName = 'kubernetes.Quantity'
  readonly amount: ScaledAmount

  constructor(amount: ScaledAmount) {
    this.amount = amount
  }

  equals(other: CelValue): boolean {
    if (!(other instanceof QuantityValue)) throw noSuchOverload()
    return compare(this.amount, other.amount) === 0n
  }
}

const formatMessage = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

function read(text: string): QuantityValue {
  const amount = scaledAmount(text)
  if (amount === undefined) throw new CelError(quantityProblem(text))
  return new QuantityValue(amount)
}

const shape = /^[+-]?[0-9]*(?:\.[0-9]*)?[eEinumkKMGTP]*[-+]?[0-9]*$/

/** What looks like an amount has a wrong suffix. */
function quantityProblem(text: string): string {
  return text !== '' && shape.test(text) ? "unable to parse quantity's suffix" : formatMessage
}

/** Both values at the finer of the two scales. */
function align(
  a: ScaledAmount,
  b: ScaledAmount,
): { readonly left: bigint; readonly right: bigint; readonly scale: number } {
  const scale = Math.min(a.scale, b.scale)
  return { left: a.value * power(a.scale - scale), right: b.value * power(b.scale - scale), scale }
}

function power(exponent: number): bigint {
  return 10n ** BigInt(exponent)
}

function compare(a: ScaledAmount, b: ScaledAmount): bigint {
  const { left, right } = align(a, b)
  return left < right ? -1n : left > right ? 1n : 0n
}

/** The sum stays small as long as 64 bits hold it; nothing brings a large amount back. */
function add(a: ScaledAmount, b: ScaledAmount): ScaledAmount {
  if (a.small && b.small && b.value === 0n) return a
  if (a.small && b.small && a.value === 0n) return b
  const { left, right, scale } = align(a, b)
  return { value: left + right, scale, small: a.small && b.small && [left, right, left + right].every(fitsInt64) }
}

function fitsInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value
}

function negate(amount: ScaledAmount): ScaledAmount {
  return { ...amount, value: -amount.value }
}

/** The amount as a 64-bit integer; amounts with a fractional spelling (`1.0`, `1000m`) are none. */
function asInteger({ value, scale, small }: ScaledAmount): bigint | undefined {
  if (!small || scale < 0 || scale > 18) return undefined
  const whole = value * power(scale)
  return fitsInt64(whole) ? whole : undefined
}

function amountAt(args: readonly CelValue[], index: number): ScaledAmount {
  return ownAt(args, index, QuantityValue).amount
}

const { string, bool, int, double } = celTypes

function accessor(id: string, result: CelType, value: (amount: ScaledAmount) => CelValue): Overload {
  return method(id, [quantityType], result, (args) => value(amountAt(args, 0)), nominal)
}

function comparison(id: string, result: CelType, value: (order: bigint) => CelValue): Overload {
  const call: Overload['call'] = (args) => value(compare(amountAt(args, 0), amountAt(args, 1)))
  return method(id, [quantityType, quantityType], result, call, nominal)
}

function arithmetic(id: string, combine: (a: ScaledAmount, b: ScaledAmount) => ScaledAmount): readonly Overload[] {
  const withInt: Overload['call'] = (args) =>
    new QuantityValue(combine(amountAt(args, 0), { value: intAt(args, 1), scale: 0, small: true }))
  const withQuantity: Overload['call'] = (args) => new QuantityValue(combine(amountAt(args, 0), amountAt(args, 1)))
  return [
    method(id, [quantityType, quantityType], quantityType, withQuantity, nominal),
    method(`${id}_int`, [quantityType, int], quantityType, withInt, nominal),
  ]
}

/** Functions on quantities. Some overload names repeat upstream's. */
export const quantityLibrary: Library = {
  name: 'kubernetes.quantity',
  functions: [
    {
      name: 'quantity',
      overloads: [fn('string_to_quantity', [string], quantityType, (args) => read(stringAt(args, 0)), readsFirst)],
    },
    {
      name: 'isQuantity',
      overloads: [
        fn('is_quantity_string', [string], bool, (args) => scaledAmount(stringAt(args, 0)) !== undefined, readsFirst),
      ],
    },
    {
      name: 'sign',
      overloads: [fn('quantity_sign', [quantityType], int, (args) => signOf(amountAt(args, 0).value), nominal)],
    },
    { name: 'isGreaterThan', overloads: [comparison('quantity_is_greater_than', bool, (order) => order > 0n)] },
    { name: 'isLessThan', overloads: [comparison('quantity_is_less_than', bool, (order) => order < 0n)] },
    { name: 'compareTo', overloads: [comparison('quantity_compare_to', int, (order) => order)] },
    {
      name: 'asApproximateFloat',
      overloads: [
        accessor(
          'quantity_get_float',
          double,
          ({ value, scale }) => Number(value) * (scale === 0 ? 1 : Number(`1e${scale}`)),
        ),
      ],
    },
    {
      name: 'asInteger',
      overloads: [
        accessor('quantity_get_int', int, (amount) => {
          const integer = asInteger(amount)
          if (integer === undefined) throw new CelError('cannot convert value to integer')
          return integer
        }),
      ],
    },
    {
      name: 'isInteger',
      overloads: [accessor('quantity_is_integer', bool, (amount) => asInteger(amount) !== undefined)],
    },
    { name: 'add', overloads: arithmetic('quantity_add', add) },
    { name: 'sub', overloads: arithmetic('quantity_sub', (a, b) => add(a, negate(b))) },
  ],
}

function signOf(value: bigint): bigint {
  return value < 0n ? -1n : value > 0n ? 1n : 0n
}
