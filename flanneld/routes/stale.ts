/** Routes that an earlier run with another backend has left. */
import type { Subnet } from '../../component-base/ip-address.ts'
import type { PerFamily } from '../family.ts'
import { isWithin, type Route, type RouteAction } from './plan.ts'

/** Devices that flanneld makes, with any backend. */
const tunnelName = /^flannel(?:0|\.\d+|-v6\.\d+|\.ipip|-wg|-wg-v6)$/

/**
 * Takes away routes into the networks that lead over a tunnel device or next hop which the present backend does not use.
 * Another flanneld of this host has another network, so its routes are not met. Pure.
 */
export function planStaleRoutes(
  observed: readonly Route[],
  facts: { readonly networks: PerFamily<Subnet>; readonly external: string; readonly keep: readonly string[] },
): readonly RouteAction[] {
  return observed
    .filter(({ destination, device, via }) => {
      const isLeft = tunnelName.test(device) || (device === facts.external && via !== undefined)
      return isLeft && isWithin(facts.networks, destination) && !facts.keep.includes(device)
    })
    .map((route) => ({ type: 'delete', route }))
}
