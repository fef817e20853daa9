/** Why a pod fits nowhere, in upstream's words. */
import type { Rejection } from './plugin.ts'

export type Diagnosis = {
  readonly nodeCount: number
  /** Set when a plugin turned the pod down before any node was looked at. */
  readonly reason?: string
  readonly rejections: ReadonlyMap<string, Rejection>
  /** Reason for nodes that no plugin looked at. */
  readonly absentReason?: string
  /** What preemption said. */
  readonly suffix?: string
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: …` */
export function formatFitError(diagnosis: Diagnosis): string {
  const { nodeCount, reason, suffix } = diagnosis
  const reasons = reason ?? formatReasons(diagnosis)
  const head = `0/${nodeCount} nodes are available:`
  return [
    head,
    ...(reasons === '' ? [] : [`${reasons}.`]),
    ...(suffix === undefined || suffix === '' ? [] : [suffix]),
  ].join(' ')
}

function formatReasons({ nodeCount, rejections, absentReason }: Diagnosis): string {
  const counts = new Map<string, number>()
  const count = (reason: string, nodes: number) => counts.set(reason, (counts.get(reason) ?? 0) + nodes)
  for (const { reasons } of rejections.values()) for (const reason of reasons) count(reason, 1)
  if (absentReason !== undefined && rejections.size < nodeCount) count(absentReason, nodeCount - rejections.size)
  return [...counts]
    .map(([reason, nodes]) => `${nodes} ${reason}`)
    .sort()
    .join(', ')
}
