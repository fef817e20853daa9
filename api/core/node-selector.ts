/** Whether a pod may stand on a node as far as labels decide: `nodeSelector` and required node affinity. */
import type { Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from './v1.ts'

/** What of a node selectors look at. */
export type SelectableNode = { readonly name: string; readonly labels: Readonly<Record<string, string>> }

/** Both of what a pod can say about the nodes that it needs. */
export function fitsNodeAffinity(
  { nodeSelector, affinity }: Pick<PodSpec, 'nodeSelector' | 'affinity'>,
  { metadata }: Pick<Node, 'metadata'>,
): boolean {
  const labels = metadata.labels ?? {}
  if (Object.entries(nodeSelector ?? {}).some(([name, value]) => labels[name] !== value)) return false
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return required === undefined || selectsNode(required, { name: metadata.name, labels })
}

/** Whether any of the terms holds; a selector without terms selects nothing. */
export function selectsNode(selector: NodeSelector, node: SelectableNode): boolean {
  return selector.nodeSelectorTerms.some((term) => termSelectsNode(term, node))
}

/** Whether all of the term holds; an empty term selects nothing. */
export function termSelectsNode(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  { name, labels }: SelectableNode,
): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false
  return (
    matchExpressions.every((requirement) => holds(requirement, labels[requirement.key])) &&
    matchFields.every((requirement) => requirement.key === 'metadata.name' && holds(requirement, name))
  )
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
      return difference(value, values) > 0n
    case 'Lt':
      return difference(value, values) < 0n
    default:
      return false
  }
}

/** By how much a label exceeds the one bound; 0 where either is no integer, which then holds neither way. */
function difference(value: string | undefined, values: readonly string[]): bigint {
  const left = integer(value)
  const right = values.length === 1 ? integer(values[0]) : undefined
  return left === undefined || right === undefined ? 0n : left - right
}

/** As Go's `ParseInt` reads it: a sign and digits, nothing else. */
function integer(text: string | undefined): bigint | undefined {
  return text !== undefined && /^[+-]?\d+$/.test(text) ? BigInt(text.replace('+', '')) : undefined
}
