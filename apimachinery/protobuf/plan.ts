/**
 * The fields of a struct in the order of their protobuf numbers, once per struct. Fields with a path (`2.19`) stand in a message
 * that the JSON does not have: upstream's embedded structs.
 */
import type { Field, Struct } from '../schema/schema.ts'

export type PlanNode =
  | { readonly type: 'field'; readonly number: number; readonly field: Field }
  | { readonly type: 'embedded'; readonly number: number; readonly nodes: readonly PlanNode[] }

const plans = new WeakMap<Struct, readonly PlanNode[]>()

/** The struct's fields by ascending number. */
export function planOf(struct: Struct): readonly PlanNode[] {
  const known = plans.get(struct)
  if (known !== undefined) return known
  const plan = makePlan(struct.ordered, 0)
  plans.set(struct, plan)
  return plan
}

function makePlan(fields: readonly Field[], depth: number): readonly PlanNode[] {
  const byNumber = new Map<number, Field[]>()
  for (const field of fields) {
    const number = field.numbers[depth]
    if (number !== undefined) byNumber.set(number, [...(byNumber.get(number) ?? []), field])
  }
  return [...byNumber]
    .toSorted(([a], [b]) => a - b)
    .map(([number, group]): PlanNode => {
      const [first] = group
      if (first !== undefined && first.numbers.length === depth + 1) return { type: 'field', number, field: first }
      return { type: 'embedded', number, nodes: makePlan(group, depth + 1) }
    })
}
