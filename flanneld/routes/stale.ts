/** Routes that an earlier run with another backend has left. */
import { includes, type Subnet } from '../ipv4.ts'
import type { Route, RouteAction } from './plan.ts'

/** Takes away routes into the network that lead over a tunnel device or next hop which the present backend does not use. Pure. */
export function planStaleRoutes(
  observed: readonly Route[],
  facts: { readonly network: Subnet; readonly external: string; readonly keep: readonly string[] },
): readonly RouteAction[] {
  const isTunnel = (device: string): boolean => /^flannel(0|\.\d+)$/.test(device)
  return observed
    .filter(({ destination, device, via }) => {
      const isLeft = isTunnel(device) || (device === facts.external && via !== undefined)
      return isLeft && includes(facts.network, destination) && !facts.keep.includes(device)
    })
    .map((route) => ({ type: 'delete', route }))
}
