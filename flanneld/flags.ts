/** Flags of flanneld, upstream's names; each may also be given as an environment variable `FLANNELD_…`. */
import { defineFlags, FlagError, type FlagValues, parseFlags } from '../component-base/flags.ts'

/** The table of flags. */
export const flags = defineFlags({
  'etcd-endpoints': {
    type: 'strings',
    default: ['http://127.0.0.1:4001', 'http://127.0.0.1:2379'],
    description: 'a comma-delimited list of etcd endpoints',
  },
  'etcd-prefix': { type: 'string', default: '/coreos.com/network', description: 'etcd prefix' },
  'etcd-keyfile': { type: 'string', default: '', description: 'SSL key file used to secure etcd communication' },
  'etcd-certfile': {
    type: 'string',
    default: '',
    description: 'SSL certification file used to secure etcd communication',
  },
  'etcd-cafile': {
    type: 'string',
    default: '',
    description: 'SSL Certificate Authority file used to secure etcd communication',
  },
  'etcd-username': { type: 'string', default: '', description: 'username for BasicAuth to etcd' },
  'etcd-password': { type: 'string', default: '', description: 'password for BasicAuth to etcd' },
  iface: {
    type: 'texts',
    default: [],
    description: 'interface to use (IP or name) for inter-host communication; the first of several that is there',
  },
  'iface-regex': {
    type: 'texts',
    default: [],
    description: 'regex expression to match the first interface to use (IP or name), tried after --iface',
  },
  'iface-can-reach': {
    type: 'string',
    default: '',
    description: "use the interface that 'ip route get' names for this IP",
  },
  'subnet-file': {
    type: 'string',
    default: '/run/flannel/subnet.env',
    description: 'filename where env variables (subnet, MTU, ... ) will be written to',
  },
  'public-ip': {
    type: 'string',
    default: '',
    description: 'IP accessible by other nodes for inter-host communication',
  },
  'public-ipv6': {
    type: 'string',
    default: '',
    description: 'IPv6 accessible by other nodes for inter-host communication',
  },
  'subnet-lease-renew-margin': {
    type: 'number',
    default: 60,
    description: 'subnet lease renewal margin, in minutes, ranging from 1 to 1439',
  },
  'ip-masq': {
    type: 'boolean',
    default: false,
    description: 'setup IP masquerade rule for traffic destined outside of overlay network',
  },
  'ip-masq-fully-random-disable': {
    type: 'boolean',
    default: false,
    description: 'disable fully-random mode for MASQUERADE',
  },
  'ip-blackhole-route': {
    type: 'boolean',
    default: false,
    description: 'add a blackhole route on the node for the local podCIDR',
  },
  'kube-subnet-mgr': {
    type: 'boolean',
    default: false,
    description: 'contact the Kubernetes API for subnet assignment instead of etcd',
  },
  'kube-api-url': { type: 'string', default: '', description: 'Kubernetes API server URL' },
  'kube-annotation-prefix': {
    type: 'string',
    default: 'flannel.alpha.coreos.com',
    description: 'Kubernetes annotation prefix',
  },
  'kubeconfig-file': { type: 'string', default: '', description: 'kubeconfig file location' },
  'node-name': {
    type: 'string',
    default: '',
    description: 'name of this node; default: $NODE_NAME, then the host name',
  },
  'udp-offloads': {
    type: 'boolean',
    default: true,
    description: 'let the kernel cut and join packets in the udp backend; false: one packet a system call',
  },
  'healthz-ip': { type: 'string', default: '0.0.0.0', description: 'the IP address for healthz server to listen' },
  'healthz-port': { type: 'number', default: 0, description: 'the port for healthz server to listen (0 to disable)' },
  'iptables-resync': { type: 'number', default: 5, description: 'resync period for iptables rules, in seconds' },
  'iptables-forward-rules': {
    type: 'boolean',
    default: true,
    description: 'add default accept rules to FORWARD chain in iptables',
  },
  'net-config-path': {
    type: 'string',
    default: '/etc/kube-flannel/net-conf.json',
    description: 'path to the network configuration file',
  },
  vmodule: {
    type: 'string',
    default: '',
    description: 'accepted because upstream has it; without effect: levels are not set by file here',
  },
  log_backtrace_at: {
    type: 'string',
    default: '',
    description: 'accepted because upstream has it; without effect: errors always have their trace',
  },
  'set-node-network-unavailable': {
    type: 'boolean',
    default: true,
    description: 'set NodeNetworkUnavailable after ready',
  },
})

/** The values of all flags. */
export type Flags = FlagValues<typeof flags>

/** Takes what the command line leaves open from `FLANNELD_…` variables; a wrong one is an error that names the variable. */
export function withEnvironment(
  values: Flags,
  given: ReadonlySet<string>,
  environment: Readonly<Record<string, string | undefined>>,
): Flags {
  const found = Object.keys(flags).flatMap((name) => {
    const text = environment[variableOf(name)]
    // An empty one is as good as none, as upstream: manifests and unit files set what they leave open to nothing.
    return text === undefined || text === '' || given.has(name) ? [] : [{ name, text }]
  })
  // Each flag is parsed alone, so that one variable cannot speak for another flag.
  const parsed = found.map(({ name, text }) => {
    try {
      return [name, Object.entries(parseFlags(flags, [`--${name}=${text}`]).values).find(([key]) => key === name)?.[1]]
    } catch (error) {
      throw new FlagError(`${variableOf(name)}: ${error instanceof Error ? error.message : String(error)}`)
    }
  })
  return { ...values, ...Object.fromEntries(parsed) }
}

/** The environment variable of a flag. */
export function variableOf(flag: string): string {
  return `FLANNELD_${flag.toUpperCase().replaceAll('-', '_')}`
}
