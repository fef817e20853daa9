/** Events about the node itself: which of its conditions has changed. Source: upstream `recordNodeStatusEvent`. */
import type { NodeCondition } from '../../api/core/v1.ts'

const reasons: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  MemoryPressure: { True: 'NodeHasInsufficientMemory', False: 'NodeHasSufficientMemory' },
  DiskPressure: { True: 'NodeHasDiskPressure', False: 'NodeHasNoDiskPressure' },
  PIDPressure: { True: 'NodeHasInsufficientPID', False: 'NodeHasSufficientPID' },
  Ready: { True: 'NodeReady', False: 'NodeNotReady' },
}

/** Reasons of the conditions that are other than before. Pure. */
export function changedConditionReasons(
  before: readonly NodeCondition[],
  after: readonly NodeCondition[],
): readonly string[] {
  return after.flatMap(({ type, status }) => {
    const old = before.find((one) => one.type === type)
    // A node that registers unready has not become so.
    if (old?.status === status || (old === undefined && type === 'Ready' && status === 'False')) return []
    return reasons[type]?.[status] ?? []
  })
}
