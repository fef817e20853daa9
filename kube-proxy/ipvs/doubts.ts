/** What the kernel refused in one pass: there it holds something else than what is remembered. */
import type { IpvsRefusal } from '../../netfilter/ipvs.ts'
import type { AddressRefusal } from './device.ts'

/** Refusals, and what they are about. */
export class Doubts {
  readonly servers: IpvsRefusal[] = []
  readonly addresses: AddressRefusal[] = []
  /** Of the virtual servers. */
  readonly keys = new Set<string>()
  readonly ips = new Set<string>()

  addServers(refusals: readonly IpvsRefusal[]): void {
    for (const refusal of refusals) {
      this.servers.push(refusal)
      this.keys.add(refusal.operation.key)
    }
  }

  addAddresses(refusals: readonly AddressRefusal[]): void {
    for (const refusal of refusals) {
      this.addresses.push(refusal)
      this.ips.add(refusal.change.ip)
    }
  }
}
