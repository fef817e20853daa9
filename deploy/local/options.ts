import { defineFlags, FlagError, type FlagValues } from '../../component-base/flags.ts'

export const localFlags = defineFlags({
  nodes: { type: 'number', default: 2, description: 'How many nodes to run, 1 to 9.' },
  backend: { type: 'string', default: 'udp', description: 'The pod network between nodes: udp, host-gw or vxlan.' },
  'proxy-mode': { type: 'string', default: 'iptables', description: 'How kube-proxy programs Services: iptables.' },
  'no-load-balancer': {
    type: 'boolean',
    default: false,
    description: 'Give Services of type LoadBalancer no addresses.',
  },
  'control-plane-only': { type: 'boolean', default: false, description: 'Run etcd and the control plane, no nodes.' },
})

export type LocalOptions = {
  readonly nodes: number
  readonly backend: 'udp' | 'host-gw' | 'vxlan'
  readonly proxyMode: string
  readonly hasLoadBalancer: boolean
}

/** Checks the flags of `npm start`. Throws `FlagError`. */
export function localOptions(flags: FlagValues<typeof localFlags>): LocalOptions {
  if (!Number.isInteger(flags.nodes) || flags.nodes < 1 || flags.nodes > 9)
    throw new FlagError('--nodes must be a whole number from 1 to 9')
  const nodes = flags['control-plane-only'] ? 0 : flags.nodes
  const { backend } = flags
  if (backend !== 'udp' && backend !== 'host-gw' && backend !== 'vxlan') {
    throw new FlagError(`--backend must be udp, host-gw or vxlan, not "${backend}"`)
  }
  return { nodes, backend, proxyMode: flags['proxy-mode'], hasLoadBalancer: !flags['no-load-balancer'] }
}
