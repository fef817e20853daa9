/** What is allowed in a Service and yet deserves a word. Source: pkg/api/service/warnings.go. */
import type { Service } from './v1.ts'

/** Warnings for a Service. */
export function serviceWarnings({ spec, metadata }: Service): readonly string[] {
  const headless = spec.clusterIP === 'None'
  const topologyHints = metadata.annotations?.['service.kubernetes.io/topology-mode']
  return [
    ...(topologyHints !== undefined && spec.trafficDistribution !== undefined
      ? ['spec.trafficDistribution: ignored because annotation service.kubernetes.io/topology-mode is set']
      : []),
    ...(headless && (spec.loadBalancerIP ?? '') !== ''
      ? ['spec.loadBalancerIP is ignored when spec.clusterIP is "None"']
      : []),
    ...(headless && (spec.externalIPs ?? []).length > 0
      ? ['spec.externalIPs is ignored when spec.clusterIP is "None"']
      : []),
    ...(headless && spec.sessionAffinity !== 'None'
      ? ['spec.SessionAffinity is ignored when spec.clusterIP is "None"']
      : []),
    ...(spec.type === 'ExternalName' && (spec.externalIPs ?? []).length > 0
      ? ['spec.externalIPs is ignored when spec.type is "ExternalName"']
      : []),
  ]
}
