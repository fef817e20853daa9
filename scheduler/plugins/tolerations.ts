/** Whether tolerations put up with taints. Source: API field docs of `core.v1.Toleration`. */
import type { Taint, Toleration } from '../../api/core/v1.ts'

/** Whether one of the tolerations covers the taint. An absent key or effect covers all. */
export function isTolerated(taint: Taint, tolerations: readonly Toleration[]): boolean {
  return tolerations.some((toleration) => tolerates(toleration, taint))
}

/** The first taint that keeps a pod off a node (`NoSchedule`, `NoExecute`). */
export function untoleratedTaint(taints: readonly Taint[], tolerations: readonly Toleration[]): Taint | undefined {
  return taints.find(({ effect }, index) => {
    if (effect !== 'NoSchedule' && effect !== 'NoExecute') return false
    const taint = taints[index]
    return taint !== undefined && !isTolerated(taint, tolerations)
  })
}

function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== '' && effect !== taint.effect) return false
  if (key !== undefined && key !== '' && key !== taint.key) return false
  if (operator === 'Exists') return true
  return (operator === undefined || operator === '' || operator === 'Equal') && (value ?? '') === (taint.value ?? '')
}
