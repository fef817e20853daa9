/** Flags under upstream's names, and the configuration that they make. Pure. */

import { defineFlags, FlagError, type FlagValues } from '../component-base/flags.ts'
import { parseSubnet } from '../component-base/ip-address.ts'
import { pluginNameProblems } from './admission/names.ts'
import { auditFlagProblems, auditFlags } from './audit/flags.ts'
import { authenticationFlagProblems, authenticationFlags } from './authn/flags.ts'
import { authorizationFlagProblems, authorizationFlags } from './authz/flags.ts'
import { parseSniFlag, tlsFlagProblems } from './serving-certificates.ts'
import type { ShutdownOptions } from './shutdown.ts'

const text = (description: string, value = '') => ({ type: 'string', default: value, description }) as const
const list = (description: string, value: readonly string[] = []) =>
  ({ type: 'strings', default: value, description }) as const
const texts = (description: string) => ({ type: 'texts', default: [] as readonly string[], description }) as const
const yesNo = (description: string, value: boolean) => ({ type: 'boolean', default: value, description }) as const
const number = (description: string, value: number) => ({ type: 'number', default: value, description }) as const
const duration = (description: string, value: number) => ({ type: 'duration', default: value, description }) as const

/** Every flag that the API server understands. */
export const flags = defineFlags({
  ...auditFlags,
  ...authenticationFlags,
  ...authorizationFlags,
  'admission-control-config-file': text(
    'File with an AdmissionConfiguration; PodSecurity is the plugin that reads it.',
  ),
  'advertise-address': text('The address on which members of the cluster reach this server.'),
  'allow-privileged': yesNo('Accepted for compatibility: privileged containers are allowed.', true),
  'anonymous-auth': yesNo('Requests without credentials are those of system:anonymous.', true),
  'api-audiences': list('Audiences that service account tokens are checked for.'),
  'bind-address': text('The address to listen on.', '0.0.0.0'),
  'client-ca-file': text('Authorities that sign client certificates.'),
  'default-not-ready-toleration-seconds': number('How long pods tolerate notReady:NoExecute by default.', 300),
  'default-unreachable-toleration-seconds': number('How long pods tolerate unreachable:NoExecute by default.', 300),
  'disable-admission-plugins': list('Admission plugins to turn off.'),
  'enable-admission-plugins': list('Admission plugins to turn on besides those that are on by default.'),
  'enable-bootstrap-token-auth': yesNo('Secrets of type bootstrap.kubernetes.io/token are credentials.', false),
  'enable-priority-and-fairness': yesNo('Requests wait for their turn by FlowSchemas and priority levels.', true),
  'encryption-provider-config': text('File with the providers that encrypt values in etcd.'),
  'encryption-provider-config-automatic-reload': yesNo('The file is read again when it changes.', false),
  'etcd-cafile': text('Authority of the etcd servers.'),
  'etcd-certfile': text('Client certificate for etcd.'),
  'etcd-compaction-interval': duration('How often old revisions are forgotten; 0 never.', 300_000),
  'etcd-keyfile': text('Key of the client certificate for etcd.'),
  'etcd-servers': list('etcd servers, such as http://127.0.0.1:2379.'),
  'endpoint-reconciler-type': text('How the endpoints of the Service kubernetes are kept: lease or none.', 'lease'),
  'event-ttl': duration('How long events are kept.', 3_600_000),
  'goaway-chance': number('Part of the requests after which an HTTP/2 client is told to connect anew.', 0),
  'http2-max-streams-per-connection': number('Requests at once on one HTTP/2 connection; 0: as Go has it.', 1000),
  'kubelet-certificate-authority': text('Authority of kubelet serving certificates.'),
  'kubelet-client-certificate': text('Client certificate towards kubelets.'),
  'kubelet-client-key': text('Key of the client certificate towards kubelets.'),
  'kubelet-preferred-address-types': list('Node addresses to try, in order.', [
    'Hostname',
    'InternalDNS',
    'InternalIP',
    'ExternalDNS',
    'ExternalIP',
  ]),
  'max-mutating-requests-inflight': number(
    'Changing requests at once; with fairness, both numbers are its seats.',
    200,
  ),
  'max-requests-inflight': number('Reading requests at once; with fairness, both numbers are its seats.', 400),
  'min-request-timeout': number(
    'Seconds that a watch without a limit of its own lasts at least; at most it is twice that.',
    1800,
  ),
  'proxy-client-cert-file': text('Client certificate towards aggregated API servers.'),
  'proxy-client-key-file': text('Key of the client certificate towards aggregated API servers.'),
  'request-timeout': duration('How long a request may take.', 60_000),
  'requestheader-allowed-names': list('Common names of front proxies; empty: any.'),
  'requestheader-client-ca-file': text('Authorities of front proxies.'),
  'requestheader-extra-headers-prefix': list('Prefixes of headers with extra user information.'),
  'requestheader-group-headers': list('Headers with groups.'),
  'requestheader-uid-headers': list('Headers with the uid.'),
  'requestheader-username-headers': list('Headers with the user name.'),
  'runtime-config': list('Accepted for compatibility: the served versions are fixed.'),
  'secure-port': number('The port of HTTPS.', 6443),
  'livez-grace-period': duration('How long the start may take before /livez says that something is wrong.', 0),
  'shutdown-delay-duration': duration('How long requests are served after readiness is off.', 0),
  'shutdown-send-retry-after': yesNo('New requests get 429 while old ones are finished.', false),
  'shutdown-watch-termination-grace-period': duration('How long watches may take to end.', 0),
  'service-account-extend-token-expiration': yesNo('Mounted tokens get a year.', true),
  'service-account-issuer': list('Issuers of service account tokens; the first signs.'),
  'external-hostname': text('The name under which others reach this server, for addresses in documents.'),
  'service-account-jwks-uri': text('Overrides the address of the key set in the discovery document.'),
  'service-account-key-file': list('Files with keys that verify service account tokens.'),
  'service-account-lookup': yesNo('Accepted for compatibility: tokens of deleted accounts are refused.', true),
  'service-account-max-token-expiration': duration('Longest lifetime of an issued token; 0 no limit.', 0),
  'service-account-signing-key-file': text('File with the key that signs service account tokens.'),
  'service-cluster-ip-range': text('Addresses of Services.', '10.0.0.0/24'),
  'service-node-port-range': text('Ports of Services on nodes.', '30000-32767'),
  'storage-backend': text('Accepted for compatibility: etcd3.'),
  'storage-media-type': text('Accepted for compatibility: values are JSON.', 'application/json'),
  'tls-cipher-suites': list('Cipher suites of TLS 1.2, by the names of Go; absent: those of Node.'),
  'tls-min-version': text('VersionTLS10, VersionTLS11, VersionTLS12 or VersionTLS13; absent: 1.2.'),
  'tls-sni-cert-key': texts('Certificates for single names: file,key or file,key:name,*.name; give the flag for each.'),
  'cert-dir': text(
    'Where a serving certificate that signs itself is kept; absent: in memory, made anew at each start.',
  ),
  'tls-cert-file': text('Serving certificate; absent: one that signs itself.'),
  'tls-private-key-file': text('Key of the serving certificate.'),
  'token-auth-file': text('CSV file with static tokens.'),
})
export type Flags = FlagValues<typeof flags>

/** Everything the server needs to know, files still by name. */
export type Config = {
  readonly flags: Flags
  readonly advertiseAddress: string
  readonly serviceIssuers: readonly string[]
  readonly apiAudiences: readonly string[]
}

/** Checks the flags, all at once. `hostAddresses` are the machine's own, for the default of `--advertise-address`. */
export function parseConfig(values: Flags, hostAddresses: readonly string[]): Config {
  const advertised = values['advertise-address'] || values['bind-address']
  const isAny = advertised === '0.0.0.0' || advertised === '::'
  const advertiseAddress = isAny ? (hostAddresses[0] ?? '127.0.0.1') : advertised
  const problems = [
    ...checkRequired(values),
    ...checkPairs(values),
    ...authenticationFlagProblems(values),
    ...authorizationFlagProblems(values),
    ...checkRanges(values),
    ...checkPublicAddress(values, advertiseAddress),
    ...checkLimits(values),
    ...checkFixed(values),
    ...auditFlagProblems(values),
    ...tlsFlagProblems(values['tls-cipher-suites'], values['tls-min-version']),
    ...values['tls-sni-cert-key']
      .filter((flag) => parseSniFlag(flag) === undefined)
      .map(
        (flag) =>
          `invalid argument ${JSON.stringify(flag)} for "--tls-sni-cert-key" flag: expected comma separated certificate and key file paths`,
      ),
    ...pluginNameProblems(values['enable-admission-plugins'], values['disable-admission-plugins']),
  ]
  if (problems.length > 0) throw new FlagError(problems.join(', '))
  const audiences = values['api-audiences']
  const issuers = values['service-account-issuer']
  return {
    flags: values,
    advertiseAddress,
    serviceIssuers: issuers,
    apiAudiences: audiences.length > 0 ? audiences : issuers,
  }
}

function checkRequired(values: Flags): readonly string[] {
  return [
    ...(values['etcd-servers'].length === 0 ? ['--etcd-servers must be specified'] : []),
    ...(values['service-account-issuer'].length === 0 ? ['--service-account-issuer is a required flag'] : []),
    ...(values['service-account-signing-key-file'] === ''
      ? ['--service-account-signing-key-file is a required flag']
      : []),
  ]
}

function checkPairs(values: Flags): readonly string[] {
  const pairs = [
    ['tls-cert-file', 'tls-private-key-file'],
    ['kubelet-client-certificate', 'kubelet-client-key'],
    ['etcd-certfile', 'etcd-keyfile'],
    ['proxy-client-cert-file', 'proxy-client-key-file'],
  ] as const
  return pairs
    .filter(([a, b]) => (values[a] === '') !== (values[b] === ''))
    .map(([a, b]) => `--${a} and --${b} must be given together`)
}

/** Flags that can only say what is so anyway. To take another value in silence would promise something. */
function checkFixed(values: Flags): readonly string[] {
  const versions = values['runtime-config'].filter((setting) => setting.endsWith('=false') || setting.endsWith('=0'))
  return [
    ...(values['allow-privileged'] ? [] : ['--allow-privileged=false is not supported']),
    ...(values['service-account-lookup'] ? [] : ['--service-account-lookup=false is not supported']),
    ...versions.map((setting) => `--runtime-config ${setting} is not supported: the served versions are fixed`),
    ...(['lease', 'none'].includes(values['endpoint-reconciler-type'])
      ? []
      : ['--endpoint-reconciler-type must be one of ["lease", "none"]']),
    ...(['', 'etcd3'].includes(values['storage-backend'])
      ? []
      : ["--storage-backend invalid, allowed values: etcd3. If not specified, it will default to 'etcd3'"]),
    ...(values['storage-media-type'] === 'application/json'
      ? []
      : [`--storage-media-type ${values['storage-media-type']} is not supported, only application/json`]),
  ]
}

/** Source: `ServerRunOptions.Validate`. */
function checkLimits(values: Flags): readonly string[] {
  const { 'max-requests-inflight': reading, 'max-mutating-requests-inflight': changing } = values
  const chance = values['goaway-chance']
  const limits = [
    'max-requests-inflight',
    'max-mutating-requests-inflight',
    'request-timeout',
    'min-request-timeout',
  ] as const
  return [
    ...limits.filter((flag) => values[flag] < 0).map((flag) => `--${flag} can not be negative value`),
    ...(chance < 0 || chance > 0.02 ? ['--goaway-chance can not be less than 0 or greater than 0.02'] : []),
    ...(values['enable-priority-and-fairness'] && reading + changing <= 0
      ? [
          `invalid configuration: MaxRequestsInFlight=${reading} and MaxMutatingRequestsInFlight=${changing}; they must add up to something positive`,
        ]
      : []),
  ]
}

function checkRanges(values: Flags): readonly string[] {
  const [low = '', high = ''] = values['service-node-port-range'].split('-')
  const arePorts = [low, high].every((port) => /^\d+$/.test(port)) && Number(low) <= Number(high)
  const { 'secure-port': port } = values
  return [
    ...checkServiceRanges(serviceRanges(values)),
    ...(arePorts ? [] : [`--service-node-port-range "${values['service-node-port-range']}" is not a range of ports`]),
    ...(port >= 0 && port <= 65535 ? [] : [`--secure-port ${port} must be between 0 and 65535, inclusive`]),
  ]
}

/** The ranges of `--service-cluster-ip-range`: one, or one of each family. */
export function serviceRanges(values: Flags): readonly string[] {
  return values['service-cluster-ip-range'].split(',')
}

/** Source: upstream's `getServiceIPAndRanges`, `validateClusterIPFlags`, `ServiceIPRange`. */
function checkServiceRanges(texts: readonly string[]): readonly string[] {
  const [first, second] = texts.map(parseSubnet)
  if (first === undefined) return ['service-cluster-ip-range[0] is not a valid cidr']
  if (texts.length > 1 && second === undefined) return ['service-cluster-ip-range[1] is not an ip net']
  const isTooSmall = first.base.bits - first.prefix < 3
  return [
    ...(isTooSmall
      ? [
          'error determining service IP ranges for primary service cidr: the service cluster IP range must be at least 8 IP addresses',
        ]
      : []),
    ...(texts.length > 2 ? ['--service-cluster-ip-range must not contain more than two entries'] : []),
    ...(second?.base.bits === first.base.bits
      ? ['--service-cluster-ip-range[0] and --service-cluster-ip-range[1] must be of different IP family']
      : []),
  ]
}

/** Endpoints of the Service `kubernetes` must be of its family. Source: `validatePublicIPServiceClusterIPRangeIPFamilies`. */
function checkPublicAddress(values: Flags, advertiseAddress: string): readonly string[] {
  const [range = ''] = serviceRanges(values)
  const isSame = range.includes(':') === advertiseAddress.includes(':')
  return isSame || values['endpoint-reconciler-type'] === 'none'
    ? []
    : [`service IP family "${range}" must match public address family "${advertiseAddress}"`]
}

/** The process ends at the latest after what `component-base/main.ts` allows; requests get the better part of it. */
const drainLimitMs = 3_000

/** How the server ends. */
export function shutdownOptions({ flags: values }: Config): ShutdownOptions {
  return {
    delayMs: values['shutdown-delay-duration'],
    sendRetryAfter: values['shutdown-send-retry-after'],
    watchGraceMs: values['shutdown-watch-termination-grace-period'],
    drainLimitMs,
  }
}
