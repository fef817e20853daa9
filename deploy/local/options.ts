import { defineFlags, FlagError, type FlagValues } from '../../component-base/flags.ts'
import type { IpFamilyOption } from './layout.ts'

export const localFlags = defineFlags({
  nodes: { type: 'number', default: 2, description: 'How many nodes to run, 1 to 9.' },
  backend: {
    type: 'string',
    default: '',
    description: 'The pod network between nodes: udp, host-gw or vxlan; udp by default, and vxlan where there is IPv6.',
  },
  'ip-family': {
    type: 'string',
    default: 'ipv4',
    description: 'Addresses of nodes, pods and Services: ipv4, ipv6 or dual.',
  },
  'proxy-mode': { type: 'string', default: 'iptables', description: 'How kube-proxy programs Services: iptables.' },
  'no-load-balancer': {
    type: 'boolean',
    default: false,
    description: 'Give Services of type LoadBalancer no addresses.',
  },
  'no-ingress': { type: 'boolean', default: false, description: 'Run no ingress controller.' },
  'control-plane-only': { type: 'boolean', default: false, description: 'Run etcd and the control plane, no nodes.' },
})

export type LocalOptions = {
  readonly nodes: number
  readonly backend: 'udp' | 'host-gw' | 'vxlan'
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
  if (backend !== 'udp' && backend !== 'host-gw' && backend !== 'vxlan') {
    throw new FlagError(`--backend must be udp, host-gw or vxlan, not "${backend}"`)
  }
  if (backend === 'udp' && ipFamily !== 'ipv4') {
    throw new FlagError(`--backend=udp carries IPv4 alone: --ip-family=${ipFamily} needs host-gw or vxlan`)
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
