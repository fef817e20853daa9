/** How long ago a node gave a sign of life, by our own clock: the node's clock may be wrong. Pure. */
import type { Lease } from '../../api/coordination/v1.ts'
import type { Node, NodeCondition } from '../../api/core/v1.ts'

/** What was seen last of a node, and when. */
export type Health = {
  /** Changes with every heartbeat. */
  readonly heartbeat: string
  readonly seenMs: number
  /** `True` until the turn to anything else has been dealt with. */
  readonly ready: string
}

/** The node's condition of this type. */
export function nodeCondition({ status }: Node, type: string): NodeCondition | undefined {
  return status.conditions?.find((condition) => condition.type === type)
}

/** A heartbeat is a renewed lease or a status that was posted; what we wrote ourselves (`Unknown`) is none. */
export function nextHealth(before: Health | undefined, node: Node, lease: Lease | undefined, nowMs: number): Health {
  const ready = nodeCondition(node, 'Ready')
  const posted = ready?.status === 'Unknown' ? '' : (ready?.lastHeartbeatTime ?? '')
  const heartbeat = `${lease?.spec.renewTime ?? ''} ${posted}`
  const isAlive =
    before === undefined || (before.heartbeat !== heartbeat && ready?.status !== 'Unknown') || isRenewed(before, lease)
  return { heartbeat, seenMs: isAlive ? nowMs : before.seenMs, ready: readyOf(before, ready) }
}

function readyOf(before: Health | undefined, ready: NodeCondition | undefined): string {
  return ready?.status === 'True' ? 'True' : (before?.ready ?? ready?.status ?? 'Unknown')
}

function isRenewed(before: Health, lease: Lease | undefined): boolean {
  const renewed = lease?.spec.renewTime ?? ''
  return renewed !== '' && !before.heartbeat.startsWith(`${renewed} `)
}
