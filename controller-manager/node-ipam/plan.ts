/** Gives each node its own part of the cluster's pod range. Pure. */
import type { Node } from '../../api/core/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { formatSubnet, overlaps, parseSubnet, type Subnet, subnetPart } from '../../component-base/ip-address.ts'

/** A range of the cluster and the size of a node's part. */
export type Pool = { readonly range: Subnet; readonly nodePrefix: number }

export type Observed = {
  readonly node: Node
  readonly pools: readonly Pool[]
  /** Ranges that no node may get: those of other nodes, and of Services. */
  readonly taken: readonly Subnet[]
}
export type Action =
  | { readonly type: 'assign'; readonly node: Node; readonly cidrs: readonly string[] }
  | { readonly type: 'reportExhausted'; readonly node: Node }

/** The lowest free part of every pool; a node that has its parts keeps them. */
export function plan({ node, pools, taken }: Observed): Plan<Action> {
  if (cidrsOf(node).length > 0 || node.metadata.deletionTimestamp !== undefined) return { actions: [] }
  const found = pools.map((pool) => firstFree(pool, taken))
  const cidrs = found.flatMap((cidr) => (cidr === undefined ? [] : [formatSubnet(cidr)]))
  if (cidrs.length < pools.length) return { actions: [{ type: 'reportExhausted', node }] }
  return { actions: [{ type: 'assign', node, cidrs }] }
}

/** The ranges of a node, however it names them. */
export function cidrsOf({ spec }: Node): readonly string[] {
  if (spec.podCIDRs !== undefined && spec.podCIDRs.length > 0) return spec.podCIDRs
  return spec.podCIDR === undefined || spec.podCIDR === '' ? [] : [spec.podCIDR]
}

/** Ranges that are in use. */
export function takenBy(nodes: readonly Node[], serviceCidrs: readonly string[]): readonly Subnet[] {
  return [...nodes.flatMap(cidrsOf), ...serviceCidrs].flatMap((text) => parseSubnet(text) ?? [])
}

function firstFree({ range, nodePrefix }: Pool, taken: readonly Subnet[]): Subnet | undefined {
  const used = new Set(taken.map(formatSubnet))
  const wider = taken.filter(({ base, prefix }) => base.bits === range.base.bits && prefix !== nodePrefix)
  for (let index = 0; ; index += 1) {
    const candidate = subnetPart(range, nodePrefix, index)
    if (candidate === undefined) return undefined
    if (!used.has(formatSubnet(candidate)) && !wider.some((other) => overlaps(other, candidate))) return candidate
  }
}
