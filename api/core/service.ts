/** Service: one address for many pods. Source: pkg/registry/core/service. */
import { factsOf } from '../facts/resources.ts'
import { ageColumn, formatLabels, nameColumn, orNone, text } from '../meta/columns.ts'
import { keepSpec } from '../meta/prepare.ts'
import { labelName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { keepAllocated, mirrorClusterIp } from './service-allocated.ts'
import { validateService, validateServiceStatus, validateServiceUpdate } from './service-validation.ts'
import { serviceWarnings } from './service-warnings.ts'
import type { Service, ServicePort, ServiceSpec } from './v1.ts'

/** Three hours. Source: `DefaultClientIPServiceAffinitySeconds`. */
const affinitySeconds = 10800

export const services = defineResource<Service>({
  facts: factsOf('', 'services'),
  definition: 'core.v1.Service',
  hasGeneration: false,
  allowCreateOnUpdate: true,
  // Names may begin with a digit since 1.34 (RelaxedServiceNameValidation).
  validateName: labelName,
  defaults: (service) => ({ ...service, spec: defaultServiceSpec(service.spec), status: defaultStatus(service) }),
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  validateStatusUpdate: validateServiceStatus,
  prepareForCreate: (service) => ({ ...service, spec: mirrorClusterIp(service.spec), status: { loadBalancer: {} } }),
  prepareForUpdate: (service, old) => ({ ...service, spec: keepAllocated(service.spec, old.spec), status: old.status }),
  prepareForStatusUpdate: keepSpec,
  columns: [
    nameColumn,
    text('Type', ({ spec }) => spec.type ?? ''),
    text('Cluster-IP', ({ spec }) => orNone(spec.clusterIPs?.[0] ?? spec.clusterIP)),
    text('External-IP', externalIp),
    text('Port(s)', ({ spec }) => orNone((spec.ports ?? []).map(formatPort).join(','))),
    ageColumn,
    text('Selector', ({ spec }) => formatLabels(spec.selector), true),
  ],
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },
  warnings: serviceWarnings,
})

function defaultServiceSpec(spec: ServiceSpec): ServiceSpec {
  const { sessionAffinityConfig, ...rest } = spec ?? {}
  const type = rest.type || 'ClusterIP'
  const sessionAffinity = rest.sessionAffinity || 'None'
  const timeoutSeconds = sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinitySeconds
  return {
    ...rest,
    type,
    sessionAffinity,
    ...(sessionAffinity === 'ClientIP' ? { sessionAffinityConfig: { clientIP: { timeoutSeconds } } } : {}),
    ...(rest.ports === undefined ? {} : { ports: rest.ports.map(defaultPort) }),
    ...(isExternal(type, rest.externalIPs) ? { externalTrafficPolicy: rest.externalTrafficPolicy || 'Cluster' } : {}),
    ...(type === 'ExternalName' ? {} : { internalTrafficPolicy: rest.internalTrafficPolicy ?? 'Cluster' }),
    ...(type === 'LoadBalancer' ? { allocateLoadBalancerNodePorts: rest.allocateLoadBalancerNodePorts ?? true } : {}),
  }
}

/** Source: `service.ExternallyAccessible`. */
export function isExternal(type: string, externalIPs: readonly string[] | undefined): boolean {
  return type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && (externalIPs ?? []).length > 0)
}

function defaultPort(port: ServicePort): ServicePort {
  return { ...port, protocol: port.protocol || 'TCP', targetPort: port.targetPort || port.port }
}

function defaultStatus({ spec, status }: Service): Service['status'] {
  const { loadBalancer = {} } = status ?? {}
  const ingress = loadBalancer.ingress?.map((one) =>
    spec.type === 'LoadBalancer' && one.ip !== undefined && one.ip !== '' ? { ipMode: 'VIP', ...one } : one,
  )
  return { ...status, loadBalancer: { ...loadBalancer, ...(ingress === undefined ? {} : { ingress }) } }
}

function formatPort({ port, nodePort = 0, protocol }: ServicePort): string {
  return nodePort > 0 ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`
}

/** Source: `getServiceExternalIP`. */
function externalIp({ spec, status }: Service): string {
  const balancers = (status.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '')
  const given = spec.externalIPs ?? []
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return orNone(given.join(','))
    case 'LoadBalancer': {
      const all = [...[...new Set(balancers)].sort(), ...given]
      return all.length === 0 ? '<pending>' : all.join(',')
    }
    case 'ExternalName':
      return spec.externalName ?? ''
    default:
      return '<unknown>'
  }
}
