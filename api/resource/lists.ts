/** Lists as this group holds them to their limits: what is too long is not looked at. Source: `validateSlice`, `validateSet`. */
import { duplicate } from '../../apimachinery/field-errors.ts'
import type { Json } from '../../apimachinery/json.ts'
import { atMost, type Causes, each, eachEntry, repeats } from '../meta/causes.ts'

type Rule<T> = (item: T, field: string) => Causes

/** Every item by itself, when there are not too many. */
export function eachAtMost<T>(
  field: string,
  items: readonly T[] | null | undefined,
  max: number,
  rule: Rule<T>,
): Causes {
  const excess = atMost(field, items, max)
  return excess.length > 0 ? excess : each(field, items, rule)
}

/** As `eachAtMost`, for items that must differ: repeated ones are told after everything else. */
export function eachDistinct<T>(
  field: string,
  items: readonly T[] | null | undefined,
  max: number,
  keyOf: (item: T) => Json,
  rule: Rule<T>,
): Causes {
  const excess = atMost(field, items, max)
  if (excess.length > 0) return excess
  const keys = (items ?? []).map(keyOf)
  const again = repeats(keys.map((key) => JSON.stringify(key)))
  return [...each(field, items, rule), ...again.map((index) => duplicate(`${field}[${index}]`, keys[index]))]
}

/** Every key and value of a map; paths show the middle of a long key left out. Source: `validateMap`. */
export function eachOfMap<T>(
  field: string,
  map: Readonly<Record<string, T>> | undefined,
  longestKey: number,
  keyRule: Rule<string>,
  rule: Rule<T>,
): Causes {
  return eachEntry(field, map, (value, _, key) => [
    ...keyRule(key, field),
    ...rule(value, `${field}[${shorten(key, longestKey)}]`),
  ])
}

const ellipsis = '...'

function shorten(text: string, max: number): string {
  if (text.length <= max) return text
  const rest = max - ellipsis.length
  return text.slice(0, Math.ceil(rest / 2)) + ellipsis + text.slice(text.length - Math.floor(rest / 2))
}
