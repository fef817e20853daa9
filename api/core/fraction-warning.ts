/** Bytes cannot be split. */
import { quantityOf } from './pod-resources.ts'

const whole = 1_000_000_000n

/** A warning when there is an amount of bytes that is no whole number. */
export function fractionWarning(text: string | undefined, field: string): readonly string[] {
  if (text === undefined || quantityOf(text).nano % whole === 0n) return []
  return [`${field}: fractional byte value "${text}" is invalid, must be an integer`]
}
