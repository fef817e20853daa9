/** What only mode ipvs is told: the `ipvs` part of `KubeProxyConfiguration`. */
import type { IpvsTimeouts } from '../../netfilter/ipvs-message.ts'

export type IpvsSettings = {
  /** Name of a scheduler of the kernel, such as `rr`. */
  readonly scheduler: string
  /** Virtual servers in these ranges belong to others and are left alone. */
  readonly excludeCidrs: readonly string[]
  /** Answer ARP only for addresses of the interface that was asked, not for those of `kube-ipvs0`. */
  readonly isStrictArp: boolean
  /** In seconds; 0 leaves one as it is. */
  readonly timeouts: IpvsTimeouts
}

/** Upstream's defaults. */
export const defaultIpvsSettings: IpvsSettings = {
  scheduler: 'rr',
  excludeCidrs: [],
  isStrictArp: false,
  timeouts: { tcp: 0, tcpFin: 0, udp: 0 },
}
