/** Lists of conditions, as `status.conditions` of most kinds. */

/** What conditions of every kind have in common. */
export type AnyCondition = {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  /** Null where it was never set. */
  readonly lastTransitionTime?: string | null
}

/** The condition of this type, if it is there. */
export function findCondition<T extends { readonly type: string }>(
  conditions: readonly T[] | null | undefined,
  type: string,
): T | undefined {
  return conditions?.find((condition) => condition.type === type)
}

/** True when the condition of this type is there and has status `True`. */
export function isConditionTrue(
  conditions: readonly { readonly type: string; readonly status: string }[] | null | undefined,
  type: string,
): boolean {
  return findCondition(conditions, type)?.status === 'True'
}

/**
 * Puts a condition into the list, keeping its place and, while the status stays, its `lastTransitionTime`.
 * Returns the list itself when nothing changed.
 */
export function setCondition<T extends AnyCondition>(
  conditions: readonly T[] | null | undefined,
  condition: T,
): readonly T[] {
  const list = conditions ?? []
  const at = list.findIndex(({ type }) => type === condition.type)
  const old = list[at]
  if (old === undefined) return [...list, condition]
  const next =
    old.status === condition.status && (old.lastTransitionTime ?? undefined) !== undefined
      ? { ...condition, lastTransitionTime: old.lastTransitionTime }
      : condition
  return sameFields(old, next) ? list : list.with(at, next)
}

/** The list without the condition of this type; the list itself when there was none. */
export function removeCondition<T extends { readonly type: string }>(
  conditions: readonly T[] | null | undefined,
  type: string,
): readonly T[] {
  const list = conditions ?? []
  return list.some((condition) => condition.type === type) ? list.filter((condition) => condition.type !== type) : list
}

function sameFields(a: AnyCondition, b: AnyCondition): boolean {
  const before = new Map(Object.entries(a))
  const after = new Map(Object.entries(b))
  // A time that was never set is null in one form and absent in the other.
  const isSame = (key: string): boolean => (before.get(key) ?? undefined) === (after.get(key) ?? undefined)
  return [...before.keys(), ...after.keys()].every(isSame)
}
