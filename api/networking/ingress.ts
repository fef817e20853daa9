/** Ingress: HTTP from outside. Source: pkg/apis/networking/validation, `printIngress`. */
import { isIP } from 'node:net'
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import {
  isDns1035Label,
  isDns1123Subdomain,
  isPortName,
  isPortNumber,
  isWildcardDns1123Subdomain,
} from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, each, invalidValues, oneOf, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { HTTPIngressPath, Ingress, IngressBackend, IngressSpec } from './v1.ts'

const classAnnotation = 'kubernetes.io/ingress.class'
const shownHosts = 3

export const ingresses = defineResource<Ingress>({
  facts: factsOf('networking.k8s.io', 'ingresses'),
  definition: 'networking.v1.Ingress',
  validateName: subdomainName,
  validate: (ingress) => [...validateSpec(ingress.spec), ...validateClassTwice(ingress)],
  validateUpdate: ({ spec }) => validateSpec(spec),
  validateStatusUpdate: ({ status }) =>
    each('status.loadBalancer.ingress', status.loadBalancer?.ingress, ({ ip = '', hostname = '' }, path) => [
      ...when(
        ip !== '' && isIP(ip) === 0,
        invalidValue(`${path}.ip`, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
      ),
      ...(hostname === '' ? [] : invalidValues(`${path}.hostname`, hostname, isDns1123Subdomain(hostname))),
    ]),
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
  warnings: ({ metadata }, old) =>
    old === undefined && metadata.annotations?.[classAnnotation] !== undefined
      ? [`annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`]
      : [],
})

function hosts({ rules = [] }: IngressSpec): string {
  const all = rules.map(({ host = '' }) => host).filter((host) => host !== '')
  if (all.length === 0) return '*'
  const list = all.slice(0, shownHosts).join(',')
  return all.length > shownHosts ? `${list} + ${all.length - shownHosts} more...` : list
}

const internalSpec = [
  ['IngressClassName', 'ingressClassName'],
  ['DefaultBackend', 'defaultBackend'],
  ['TLS', 'tls'],
  ['Rules', 'rules'],
] as const

function validateClassTwice({ metadata, spec }: Ingress): Causes {
  const old = metadata.annotations?.[classAnnotation]
  return when(
    old !== undefined && spec.ingressClassName !== undefined,
    invalidValue(`annotations[${classAnnotation}]`, old, 'can not be set when the class field is also set'),
  )
}

function validateSpec(spec: IngressSpec): Causes {
  const { rules = [], defaultBackend, tls, ingressClassName } = spec
  return [
    ...when(rules.length === 0 && defaultBackend === undefined, () =>
      invalidValue('spec', asInternal(spec, internalSpec), 'either `defaultBackend` or `rules` must be specified'),
    ),
    ...(defaultBackend === undefined ? [] : validateBackend(defaultBackend, 'spec.defaultBackend')),
    ...each('spec.rules', rules, ({ host = '', http }, path) => [
      ...(host === '' ? [] : validateHost(host, `${path}.host`)),
      ...(http === undefined ? [] : validatePaths(http.paths, `${path}.http.paths`)),
    ]),
    ...each('spec.tls', tls, ({ hosts: names }, path) =>
      each(`${path}.hosts`, names, (name, hostPath) =>
        invalidValues(hostPath, name, name.includes('*') ? isWildcardDns1123Subdomain(name) : isDns1123Subdomain(name)),
      ),
    ),
    ...(ingressClassName === undefined
      ? []
      : invalidValues('spec.ingressClassName', ingressClassName, isDns1123Subdomain(ingressClassName))),
  ]
}

function validateHost(host: string, field: string): Causes {
  if (isIP(host) !== 0) return [invalidValue(field, host, 'must be a DNS name, not an IP address')]
  return invalidValues(field, host, host.includes('*') ? isWildcardDns1123Subdomain(host) : isDns1123Subdomain(host))
}

function validatePaths(paths: readonly HTTPIngressPath[] | undefined, field: string): Causes {
  if ((paths ?? []).length === 0) return [required(field)]
  return each(field, paths, (one, path) => [
    ...validatePath(one, path),
    ...validateBackend(one.backend, `${path}.backend`),
  ])
}

const badParts = ['//', '/./', '/../', '%2f', '%2F']
const badEnds = ['/..', '/.']

function validatePath({ path = '', pathType }: HTTPIngressPath, field: string): Causes {
  if (pathType === undefined) return [required(`${field}.pathType`, 'pathType must be specified')]
  if (pathType === 'ImplementationSpecific') {
    return when(path !== '' && !path.startsWith('/'), invalidValue(`${field}.path`, path, 'must be an absolute path'))
  }
  if (pathType !== 'Exact' && pathType !== 'Prefix') {
    return oneOf(`${field}.pathType`, pathType, ['Exact', 'ImplementationSpecific', 'Prefix'])
  }
  return [
    ...when(!path.startsWith('/'), invalidValue(`${field}.path`, path, 'must be an absolute path')),
    ...badParts
      .filter((part) => path.includes(part))
      .map((part) => invalidValue(`${field}.path`, path, `must not contain '${part}'`)),
    ...badEnds
      .filter((end) => path.endsWith(end))
      .map((end) => invalidValue(`${field}.path`, path, `cannot end with '${end}'`)),
  ]
}

function validateBackend({ service, resource }: IngressBackend, field: string): Causes {
  if (resource !== undefined && service !== undefined) {
    return [invalidValue(field, '', 'cannot set both resource and service backends')]
  }
  if (resource !== undefined) {
    return [
      ...when(resource.kind === '', required(`${field}.resource.kind`)),
      ...when(resource.name === '', required(`${field}.resource.name`)),
    ]
  }
  if (service === undefined) return [required(field, 'resource or service backend is required')]
  const { name = '', number = 0 } = service.port ?? {}
  const path = `${field}.service`
  return [
    ...(service.name === ''
      ? [required(`${path}.name`)]
      : invalidValues(`${path}.name`, service.name, isDns1035Label(service.name))),
    ...(name !== '' && number !== 0 ? [invalidValue(path, '', 'cannot set both port name & port number')] : []),
    ...(name !== '' && number === 0 ? invalidValues(`${path}.port.name`, name, isPortName(name)) : []),
    ...(name === '' && number !== 0 ? invalidValues(`${path}.port.number`, number, isPortNumber(number)) : []),
    ...when(name === '' && number === 0, required(path, 'port name or number is required')),
  ]
}
