/** Which nodes a selector can reach at all; whether it selects one is `api/core/node-selector.ts`. */
import type { NodeSelector } from '../../api/core/v1.ts'

/** Names of the only nodes that a selector can select, or `undefined` when it does not fix names in every term. */
export function namedNodes(selector: NodeSelector): ReadonlySet<string> | undefined {
  const names = new Set<string>()
  for (const { matchFields } of selector.nodeSelectorTerms) {
    const fixed = matchFields?.filter(({ key, operator }) => key === 'metadata.name' && operator === 'In') ?? []
    const [first, ...rest] = fixed.map(({ values }) => values ?? [])
    if (first === undefined) return undefined
    for (const name of first) if (rest.every((values) => values.includes(name))) names.add(name)
  }
  return names
}
