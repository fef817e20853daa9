/** The range of all pods, where nobody says it: the smallest subnet that holds the ranges of all nodes. Pure. */
import { covers, formatSubnet, parseSubnet, type Subnet } from '../../component-base/ip-address.ts'

/** One subnet for each family that has any. */
export function rangesOfPods(nodeCidrs: readonly string[]): readonly string[] {
  const subnets = nodeCidrs.flatMap((cidr) => parseSubnet(cidr) ?? [])
  return ([32, 128] as const).flatMap((bits) => {
    const [first, ...rest] = subnets.filter(({ base }) => base.bits === bits)
    return first === undefined ? [] : [formatSubnet(rest.reduce(around, first))]
  })
}

function around(outer: Subnet, inner: Subnet): Subnet {
  let { prefix } = outer
  for (; prefix > 0; prefix -= 1) {
    const wider = cut(outer, prefix)
    if (covers(wider, inner)) return wider
  }
  return cut(outer, 0)
}

function cut({ base }: Subnet, prefix: number): Subnet {
  const hostBits = BigInt(base.bits - prefix)
  return { base: { ...base, value: (base.value >> hostBits) << hostBits }, prefix }
}
