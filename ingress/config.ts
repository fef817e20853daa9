/** Flags of the ingress controller; names are those of ingress-nginx where it has one. Pure. */
import { defineFlags, FlagError, type FlagValues } from '../component-base/flags.ts'
import { parseAddress } from '../component-base/ip-address.ts'
import type { Published } from './status/plan.ts'
import type { TableOptions } from './table/table.ts'

/** The table of flags. */
export const flags = defineFlags({
  kubeconfig: { type: 'string', default: '', description: 'Path to a kubeconfig file.' },
  'bind-address': { type: 'string', default: '0.0.0.0', description: 'Address that clients come to.' },
  'http-port': { type: 'number', default: 80, description: 'Port for HTTP.' },
  'https-port': { type: 'number', default: 443, description: 'Port for HTTPS.' },
  'controller-class': {
    type: 'string',
    default: 'kubets.io/ingress',
    description: 'The spec.controller of the IngressClasses that are served.',
  },
  'ingress-class': {
    type: 'string',
    default: 'kubets',
    description: 'The value of the annotation kubernetes.io/ingress.class that is served.',
  },
  'watch-ingress-without-class': {
    type: 'boolean',
    default: false,
    description: 'Also serve Ingresses without a class when no class of ours is the default.',
  },
  'default-backend-service': {
    type: 'string',
    default: '',
    description: 'namespace/name of the Service for requests that no Ingress wants; default: a 404.',
  },
  'default-ssl-certificate': {
    type: 'string',
    default: '',
    description: 'namespace/name of the Secret with the certificate for other hosts; default: one that signs itself.',
  },
  'ssl-redirect': {
    type: 'boolean',
    default: false,
    description: 'Send plain requests for hosts with TLS to HTTPS, unless the annotation ssl-redirect says otherwise.',
  },
  'proxy-body-size': { type: 'number', default: 0, description: 'Largest body of a request in bytes; 0: no limit.' },
  'proxy-connect-timeout': {
    type: 'duration',
    default: 5_000,
    description: 'How long an endpoint may take to connect.',
  },
  'proxy-read-timeout': { type: 'duration', default: 60_000, description: 'How long an endpoint may be silent.' },
  'use-forwarded-headers': {
    type: 'boolean',
    default: false,
    description: 'Believe X-Forwarded-* of clients: only behind a proxy that sets them.',
  },
  'max-connections': { type: 'number', default: 16_384, description: 'Clients at once, per port.' },
  'publish-service': {
    type: 'string',
    default: '',
    description: 'namespace/name of the Service whose load balancer addresses go to the status of Ingresses.',
  },
  'publish-status-address': {
    type: 'strings',
    default: [],
    description: 'Addresses for the status of Ingresses, where --publish-service has none.',
  },
  'node-name': { type: 'string', default: '', description: 'Name of the node; default: the host name.' },
  'endpoint-address': {
    type: 'strings',
    default: [],
    description: 'Addresses of this instance, to stand as endpoints of --publish-service while it takes requests.',
  },
  'shutdown-delay': {
    type: 'duration',
    default: 1_500,
    description: 'How long requests are still taken after the endpoints were withdrawn.',
  },
  'update-status': { type: 'boolean', default: true, description: 'Take part in writing the status of Ingresses.' },
  'election-namespace': { type: 'string', default: 'kube-system', description: 'Namespace of the Lease.' },
  'election-id': { type: 'string', default: 'ingress-controller-leader', description: 'Name of the Lease.' },
  'shutdown-grace-period': {
    type: 'duration',
    default: 5_000,
    description: 'How long requests under way may take when the program is asked to stop.',
  },
  'metrics-bind-address': {
    type: 'string',
    default: '127.0.0.1:10254',
    description: 'Address and port of health and metrics; empty to disable.',
  },
})
export type Flags = FlagValues<typeof flags>

/** What the flags come to. */
export type Config = {
  readonly table: TableOptions
  /** `namespace/name`. */
  readonly publishService: string
  readonly publishAddresses: Published
  readonly defaultCertificate: string | undefined
  readonly metrics: { readonly address: string; readonly port: number } | undefined
}

/** Throws `FlagError`. */
export function parseConfig(values: Flags): Config {
  for (const name of ['http-port', 'https-port'] as const) {
    const port = values[name]
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new FlagError(`--${name} must be a port number`)
  }
  for (const name of ['proxy-connect-timeout', 'proxy-read-timeout'] as const) {
    if (values[name] <= 0) throw new FlagError(`--${name} must be greater than zero`)
  }
  for (const name of ['proxy-body-size', 'max-connections'] as const) {
    if (!Number.isInteger(values[name]) || values[name] < 0) throw new FlagError(`--${name} must be a whole number`)
  }
  if (values['endpoint-address'].length > 0 && values['publish-service'] === '') {
    throw new FlagError('--endpoint-address needs --publish-service')
  }
  for (const text of values['endpoint-address']) {
    if (parseAddress(text) === undefined) {
      throw new FlagError(`invalid argument "${text}" for "--endpoint-address" flag: must be an IP address`)
    }
  }
  const certificate = keyAt('default-ssl-certificate', values)
  const service = keyAt('default-backend-service', values)
  const [namespace = '', name = ''] = service.split('/')
  return {
    table: {
      classes: {
        controller: values['controller-class'],
        annotationClass: values['ingress-class'],
        takesUnclassed: values['watch-ingress-without-class'],
      },
      defaults: {
        redirect: values['ssl-redirect'] ? 'withTls' : 'never',
        maxBodyBytes: values['proxy-body-size'],
        connectTimeoutMs: values['proxy-connect-timeout'],
        readTimeoutMs: values['proxy-read-timeout'],
      },
      defaultService: service === '' ? undefined : { namespace, name },
    },
    publishService: keyAt('publish-service', values),
    publishAddresses: values['publish-status-address'].map((text) =>
      parseAddress(text) === undefined ? { hostname: text } : { ip: text },
    ),
    defaultCertificate: certificate === '' ? undefined : certificate,
    metrics: bindAddress(values['metrics-bind-address']),
  }
}

function keyAt(name: 'default-ssl-certificate' | 'default-backend-service' | 'publish-service', values: Flags): string {
  const text = values[name]
  if (text !== '' && !/^[^/]+\/[^/]+$/.test(text)) throw new FlagError(`--${name} must be namespace/name`)
  return text
}

function bindAddress(text: string): Config['metrics'] {
  if (text === '') return undefined
  const [, address = '', port] = /^(.*):(\d+)$/.exec(text) ?? []
  if (port === undefined || Number(port) > 65_535) {
    throw new FlagError(`invalid argument "${text}" for "--metrics-bind-address" flag: must be address:port`)
  }
  return { address: address.replace(/^\[|\]$/g, '') || '0.0.0.0', port: Number(port) }
}
