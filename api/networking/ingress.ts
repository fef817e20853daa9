/** Ingress: HTTP from outside. Source: pkg/apis/networking/validation, `printIngress`. */
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { isDns1123Subdomain, isWildcardDns1123Subdomain } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, invalidValues, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { lenientAddress, validateLegacyIp } from '../meta/ip-validation.ts'
import { ipWarnings } from '../meta/ip-warnings.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateBackend, validatePaths } from './ingress-paths.ts'
import type { Ingress, IngressLoadBalancerIngress, IngressSpec, IngressTLS } from './v1.ts'

const classAnnotation = 'kubernetes.io/ingress.class'
const shownHosts = 3

export const ingresses = defineResource<Ingress>({
  facts: factsOf('networking.k8s.io', 'ingresses'),
  definition: 'networking.v1.Ingress',
  metadataRules: { update: 'whole' },
  validateName: subdomainName,
  validate: (ingress) => [...validateSpec(ingress.spec, strict), ...validateClassTwice(ingress)],
  validateUpdate: ({ spec }, old) => validateSpec(spec, leniencyFor(old.spec)),
  validateStatusUpdate: ({ status }, old, warn) => {
    const points = status.loadBalancer?.ingress ?? []
    const before = old.status.loadBalancer?.ingress ?? []
    const causes = each('status.loadBalancer.ingress', points, (point, path) => validatePoint(point, before, path))
    if (causes.length === 0) for (const warning of points.flatMap(pointWarnings)) warn?.(warning)
    return causes
  },
  columns: [
    nameColumn,
    text('Class', ({ metadata, spec }) => spec.ingressClassName ?? metadata.annotations?.[classAnnotation] ?? '<none>'),
    text('Hosts', ({ spec }) => hosts(spec)),
    text('Address', ({ status }) =>
      [...new Set((status.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || ''))]
        .sort()
        .join(','),
    ),
    text('Ports', ({ spec }) => ((spec.tls ?? []).length > 0 ? '80, 443' : '80')),
    ageColumn,
  ],
  warnings: ({ metadata, spec }, old) =>
    old === undefined && metadata.annotations?.[classAnnotation] !== undefined && spec.ingressClassName === undefined
      ? [`annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`]
      : [],
})

function hosts({ rules = [] }: IngressSpec): string {
  const all = rules.map(({ host = '' }) => host).filter((host) => host !== '')
  if (all.length === 0) return '*'
  const list = all.slice(0, shownHosts).join(',')
  return all.length > shownHosts ? `${list} + ${all.length - shownHosts} more...` : list
}

/** Mistakes that a stored object may keep, since they were allowed when it was written. */
type Leniency = { readonly secretNames: boolean; readonly wildcardPaths: boolean }
const strict: Leniency = { secretNames: false, wildcardPaths: false }

function leniencyFor({ tls, rules }: IngressSpec): Leniency {
  return {
    secretNames: (tls ?? []).some(({ secretName = '' }) => validateSecretName(secretName, '').length > 0),
    wildcardPaths: (rules ?? []).some(
      ({ host = '', http }) => host.includes('*') && http !== undefined && validatePaths(http.paths, '').length > 0,
    ),
  }
}

function validateClassTwice({ metadata, spec }: Ingress): Causes {
  const old = metadata.annotations?.[classAnnotation]
  return when(old !== undefined && spec.ingressClassName !== undefined && spec.ingressClassName !== old, () =>
    invalidValue(`annotations.${classAnnotation}`, old, 'must match `ingressClassName` when both are specified'),
  )
}

function validateSpec(spec: IngressSpec, leniency: Leniency): Causes {
  const { rules = [], defaultBackend, tls, ingressClassName } = spec
  return [
    ...when(rules.length === 0 && defaultBackend === undefined, () =>
      invalidValue('spec', null, 'either `defaultBackend` or `rules` must be specified'),
    ),
    ...(defaultBackend === undefined ? [] : validateBackend(defaultBackend, 'spec.defaultBackend')),
    ...each('spec.rules', rules, ({ host = '', http }, path) => [
      ...(host === '' ? [] : validateHost(host, `${path}.host`)),
      ...(http === undefined || (leniency.wildcardPaths && host.includes('*'))
        ? []
        : validatePaths(http.paths, `${path}.http.paths`)),
    ]),
    ...each('spec.tls', tls, (one, path) => validateTls(one, leniency, path)),
    ...(ingressClassName === undefined
      ? []
      : invalidValues('spec.ingressClassName', ingressClassName, isDns1123Subdomain(ingressClassName))),
  ]
}

function validateTls({ hosts: names, secretName = '' }: IngressTLS, leniency: Leniency, field: string): Causes {
  return [
    ...each(`${field}.hosts`, names, (name, path) => validateHostName(name, path)),
    ...(leniency.secretNames ? [] : validateSecretName(secretName, `${field}.secretName`)),
  ]
}

function validateSecretName(name: string, field: string): Causes {
  return name === '' ? [] : invalidValues(field, name, isDns1123Subdomain(name))
}

function validateHost(host: string, field: string): Causes {
  return [...validateNoAddress(host, field), ...validateHostName(host, field)]
}

function validateHostName(host: string, field: string): Causes {
  return invalidValues(field, host, host.includes('*') ? isWildcardDns1123Subdomain(host) : isDns1123Subdomain(host))
}

function validateNoAddress(host: string, field: string): Causes {
  return when(lenientAddress(host) !== undefined, () =>
    invalidValue(field, host, 'must be a DNS name, not an IP address'),
  )
}

function pointWarnings({ ip = '' }: IngressLoadBalancerIngress, index: number): readonly string[] {
  return ipWarnings(ip, `status.loadBalancer.ingress[${index}]`)
}

function validatePoint(
  { ip = '', hostname = '' }: IngressLoadBalancerIngress,
  before: readonly IngressLoadBalancerIngress[],
  field: string,
): Causes {
  const isKept = before.some((point) => point.ip === ip)
  return [
    ...(ip === '' || isKept ? [] : validateLegacyIp(`${field}.ip`, ip)),
    ...(hostname === ''
      ? []
      : [
          ...invalidValues(`${field}.hostname`, hostname, isDns1123Subdomain(hostname)),
          ...validateNoAddress(hostname, `${field}.hostname`),
        ]),
  ]
}
