/** The conditions of the node. Pure. Messages and reasons are upstream's (`pkg/kubelet/nodestatus/setters.go`). */
import type { NodeCondition } from '../../api/core/v1.ts'
import { formatTime } from '../../apimachinery/time.ts'

export type Pressure = { readonly memory: boolean; readonly disk: boolean; readonly pid: boolean }
export type NodeHealth = {
  readonly pressure: Pressure
  /** Why pods cannot run here now, in upstream's words; empty: they can. */
  readonly problems: readonly string[]
}
type Verdict = {
  readonly type: string
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
}

/** All conditions, with the times of those that did not change. */
export function nodeConditions(
  health: NodeHealth,
  before: readonly NodeCondition[],
  nowMs: number,
): readonly NodeCondition[] {
  const made = verdicts(health).map((verdict) => {
    const old = before.find(({ type }) => type === verdict.type)
    const since = old?.status === verdict.status ? (old.lastTransitionTime ?? undefined) : undefined
    return {
      type: verdict.type,
      status: verdict.status,
      lastHeartbeatTime: formatTime(nowMs),
      lastTransitionTime: since ?? formatTime(nowMs),
      reason: verdict.reason,
      message: verdict.message,
    }
  })
  const others = before.filter(({ type }) => !made.some((mine) => mine.type === type))
  return [...others, ...made]
}

function verdicts({ pressure, problems }: NodeHealth): readonly Verdict[] {
  return [
    pressure.memory
      ? yes('MemoryPressure', 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available')
      : no('MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    pressure.disk
      ? yes('DiskPressure', 'KubeletHasDiskPressure', 'kubelet has disk pressure')
      : no('DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    pressure.pid
      ? yes('PIDPressure', 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available')
      : no('PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    problems.length === 0
      ? yes('Ready', 'KubeletReady', 'kubelet is posting ready status')
      : no('Ready', 'KubeletNotReady', problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`),
  ]
}

function yes(type: string, reason: string, message: string): Verdict {
  return { type, status: 'True', reason, message }
}

function no(type: string, reason: string, message: string): Verdict {
  return { type, status: 'False', reason, message }
}
