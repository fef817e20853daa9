/** What is allowed in a Service and yet deserves a word. Source: pkg/api/service/warnings.go. */
import type { Service } from './v1.ts'

const oldHints = 'service.kubernetes.io/topology-aware-hints'

/** Warnings for a Service. */
export function serviceWarnings({ spec, metadata }: Service): readonly string[] {
  const headless = spec.type === 'ClusterIP' && spec.clusterIP === 'None'
  const externalIps = (spec.externalIPs ?? []).length > 0
  const named = spec.type === 'ExternalName'
  const rules = [
    [
      metadata.annotations?.[oldHints] !== undefined,
      `annotation ${oldHints} is deprecated, please use service.kubernetes.io/topology-mode instead`,
    ],
    [headless && (spec.loadBalancerIP ?? '') !== '', 'spec.loadBalancerIP is ignored for headless services'],
    [headless && externalIps, 'spec.externalIPs is ignored for headless services'],
    [headless && spec.sessionAffinity !== 'None', 'spec.SessionAffinity is ignored for headless services'],
    [
      externalIps && !headless && !named,
      'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
    ],
    [named && externalIps, 'spec.externalIPs is ignored when spec.type is "ExternalName"'],
    [!named && (spec.externalName ?? '') !== '', 'spec.externalName is ignored when spec.type is not "ExternalName"'],
    [
      spec.trafficDistribution === 'PreferClose',
      'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
    ],
  ] as const
  return rules.filter(([applies]) => applies).map(([, message]) => message)
}
