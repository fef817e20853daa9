/** Endpoints: the addresses behind a Service, in one object. Source: `ValidateEndpoints`, `printEndpoints`. */
import { isIPv6 } from 'node:net'
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import {
  isDns1123Label,
  isDns1123Subdomain,
  isIpAddress,
  isPortNumber,
  isQualifiedName,
} from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, invalidValues, oneOf, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { ipWarnings } from '../meta/ip-warnings.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateSpecialIp } from './ip-rules.ts'
import type { EndpointAddress, EndpointPort, EndpointSubset, Endpoints } from './v1.ts'

export const endpoints = defineResource<Endpoints>({
  facts: factsOf('', 'endpoints'),
  definition: 'core.v1.Endpoints',
  metadataRules: { update: 'whole' },
  allowCreateOnUpdate: true,
  hasGeneration: false,
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  validateName: subdomainName,
  defaults: (object) =>
    object.subsets === undefined ? object : { ...object, subsets: object.subsets.map(defaultSubset) },
  validate: validateEndpoints,
  validateUpdate: validateEndpoints,
  warnings: addressWarnings,
  columns: [nameColumn, text('Endpoints', formatEndpoints), ageColumn],
})

function defaultSubset(subset: EndpointSubset): EndpointSubset {
  if (subset.ports === undefined) return subset
  return { ...subset, ports: subset.ports.map((port) => ({ ...port, protocol: port.protocol || 'TCP' })) }
}

function validateEndpoints({ subsets }: Endpoints): Causes {
  return each('subsets', subsets, ({ addresses = [], notReadyAddresses = [], ports = [] }, path) => [
    ...when(
      addresses.length === 0 && notReadyAddresses.length === 0,
      required(path, 'must specify `addresses` or `notReadyAddresses`'),
    ),
    ...each(`${path}.addresses`, addresses, validateAddress),
    ...each(`${path}.notReadyAddresses`, notReadyAddresses, validateAddress),
    ...each(`${path}.ports`, ports, (port, portPath) => validatePort(port, ports.length > 1, portPath)),
  ])
}

function validateAddress({ ip, hostname = '', nodeName }: EndpointAddress, field: string): Causes {
  const isAddress = isIpAddress(ip).length === 0
  return [
    ...invalidValues(`${field}.ip`, ip, isIpAddress(ip)),
    ...(hostname === '' ? [] : invalidValues(`${field}.hostname`, hostname, isDns1123Label(hostname))),
    ...(nodeName === undefined ? [] : invalidValues(`${field}.nodeName`, nodeName, isDns1123Subdomain(nodeName))),
    ...(isAddress
      ? validateSpecialIp(ip, `${field}.ip`)
      : [invalidValue(`${field}.ip`, ip, 'must be a valid IP address')]),
  ]
}

function validatePort(
  { name = '', port, protocol = '', appProtocol }: EndpointPort,
  needsName: boolean,
  field: string,
): Causes {
  return [
    ...when(needsName && name === '', required(`${field}.name`)),
    ...(name === '' ? [] : invalidValues(`${field}.name`, name, isDns1123Label(name))),
    ...invalidValues(`${field}.port`, port, isPortNumber(port)),
    ...(protocol === ''
      ? [required(`${field}.protocol`)]
      : oneOf(`${field}.protocol`, protocol, ['SCTP', 'TCP', 'UDP'])),
    ...(appProtocol === undefined
      ? []
      : invalidValues(`${field}.appProtocol`, appProtocol, isQualifiedName(appProtocol))),
  ]
}

/** What the controller writes is well written. */
function addressWarnings({ metadata, subsets }: Endpoints): readonly string[] {
  if (metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller') return []
  return (subsets ?? []).flatMap((subset, index) =>
    (['addresses', 'notReadyAddresses'] as const).flatMap((list) =>
      (subset[list] ?? []).flatMap(({ ip }, at) => ipWarnings(ip, `subsets[${index}].${list}[${at}].ip`)),
    ),
  )
}

const shown = 3

function formatEndpoints({ subsets = [] }: Endpoints): string {
  if (subsets.length === 0) return '<none>'
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => (isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`))),
  )
  const list = all.slice(0, shown).join(',')
  return all.length > shown ? `${list} + ${all.length - shown} more...` : list
}
