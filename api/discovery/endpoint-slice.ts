/** EndpointSlice: some of the addresses behind a Service. Source: `ValidateEndpointSlice`, `printEndpointSlice`. */
import { isIP } from 'node:net'
import { duplicate, invalidValue, required } from '../../apimachinery/field-errors.ts'
import {
  isDns1123Label,
  isDns1123Subdomain,
  isLabelValue,
  isPortNumber,
  isQualifiedName,
} from '../../apimachinery/names.ts'
import { validateSpecialIp } from '../core/ip-rules.ts'
import { factsOf } from '../facts/resources.ts'
import { atMost, type Causes, each, immutable, invalidValues, oneOf, repeats, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { bumpOnAnyChange, firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from './v1.ts'

const addressTypes = ['FQDN', 'IPv4', 'IPv6']
const maxEndpoints = 1000
const maxAddresses = 100
const maxPorts = 20000
const maxZoneHints = 8
const shown = 3

export const endpointSlices = defineResource<EndpointSlice>({
  facts: factsOf('discovery.k8s.io', 'endpointslices'),
  definition: 'discovery.v1.EndpointSlice',
  validateName: subdomainName,
  defaults: (slice) =>
    slice.ports === undefined || slice.ports === null
      ? slice
      : {
          ...slice,
          ports: slice.ports.map((port) => ({ ...port, name: port.name ?? '', protocol: port.protocol ?? 'TCP' })),
        },
  validate: validateSlice,
  validateUpdate: (slice, old) => [
    ...validateSlice(slice),
    ...immutable('addressType', slice.addressType, old.addressType),
  ],
  prepareForCreate: firstGeneration,
  prepareForUpdate: bumpOnAnyChange,
  columns: [
    nameColumn,
    text('AddressType', (slice) => slice.addressType),
    text('Ports', (slice) => firstFew((slice.ports ?? []).map(formatPort))),
    text('Endpoints', (slice) => firstFew((slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []))),
    ageColumn,
  ],
})

function validateSlice({ addressType = '', endpoints = [], ports = [] }: EndpointSlice): Causes {
  const again = new Set(repeats((ports ?? []).map((port) => port.name ?? '')))
  return [
    ...(addressType === '' ? [required('addressType')] : oneOf('addressType', addressType, addressTypes)),
    ...atMost('endpoints', endpoints ?? [], maxEndpoints),
    ...each('endpoints', endpoints ?? [], (endpoint, path) => validateEndpoint(endpoint, addressType, path)),
    ...atMost('ports', ports ?? [], maxPorts),
    ...each('ports', ports ?? [], (port, path, index) => validatePort(port, again.has(index), path)),
  ]
}

function validateEndpoint(endpoint: Endpoint, type: string, field: string): Causes {
  const { addresses = [], nodeName, hostname, hints } = endpoint
  return [
    ...when(addresses.length === 0, required(`${field}.addresses`, 'must contain at least 1 address')),
    ...atMost(`${field}.addresses`, addresses, maxAddresses),
    ...each(`${field}.addresses`, addresses, (address, path) => validateAddress(address, type, path)),
    ...(nodeName === undefined ? [] : invalidValues(`${field}.nodeName`, nodeName, isDns1123Subdomain(nodeName))),
    ...Object.entries(endpoint.deprecatedTopology ?? {}).flatMap(([key, value]) => [
      ...invalidValues(`${field}.deprecatedTopology[${key}]`, value, isLabelValue(value)),
    ]),
    ...(hostname === undefined ? [] : invalidValues(`${field}.hostname`, hostname, isDns1123Label(hostname))),
    ...atMost(`${field}.hints.forZones`, hints?.forZones, maxZoneHints),
    ...each(`${field}.hints.forZones`, hints?.forZones, ({ name }, path) =>
      name === '' ? [required(`${path}.name`)] : invalidValues(`${path}.name`, name, isLabelValue(name)),
    ),
    ...atMost(`${field}.hints.forNodes`, hints?.forNodes, maxZoneHints),
  ]
}

function validateAddress(address: string, type: string, field: string): Causes {
  const family = isIP(address)
  switch (type) {
    case 'IPv4':
      return family === 4
        ? validateSpecialIp(address, field)
        : [invalidValue(field, address, 'must be an IPv4 address')]
    case 'IPv6':
      return family === 6
        ? validateSpecialIp(address, field)
        : [invalidValue(field, address, 'must be an IPv6 address')]
    case 'FQDN':
      return invalidValues(field, address, isDns1123Subdomain(address))
    default:
      return []
  }
}

function validatePort(
  { name = '', port, protocol = '', appProtocol }: EndpointPort,
  again: boolean,
  field: string,
): Causes {
  return [
    ...(name === '' ? [] : invalidValues(`${field}.name`, name, isDns1123Label(name))),
    ...when(again, duplicate(`${field}.name`, name)),
    ...(protocol === ''
      ? [required(`${field}.protocol`)]
      : oneOf(`${field}.protocol`, protocol, ['SCTP', 'TCP', 'UDP'])),
    ...(port === undefined ? [] : invalidValues(`${field}.port`, port, isPortNumber(port))),
    ...(appProtocol === undefined
      ? []
      : invalidValues(`${field}.appProtocol`, appProtocol, isQualifiedName(appProtocol))),
  ]
}

function formatPort({ port, name = '' }: EndpointPort): string {
  return port === undefined ? name || '*' : String(port)
}

function firstFew(items: readonly string[]): string {
  if (items.length === 0) return '<unset>'
  const list = items.slice(0, shown).join(',')
  return items.length > shown ? `${list} + ${items.length - shown} more...` : list
}
