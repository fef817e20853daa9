/** Node selectors: label expressions and field expressions (`metadata.name`). Source: `core.v1.NodeSelector`. */
import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from '../../api/core/v1.ts'
import type { NodeInfo } from './node-info.ts'

type NodeFacts = Pick<NodeInfo, 'name' | 'labels'>

/** Whether any of the terms holds; a selector without terms selects nothing. */
export function selectsNode(selector: NodeSelector, node: NodeFacts): boolean {
  return selector.nodeSelectorTerms.some((term) => termSelectsNode(term, node))
}

/** Whether all of the term holds; an empty term selects nothing. */
export function termSelectsNode(term: NodeSelectorTerm, { name, labels }: NodeFacts): boolean {
  const expressions = term.matchExpressions ?? []
  const fields = term.matchFields ?? []
  if (expressions.length === 0 && fields.length === 0) return false
  return (
    expressions.every((requirement) => holds(requirement, labels[requirement.key])) &&
    fields.every((requirement) => holds(requirement, requirement.key === 'metadata.name' ? name : ''))
  )
}

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

function holds({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
      return compares(value, values, (left, right) => left > right)
    case 'Lt':
      return compares(value, values, (left, right) => left < right)
    default:
      return false
  }
}

const integer = /^[+-]?\d+$/

function compares(
  value: string | undefined,
  values: readonly string[],
  test: (left: bigint, right: bigint) => boolean,
): boolean {
  const [bound] = values
  if (value === undefined || bound === undefined || values.length !== 1) return false
  return (
    integer.test(value) && integer.test(bound) && test(BigInt(value.replace('+', '')), BigInt(bound.replace('+', '')))
  )
}
