/** Flags of service-lb. Pure. */
import { defineFlags, FlagError, type FlagValues } from '../component-base/flags.ts'
import { type Pool, parseRange } from './pool.ts'
import type { Classes } from './services.ts'

/** The table of flags. */
export const flags = defineFlags({
  kubeconfig: { type: 'string', default: '', description: 'Path to a kubeconfig file.' },
  'node-name': { type: 'string', default: '', description: 'Name of the node; default: the host name.' },
  'address-pool': {
    type: 'strings',
    default: [],
    description: 'Addresses for Services: first-last, a CIDR or one address; several with commas or by repeating it.',
  },
  'load-balancer-class': {
    type: 'string',
    default: 'kubets.io/service-lb',
    description: 'The spec.loadBalancerClass that names this load balancer.',
  },
  'default-class': { type: 'boolean', default: true, description: 'Also serve Services without a loadBalancerClass.' },
  controller: { type: 'boolean', default: true, description: 'Take part in giving addresses to Services.' },
  speaker: { type: 'boolean', default: true, description: 'Answer for addresses on the network of this node.' },
  interface: {
    type: 'strings',
    default: [],
    description: 'Interfaces to answer on; default: those whose subnet has the address.',
  },
  namespace: { type: 'string', default: 'kube-system', description: 'Namespace of the Leases.' },
  'speaker-lease-duration': {
    type: 'duration',
    default: 5_000,
    description: 'A speaker that is silent for this long loses its addresses to others.',
  },
  'leader-elect-resource-name': { type: 'string', default: 'service-lb', description: 'Lease of the allocating part.' },
  'leader-elect-lease-duration': { type: 'duration', default: 15_000, description: 'How long a silent leader stays.' },
  'leader-elect-renew-deadline': { type: 'duration', default: 10_000, description: 'When a leader gives up.' },
  'leader-elect-retry-period': { type: 'duration', default: 2_000, description: 'Pause between attempts.' },
  'metrics-bind-address': {
    type: 'string',
    default: '127.0.0.1:7472',
    description: 'Address and port of health and metrics; empty to disable.',
  },
})
export type Flags = FlagValues<typeof flags>

/** What the flags come to. */
export type Config = { readonly pool: Pool; readonly classes: Classes; readonly metrics: BindAddress | undefined }
export type BindAddress = { readonly address: string; readonly port: number }

/** Throws `FlagError`. */
export function parseConfig(values: Flags): Config {
  const pool = values['address-pool'].map((text) => {
    const range = parseRange(text)
    if (range === undefined) {
      throw new FlagError(
        `invalid argument "${text}" for "--address-pool" flag: must be first-last, a CIDR or an address`,
      )
    }
    return range
  })
  if (pool.length === 0) throw new FlagError('--address-pool is required')
  if (!values.controller && !values.speaker) throw new FlagError('one of --controller and --speaker must be on')
  for (const name of ['speaker-lease-duration', 'leader-elect-retry-period'] as const) {
    if (values[name] <= 0) throw new FlagError(`--${name} must be greater than zero`)
  }
  const classes = { own: values['load-balancer-class'], takesUnclassed: values['default-class'] }
  return { pool, classes, metrics: bindAddress(values['metrics-bind-address']) }
}

function bindAddress(text: string): BindAddress | undefined {
  if (text === '') return undefined
  const [, address = '', port] = /^(.*):(\d+)$/.exec(text) ?? []
  if (port === undefined || Number(port) > 65_535) {
    throw new FlagError(`invalid argument "${text}" for "--metrics-bind-address" flag: must be address:port`)
  }
  return { address: address.replace(/^\[|\]$/g, '') || '0.0.0.0', port: Number(port) }
}
