/** A long chain of which little changed is edited in place: rewriting 10,000 rules costs ten times as much. */

/** Rules to delete, then rules to insert: `index` counts from 0 in the chain as it will be, in ascending order. */
export type ChainEdit = {
  readonly remove: readonly string[]
  readonly insert: readonly { readonly index: number; readonly rule: string }[]
}

/** Shorter chains are rewritten: `iptables-restore` has to read a chain before it can edit it. */
const fewestRules = 500
/** Each edit walks the chain once. */
const mostEdits = 100

/**
 * What leads from `before` to `after`; `undefined` where the chain is better rewritten: it is short, changes much, says a rule twice
 * (which one a deletion meets would be open), or rules have changed places.
 */
export function editBetween(
  before: readonly string[],
  after: readonly string[],
  leastRules = fewestRules,
): ChainEdit | undefined {
  if (before.length < leastRules || Math.abs(before.length - after.length) > mostEdits) return undefined
  const [old, wanted] = [new Set(before), new Set(after)]
  if (old.size < before.length || wanted.size < after.length) return undefined
  const remove = before.filter((rule) => !wanted.has(rule))
  const insert = [...after.entries()].flatMap(([index, rule]) => (old.has(rule) ? [] : [{ index, rule }]))
  if (remove.length + insert.length > mostEdits) return undefined
  const kept = after.filter((rule) => old.has(rule))
  let at = 0
  for (const rule of before) if (wanted.has(rule) && kept[at++] !== rule) return undefined
  return { remove, insert }
}

/** The edit's lines for `iptables-restore`. */
export function editLines(chain: string, { remove, insert }: ChainEdit): readonly string[] {
  return [
    ...remove.map((rule) => `-D ${chain} ${rule}`),
    ...insert.map(({ index, rule }) => `-I ${chain} ${index + 1} ${rule}`),
  ]
}
