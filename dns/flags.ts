/** Flags of the DNS server. */
import { defineFlags } from '../component-base/flags.ts'

/** The table of flags. */
export const flags = defineFlags({
  kubeconfig: { type: 'string', default: '', description: 'path to a kubeconfig file' },
  conf: { type: 'string', default: '', description: 'Corefile to load; read again when it changes' },
  corefile: { type: 'string', default: '', description: 'the same as --conf' },
  'config-map': {
    type: 'string',
    default: '',
    description: 'ConfigMap (namespace/name) whose key Corefile is the configuration; changes take effect at once',
  },
  'bind-address': { type: 'string', default: '0.0.0.0', description: 'address to listen on, for UDP and TCP' },
  port: {
    type: 'number',
    default: 53,
    description: 'port to listen on, for UDP and TCP, where the Corefile names none',
  },
  'cluster-domain': {
    type: 'string',
    default: 'cluster.local',
    description: 'domain of the cluster, where no Corefile is given',
  },
  'cluster-dns': {
    type: 'strings',
    default: ['10.96.0.10'],
    description: 'addresses of the DNS Service; they are never asked as upstreams',
  },
  ttl: {
    type: 'duration',
    default: 30_000,
    description: 'time to live of the records of the cluster, where no Corefile is given',
  },
  upstream: {
    type: 'strings',
    default: [],
    description:
      'name servers (address[:port]) for other names, where no Corefile is given; default: those of --resolv-conf',
  },
  'resolv-conf': {
    type: 'string',
    default: '/etc/resolv.conf',
    description: 'file that names the upstream servers, where no Corefile is given',
  },
  'cache-ttl': {
    type: 'duration',
    default: 30_000,
    description: 'longest time that answers of upstream servers are kept, where no Corefile is given',
  },
  'upstream-timeout': {
    type: 'duration',
    default: 2_000,
    description: 'how long to wait for one upstream server, where no Corefile is given',
  },
  'max-concurrent': {
    type: 'number',
    default: 1_000,
    description: 'queries to upstream servers at once, where no Corefile is given',
  },
  'health-port': {
    type: 'number',
    default: 8080,
    description: 'port of /health (0 to disable, whatever the Corefile says)',
  },
  'ready-port': {
    type: 'number',
    default: 8181,
    description: 'port of /ready (0 to disable, whatever the Corefile says)',
  },
  'metrics-port': {
    type: 'number',
    default: 9153,
    description: 'port of /metrics (0 to disable, whatever the Corefile says)',
  },
  'udp-threads': {
    type: 'number',
    default: -1,
    description: 'threads that answer over UDP what is kept ready (0: none; negative: one)',
  },
})
