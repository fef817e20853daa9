/** `sets.contains([1, 2], [2])`: lists taken as sets. Source: cel-go `ext/sets.go`. */
import { equals } from '../equality.ts'
import { addRanges, exactly, multiplyRanges, scaleRange } from '../estimate-range.ts'
import type { FunctionDeclaration, Library } from '../library.ts'
import { sizeOf } from '../runtime-type.ts'
import { celTypes, listOf, param } from '../types.ts'
import { type CelValue, itemsOf, type ListValue } from '../values.ts'
import { sizeOfArgument } from './call-costs.ts'
import { fn, listAt } from './declare.ts'

/** Whether a list has an item. Texts, which are the usual case, are looked up at once. */
function membership(list: ListValue): (item: CelValue) => boolean {
  const items = itemsOf(list)
  const texts = new Set(items.filter((item) => typeof item === 'string'))
  return (item) => {
    if (typeof item === 'string') return texts.has(item)
    return items.some((other) => equals(item, other))
  }
}

function contains(list: ListValue, part: ListValue): boolean {
  const has = membership(list)
  return itemsOf(part).every(has)
}

function intersects(a: ListValue, b: ListValue): boolean {
  const has = membership(b)
  return itemsOf(a).some(has)
}

type Relation = (a: ListValue, b: ListValue) => boolean

const items = listOf(param('T'))

/** Every item meets every other, `passes` times. */
function relation(name: string, passes: number, test: Relation): FunctionDeclaration {
  const overload = fn(
    `list_sets_${name}_list`,
    [items, items],
    celTypes.bool,
    (args) => test(listAt(args, 0), listAt(args, 1)),
    {
      cost: ([a, b]) => 1 + sizeOf(a) * sizeOf(b) * passes,
      costNeedsResolution: true,
      costFirst: true,
      estimate: (args) => {
        const pairs = multiplyRanges(sizeOfArgument(args, 0), sizeOfArgument(args, 1))
        return { cost: addRanges(scaleRange(pairs, passes), exactly(1)) }
      },
    },
  )
  return { name: `sets.${name}`, overloads: [overload] }
}

/** Relations of sets. */
export const setsLibrary: Library = {
  name: 'cel.lib.ext.sets',
  functions: [
    relation('contains', 1, contains),
    relation('intersects', 1, intersects),
    relation('equivalent', 2, (a, b) => contains(a, b) && contains(b, a)),
  ],
}
