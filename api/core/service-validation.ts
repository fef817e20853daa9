/** Rules of Services. Source: `ValidateService`, `ValidateServiceUpdate`. */
import { duplicate, forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import {
  isDns1123Label,
  isDns1123Subdomain,
  isIpAddress,
  isPortNumber,
  isQualifiedName,
} from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, oneOf, oneOfInOrder, repeats, when } from '../meta/causes.ts'
import { validateLegacyCidr, validateLegacyIp } from '../meta/ip-validation.ts'
import { validateLabels } from '../meta/validation.ts'
import { validateSpecialIp } from './ip-rules.ts'
import { validatePort as validateTarget } from './probes.ts'
import { isHeadless, validateAddressChange, validateServiceAddresses } from './service-addresses.ts'
import { needsHealthPort } from './service-allocated.ts'
import type { Service, ServicePort, ServiceSpec } from './v1.ts'

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
/** Source: `MaxClientIPServiceAffinitySeconds`. */
const maxAffinitySeconds = 86400
const kubeletPort = 10250

/** What is wrong with a Service. `old` may hold addresses that older rules let in. */
export function validateService(service: Service, old?: Service): Causes {
  const { spec } = service
  const { type = '', sessionAffinity = '' } = spec
  return [
    ...when((spec.ports ?? []).length === 0 && !isHeadless(spec) && type !== 'ExternalName', required('spec.ports')),
    ...validateByType(spec),
    ...each('spec.ports', spec.ports, (port, path, index) => validatePort(spec, port, path, index)),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...(sessionAffinity === ''
      ? [required('spec.sessionAffinity')]
      : oneOf('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None'])),
    ...validateAffinityConfig(spec),
    ...validateServiceAddresses(spec, old?.spec),
    ...each('spec.externalIPs', spec.externalIPs, (ip, path) => {
      const messages = (old?.spec.externalIPs ?? []).includes(ip) ? [] : validateLegacyIp(path, ip)
      return messages.length > 0 ? messages : validateSpecialIp(ip, path)
    }),
    ...(type === '' ? [required('spec.type')] : oneOf('spec.type', type, types)),
    ...validatePortsTogether(spec),
    ...validateRanges(service, old),
    ...validateBalancerFields(spec),
    ...validateTrafficPolicies(spec),
  ]
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

function validatePortsTogether({ ports = [], type }: ServiceSpec): Causes {
  const samePort = repeats(ports.map(({ protocol, port }) => `${protocol}/${port}`))
  const sameNodePort = repeats(
    ports.map(({ protocol, nodePort }, i) => (nodePort ? `${protocol}/${nodePort}` : `\u0000${i}`)),
  )
  return [
    ...each('spec.ports', ports, ({ nodePort = 0 }, path) =>
      when(
        type === 'ClusterIP' && nodePort !== 0,
        forbiddenField(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'"),
      ),
    ),
    ...sameNodePort.map((index) => duplicate(`spec.ports[${index}].nodePort`, ports[index]?.nodePort)),
    ...ports.flatMap((port, index) =>
      when(samePort.includes(index), () => duplicate(`spec.ports[${index}]`, bareKey(port))),
    ),
  ]
}

/** As upstream shows it: an internal port with nothing but protocol and number. */
function bareKey({ protocol = '', port }: ServicePort) {
  return { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 }
}

function validatePort({ ports = [] }: ServiceSpec, servicePort: ServicePort, field: string, index: number): Causes {
  const { name = '', port, protocol = '', targetPort = 0, appProtocol = '' } = servicePort
  const messages = name === '' ? [] : isDns1123Label(name)
  return [
    ...when(name === '' && ports.length > 1, required(`${field}.name`)),
    ...invalidValues(`${field}.name`, name, messages),
    ...when(name !== '' && ports.slice(0, index).some((other) => other.name === name), () =>
      duplicate(`${field}.name`, name),
    ),
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

const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges'
const onlyBalancers = "may only be used when `type` is 'LoadBalancer'"

/** Space around a range is part of the API, from when an annotation held them. */
function validateRanges({ spec, metadata }: Service, old: Service | undefined): Causes {
  const { type, loadBalancerSourceRanges = [] } = spec
  const annotation = metadata.annotations?.[rangesAnnotation]
  if (loadBalancerSourceRanges.length > 0) {
    const field = 'spec.LoadBalancerSourceRanges'
    const before = new Set((old?.spec.loadBalancerSourceRanges ?? []).map((range) => range.trim()))
    return [
      ...when(type !== 'LoadBalancer', forbiddenField(field, onlyBalancers)),
      ...each(field, loadBalancerSourceRanges, (range, path) =>
        before.has(range.trim()) ? [] : validateLegacyCidr(path, range.trim()),
      ),
    ]
  }
  if (annotation === undefined) return []
  const field = `metadata.annotations[${rangesAnnotation}]`
  const isNew = old?.metadata.annotations?.[rangesAnnotation] !== annotation && annotation.trim() !== ''
  return [
    ...when(type !== 'LoadBalancer', forbiddenField(field, onlyBalancers)),
    ...(isNew ? annotation.trim().split(',') : []).flatMap((range) => validateLegacyCidr(field, range.trim())),
  ]
}

function validateBalancerFields(spec: ServiceSpec): Causes {
  const { type, allocateLoadBalancerNodePorts } = spec
  const isBalancer = type === 'LoadBalancer'
  return [
    ...when(
      !isBalancer && allocateLoadBalancerNodePorts !== undefined,
      forbiddenField('spec.allocateLoadBalancerNodePorts', onlyBalancers),
    ),
    // As upstream, without the `spec`.
    ...when(isBalancer && allocateLoadBalancerNodePorts === undefined, required('allocateLoadBalancerNodePorts')),
    ...validateBalancerClass(spec),
  ]
}

function validateBalancerClass({ type, loadBalancerClass }: ServiceSpec): Causes {
  const field = 'spec.loadBalancerClass'
  if (loadBalancerClass === undefined) return []
  if (type !== 'LoadBalancer') return [forbiddenField(field, onlyBalancers)]
  return invalidValues(field, loadBalancerClass, isQualifiedName(loadBalancerClass))
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

/** What an update may not do. */
export function validateServiceUpdate(service: Service, old: Service): Causes {
  const { spec } = service
  const isStillBalancer = old.spec.type === 'LoadBalancer' && spec.type === 'LoadBalancer'
  return [
    ...validateAddressChange(spec, old.spec),
    ...when(isStillBalancer && old.spec.loadBalancerClass !== spec.loadBalancerClass, () =>
      invalidValue('spec.loadBalancerClass', spec.loadBalancerClass ?? null, 'may not change once set'),
    ),
    ...validateBalancerClass(spec),
    ...when(
      needsHealthPort(old.spec) &&
        needsHealthPort(spec) &&
        (old.spec.healthCheckNodePort ?? 0) !== (spec.healthCheckNodePort ?? 0),
      forbiddenField('spec.healthCheckNodePort', 'field is immutable'),
    ),
    ...validateService(service, old),
  ]
}

/** What a cloud may report. */
export function validateServiceStatus({ spec, status }: Service): Causes {
  const ingress = status.loadBalancer?.ingress ?? []
  return [
    ...when(
      spec.type !== 'LoadBalancer' && ingress.length > 0,
      forbiddenField('status.loadBalancer.ingress', 'may only be used when `spec.type` is "LoadBalancer"'),
    ),
    ...each('status.loadBalancer.ingress', ingress, ({ ip = '', hostname = '' }, path) => [
      ...(ip === '' ? [] : validateLegacyIp(`${path}.ip`, ip)),
      ...(hostname === '' ? [] : invalidValues(`${path}.hostname`, hostname, isDns1123Subdomain(hostname))),
      ...when(hostname !== '' && isIpAddress(hostname).length === 0, () =>
        invalidValue(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address'),
      ),
    ]),
  ]
}
