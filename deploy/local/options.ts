import { defineFlags, FlagError, type FlagValues } from '../../component-base/flags.ts'
import type { IpFamilyOption } from './layout.ts'

export const localFlags = defineFlags({
  nodes: { type: 'number', default: 2, description: 'How many nodes to run, 1 to 9.' },
  backend: {
    type: 'string',
    default: '',
    description:
      'The pod network between nodes: udp, host-gw, vxlan, ipip or wireguard; udp by default, and vxlan where there is IPv6.',
  },
  'ip-family': {
    type: 'string',
    default: 'ipv4',
    description: 'Addresses of nodes, pods and Services: ipv4, ipv6 or dual.',
  },
  'proxy-mode': {
    type: 'string',
    default: 'iptables',
    description: 'How kube-proxy programs Services: iptables, nftables or ipvs.',
  },
  'no-load-balancer': {
    type: 'boolean',
    default: false,
    description: 'Give Services of type LoadBalancer no addresses.',
  },
  'no-ingress': { type: 'boolean', default: false, description: 'Run no ingress controller.' },
  'control-plane-only': { type: 'boolean', default: false, description: 'Run etcd and the control plane, no nodes.' },
})

/** Backends of flanneld that `npm start` offers, and whether they carry IPv6. */
const backends = { udp: false, 'host-gw': true, vxlan: true, ipip: false, wireguard: true } as const
type Backend = keyof typeof backends

export type LocalOptions = {
  readonly nodes: number
  readonly backend: Backend
  readonly ipFamily: IpFamilyOption
  readonly proxyMode: string
  readonly hasLoadBalancer: boolean
  readonly hasIngress: boolean
}

/** Checks the flags of `npm start`. Throws `FlagError`. */
export function localOptions(flags: FlagValues<typeof localFlags>): LocalOptions {
  if (!Number.isInteger(flags.nodes) || flags.nodes < 1 || flags.nodes > 9)
    throw new FlagError('--nodes must be a whole number from 1 to 9')
  const nodes = flags['control-plane-only'] ? 0 : flags.nodes
  const ipFamily = flags['ip-family']
  if (ipFamily !== 'ipv4' && ipFamily !== 'ipv6' && ipFamily !== 'dual') {
    throw new FlagError(`--ip-family must be ipv4, ipv6 or dual, not "${ipFamily}"`)
  }
  const backend = flags.backend || (ipFamily === 'ipv4' ? 'udp' : 'vxlan')
  if (!isBackend(backend)) {
    throw new FlagError(`--backend must be udp, host-gw, vxlan, ipip or wireguard, not "${backend}"`)
  }
  if (!backends[backend] && ipFamily !== 'ipv4') {
    throw new FlagError(
      `--backend=${backend} carries IPv4 alone: --ip-family=${ipFamily} needs host-gw, vxlan or wireguard`,
    )
  }
  return {
    nodes,
    backend,
    ipFamily,
    proxyMode: flags['proxy-mode'],
    hasLoadBalancer: !flags['no-load-balancer'],
    hasIngress: !flags['no-ingress'],
  }
}

function isBackend(text: string): text is Backend {
  return Object.hasOwn(backends, text)
}
