/** Whether a pod may stand on a node, as far as labels and taints decide. Pure. */
import type { Node, NodeSelectorTerm, PodSpec, Taint, Toleration } from '../../api/core/v1.ts'
import { tolerates } from '../taint-eviction/plan.ts'

/** `nodeSelector` and required node affinity. */
export function fitsNode({ nodeSelector, affinity }: PodSpec, node: Node): boolean {
  const labels = node.metadata.labels ?? {}
  if (Object.entries(nodeSelector ?? {}).some(([name, value]) => labels[name] !== value)) return false
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return required === undefined || required.nodeSelectorTerms.some((term) => fitsTerm(term, node))
}

/** A term without requirements fits nothing. */
function fitsTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, { metadata }: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false
  return (
    matchExpressions.every(({ key, operator, values }) =>
      fitsRequirement(metadata.labels?.[key], operator, values ?? []),
    ) &&
    matchFields.every(
      ({ key, operator, values }) => key === 'metadata.name' && fitsRequirement(metadata.name, operator, values ?? []),
    )
  )
}

function fitsRequirement(value: string | undefined, operator: string, values: readonly string[]): boolean {
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
      return isInteger(value) && isInteger(values[0]) && Number(value) > Number(values[0])
    case 'Lt':
      return isInteger(value) && isInteger(values[0]) && Number(value) < Number(values[0])
    default:
      return false
  }
}

function isInteger(text: string | undefined): boolean {
  return text !== undefined && /^-?\d+$/.test(text)
}

/** The taints of these effects that the pod does not tolerate. */
export function untolerated(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
  effects: readonly string[],
): readonly Taint[] {
  return taints.filter(
    (taint) => effects.includes(taint.effect) && !tolerations.some((toleration) => tolerates(toleration, taint)),
  )
}
