/** Rules of Services. Source: `ValidateService`, `ValidateServiceUpdate`. */
import { duplicate, forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import {
  isCidr,
  isDns1123Label,
  isDns1123Subdomain,
  isIpAddress,
  isPortNumber,
  isQualifiedName,
} from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, oneOf, oneOfInOrder, repeats, when } from '../meta/causes.ts'
import { validateLabels } from '../meta/validation.ts'
import { validateSpecialIp } from './ip-rules.ts'
import { validatePort as validateTarget } from './probes.ts'
import { needsHealthPort } from './service-allocated.ts'
import type { Service, ServicePort, ServiceSpec } from './v1.ts'

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
/** Source: `MaxClientIPServiceAffinitySeconds`. */
const maxAffinitySeconds = 86400
const kubeletPort = 10250

/** What is wrong with a Service. */
export function validateService({ spec }: Service): Causes {
  const { type = '', sessionAffinity = '' } = spec
  return [
    ...when((spec.ports ?? []).length === 0 && !isHeadless(spec) && type !== 'ExternalName', required('spec.ports')),
    ...validateByType(spec),
    ...validatePorts(spec),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...(sessionAffinity === ''
      ? [required('spec.sessionAffinity')]
      : oneOf('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None'])),
    ...validateAffinityConfig(spec),
    ...(type === '' ? [required('spec.type')] : oneOf('spec.type', type, types)),
    ...each('spec.externalIPs', spec.externalIPs, (ip, path) => {
      const messages = invalidValues(path, ip, isIpAddress(ip))
      return messages.length > 0 ? messages : validateSpecialIp(ip, path)
    }),
    ...validateRanges(spec),
    ...validateBalancerFields(spec),
    ...validateTrafficPolicies(spec),
    ...validateAddresses(spec),
  ]
}

function isHeadless({ clusterIP, clusterIPs }: ServiceSpec): boolean {
  return clusterIP === 'None' || clusterIPs?.[0] === 'None'
}

function validateByType(spec: ServiceSpec): Causes {
  const { type, ports = [], externalName = '' } = spec
  const none = (what: string) =>
    when(isHeadless(spec), () =>
      invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${what} services`),
    )
  switch (type) {
    case 'LoadBalancer':
      return [
        ...ports.flatMap(({ port }, index) =>
          when(port === kubeletPort, () =>
            invalidValue(
              `spec.ports[${index}]`,
              port,
              `may not expose port ${kubeletPort} externally since it is used by kubelet`,
            ),
          ),
        ),
        ...none('LoadBalancer'),
      ]
    case 'NodePort':
      return none('NodePort')
    case 'ExternalName':
      return [
        ...when(
          (spec.clusterIPs ?? []).length > 0,
          forbiddenField('spec.clusterIPs', 'may not be set for ExternalName services'),
        ),
        ...when(
          (spec.ipFamilies ?? []).length > 0,
          forbiddenField('spec.ipFamilies', 'may not be set for ExternalName services'),
        ),
        ...when(
          spec.ipFamilyPolicy !== undefined,
          forbiddenField('spec.ipFamilyPolicy', 'may not be set for ExternalName services'),
        ),
        ...(externalName === ''
          ? [required('spec.externalName')]
          : invalidValues('spec.externalName', externalName, isDns1123Subdomain(externalName.replace(/\.$/, '')))),
      ]
    default:
      return []
  }
}

function validatePorts(spec: ServiceSpec): Causes {
  const { ports = [], type } = spec
  const sameName = new Set(repeats(ports.map((port, index) => port.name || `\u0000${index}`)))
  const samePort = new Set(repeats(ports.map(({ protocol, port }) => `${protocol}/${port}`)))
  const sameNodePort = new Set(
    repeats(ports.map(({ protocol, nodePort }, i) => (nodePort ? `${protocol}/${nodePort}` : `\u0000${i}`))),
  )
  return each('spec.ports', ports, (port, path, index) => [
    ...validatePort(port, path, ports.length > 1, sameName.has(index)),
    ...when(
      type === 'ClusterIP' && (port.nodePort ?? 0) !== 0,
      forbiddenField(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'"),
    ),
    ...when(sameNodePort.has(index), () => duplicate(`${path}.nodePort`, port.nodePort)),
    ...when(samePort.has(index), () => duplicate(path, bareKey(port))),
  ])
}

/** As upstream shows it: an internal port with nothing but protocol and number. */
function bareKey({ protocol = '', port }: ServicePort) {
  return { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 }
}

function validatePort(servicePort: ServicePort, field: string, needsName: boolean, again: boolean): Causes {
  const { name = '', port, protocol = '', targetPort = 0, appProtocol = '' } = servicePort
  const messages = name === '' ? [] : isDns1123Label(name)
  return [
    ...when(name === '' && needsName, required(`${field}.name`)),
    ...invalidValues(`${field}.name`, name, messages),
    ...when(again && messages.length === 0, () => duplicate(`${field}.name`, name)),
    ...invalidValues(`${field}.port`, port, isPortNumber(port)),
    ...(protocol === ''
      ? [required(`${field}.protocol`)]
      : oneOf(`${field}.protocol`, protocol, ['SCTP', 'TCP', 'UDP'])),
    ...validateTarget(targetPort, `${field}.targetPort`),
    ...(appProtocol === '' ? [] : invalidValues(`${field}.appProtocol`, appProtocol, isQualifiedName(appProtocol))),
  ]
}

function validateAffinityConfig({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): Causes {
  const field = 'spec.sessionAffinityConfig'
  if (sessionAffinity === 'None') {
    return when(
      sessionAffinityConfig !== undefined,
      forbiddenField(field, 'must not be set when session affinity is None'),
    )
  }
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds
  if (sessionAffinity !== 'ClientIP') return []
  if (seconds === undefined)
    return [required(`${field}.clientIP.timeoutSeconds`, 'when session affinity type is ClientIP')]
  return when(seconds <= 0 || seconds > maxAffinitySeconds, () =>
    invalidValue(
      `${field}.clientIP.timeoutSeconds`,
      seconds,
      `must be greater than 0 and less than ${maxAffinitySeconds}`,
    ),
  )
}

function validateRanges({ type, loadBalancerSourceRanges = [] }: ServiceSpec): Causes {
  if (loadBalancerSourceRanges.length === 0) return []
  const field = 'spec.LoadBalancerSourceRanges'
  if (type !== 'LoadBalancer') return [forbiddenField(field, "may only be used when `type` is 'LoadBalancer'")]
  return each(field, loadBalancerSourceRanges, (range, path) => invalidValues(path, range, isCidr(range.trim())))
}

function validateBalancerFields({ type, allocateLoadBalancerNodePorts, loadBalancerClass }: ServiceSpec): Causes {
  const only = "may only be used when `type` is 'LoadBalancer'"
  const isBalancer = type === 'LoadBalancer'
  return [
    ...when(isBalancer && allocateLoadBalancerNodePorts === undefined, required('spec.allocateLoadBalancerNodePorts')),
    ...when(
      !isBalancer && allocateLoadBalancerNodePorts !== undefined,
      forbiddenField('spec.allocateLoadBalancerNodePorts', only),
    ),
    ...(loadBalancerClass === undefined
      ? []
      : isBalancer
        ? invalidValues('spec.loadBalancerClass', loadBalancerClass, isQualifiedName(loadBalancerClass))
        : [forbiddenField('spec.loadBalancerClass', only)]),
  ]
}

function validateTrafficPolicies(spec: ServiceSpec): Causes {
  const { type, externalIPs = [], externalTrafficPolicy = '', internalTrafficPolicy, healthCheckNodePort = 0 } = spec
  const external = type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && externalIPs.length > 0)
  const policies = ['Cluster', 'Local']
  return [
    ...(external
      ? externalTrafficPolicy === ''
        ? [required('spec.externalTrafficPolicy')]
        : oneOf('spec.externalTrafficPolicy', externalTrafficPolicy, policies)
      : when(externalTrafficPolicy !== '', () =>
          invalidValue(
            'spec.externalTrafficPolicy',
            externalTrafficPolicy,
            'may only be set for externally-accessible services',
          ),
        )),
    ...when(!needsHealthPort(spec) && healthCheckNodePort !== 0, () =>
      invalidValue(
        'spec.healthCheckNodePort',
        healthCheckNodePort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    ),
    ...(internalTrafficPolicy === undefined
      ? when(type !== 'ExternalName', required('spec.internalTrafficPolicy'))
      : oneOf('spec.internalTrafficPolicy', internalTrafficPolicy, policies)),
    ...(spec.trafficDistribution === undefined
      ? []
      : oneOfInOrder('spec.trafficDistribution', spec.trafficDistribution, [
          'PreferClose',
          'PreferSameZone',
          'PreferSameNode',
        ])),
  ]
}

/** Source: `ValidateServiceClusterIPsRelatedFields`. */
function validateAddresses({
  type,
  clusterIP = '',
  clusterIPs = [],
  ipFamilies = [],
  ipFamilyPolicy,
}: ServiceSpec): Causes {
  if (type === 'ExternalName') return []
  return [
    ...(ipFamilyPolicy === undefined
      ? []
      : oneOf('spec.ipFamilyPolicy', ipFamilyPolicy, ['PreferDualStack', 'RequireDualStack', 'SingleStack'])),
    ...each('spec.ipFamilies', ipFamilies, (family, path) => oneOf(path, family, ['IPv4', 'IPv6'])),
    ...repeats(ipFamilies).map((index) => duplicate(`spec.ipFamilies[${index}]`, ipFamilies[index])),
    ...when(clusterIP !== '' && clusterIPs.length === 0, required('spec.clusterIPs')),
    ...when(clusterIPs.length > 0 && clusterIP !== clusterIPs[0], () =>
      invalidValue('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`'),
    ),
    ...when(clusterIPs.length > 2, () => invalidValue('spec.clusterIPs', clusterIPs, 'may only hold up to 2 values')),
    ...each('spec.clusterIPs', clusterIPs, (ip, path, index) => {
      if (ip === 'None' && index === 0) {
        return when(clusterIPs.length > 1, () =>
          invalidValue('spec.clusterIPs', clusterIPs, "'None' must be the first and only value"),
        )
      }
      return invalidValues(path, ip, isIpAddress(ip))
    }),
  ]
}

/** What an update may not do. */
export function validateServiceUpdate(service: Service, old: Service): Causes {
  return [
    ...validateService(service),
    ...validateAddressChange(service.spec, old.spec),
    ...when(
      old.spec.type === 'LoadBalancer' &&
        service.spec.type === 'LoadBalancer' &&
        old.spec.loadBalancerClass !== service.spec.loadBalancerClass,
      () => invalidValue('spec.loadBalancerClass', service.spec.loadBalancerClass, 'may not change once set'),
    ),
  ]
}

function validateAddressChange(spec: ServiceSpec, old: ServiceSpec): Causes {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return []
  const { clusterIPs: now = [] } = spec
  const { clusterIPs: before = [] } = old
  if (before.length === 0) return []
  if (now.length === 0) return [unset]
  const compared = now.length === before.length ? before.length : 1
  return before
    .slice(0, compared)
    .flatMap((ip, index) =>
      when(now[index] !== ip, () => invalidValue(`spec.clusterIPs[${index}]`, now, 'may not change once set')),
    )
}

/** The list is Go's nil slice here, which is shown without quotes. */
const unset = {
  reason: 'FieldValueInvalid',
  field: 'spec.clusterIPs[0]',
  message: 'Invalid value: null: primary clusterIP can not be unset',
} as const

/** What a cloud may report. */
export function validateServiceStatus({ spec, status }: Service): Causes {
  const ingress = status.loadBalancer?.ingress ?? []
  return [
    ...when(
      spec.type !== 'LoadBalancer' && ingress.length > 0,
      forbiddenField('status.loadBalancer.ingress', 'may only be used when `spec.type` is "LoadBalancer"'),
    ),
    ...each('status.loadBalancer.ingress', ingress, ({ ip = '', hostname = '' }, path) => [
      ...(ip === '' ? [] : invalidValues(`${path}.ip`, ip, isIpAddress(ip))),
      ...(hostname === '' ? [] : invalidValues(`${path}.hostname`, hostname, isDns1123Subdomain(hostname))),
      ...when(hostname !== '' && isIpAddress(hostname).length === 0, () =>
        invalidValue(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address'),
      ),
    ]),
  ]
}
