/** EndpointSlice: some of the addresses behind a Service. Source: `ValidateEndpointSlice`, `printEndpointSlice`. */
import { duplicate, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label, isDns1123Subdomain, isLabelValue, isQualifiedName } from '../../apimachinery/names.ts'
import { validateSpecialIp } from '../core/ip-rules.ts'
import { factsOf } from '../facts/resources.ts'
import { atMost, type Causes, each, immutable, invalidValues, oneOf, repeats, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { validateFullyQualifiedName } from '../meta/domain-name.ts'
import { validateIp, validateLegacyIp } from '../meta/ip-validation.ts'
import { ipWarnings } from '../meta/ip-warnings.ts'
import { firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { dropTopology } from './topology.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from './v1.ts'

const addressTypes = ['FQDN', 'IPv4', 'IPv6']
const maxEndpoints = 1000
const maxAddresses = 100
const maxPorts = 20000
const maxHints = 8
const shown = 3
const managedBy = 'endpointslice.kubernetes.io/managed-by'
/** Their addresses are read and written anew, so that there is nothing to warn of. */
const controllers = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io']

export const endpointSlices = defineResource<EndpointSlice>({
  facts: factsOf('discovery.k8s.io', 'endpointslices'),
  definition: 'discovery.v1.EndpointSlice',
  hasGeneration: true,
  validateName: subdomainName,
  defaults: (slice) =>
    slice.ports === undefined || slice.ports === null
      ? slice
      : {
          ...slice,
          ports: slice.ports.map((port) => ({ ...port, name: port.name ?? '', protocol: port.protocol ?? 'TCP' })),
        },
  validate: (slice) => [...validateHead(slice), ...validateEndpoints(slice)],
  validateUpdate: (slice, old) => [
    ...validateHead(slice),
    ...(sameJson(slice.endpoints, old.endpoints) ? [] : validateEndpoints(slice)),
    ...immutable('addressType', slice.addressType, old.addressType),
  ],
  prepareForCreate: (slice) => dropTopology(firstGeneration(slice)),
  prepareForUpdate: (slice, old) => dropTopology(bumpGeneration(slice, old), old),
  warnings: (slice, old) => [
    ...(old === undefined && slice.addressType === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : []),
    ...(controllers.includes(slice.metadata.labels?.[managedBy] ?? '') ? [] : addressWarnings(slice)),
  ],
  columns: [
    nameColumn,
    text('AddressType', (slice) => slice.addressType),
    text('Ports', (slice) => firstFew((slice.ports ?? []).map(formatPort))),
    text('Endpoints', (slice) => firstFew((slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []))),
    ageColumn,
  ],
})

/** Labels count as well: controllers and proxies find a slice's service by them. */
function bumpGeneration(slice: EndpointSlice, old: EndpointSlice): EndpointSlice {
  const { generation = 0, labels } = old.metadata
  const { metadata, ...body } = slice
  const { metadata: _, ...oldBody } = old
  const changed = !sameJson(body, oldBody) || !sameJson(metadata.labels, labels)
  return { ...slice, metadata: { ...metadata, generation: changed ? generation + 1 : generation } }
}

function addressWarnings({ endpoints }: EndpointSlice): readonly string[] {
  return (endpoints ?? []).flatMap(({ addresses }, i) =>
    (addresses ?? []).flatMap((address, j) => ipWarnings(address, `endpoints[${i}].addresses[${j}]`)),
  )
}

function validateHead({ addressType = '', ports }: EndpointSlice): Causes {
  return [
    ...(addressType === '' ? [required('addressType')] : oneOf('addressType', addressType, addressTypes)),
    ...validatePorts(ports ?? []),
  ]
}

function validatePorts(ports: readonly EndpointPort[]): Causes {
  const tooMany = atMost('ports', ports, maxPorts)
  if (tooMany.length > 0) return tooMany
  const again = new Set(repeats(ports.map((port) => port.name ?? '')))
  return each('ports', ports, (port, path, index) => validatePort(port, again.has(index), path))
}

function validateEndpoints({ addressType = '', endpoints }: EndpointSlice): Causes {
  const tooMany = atMost('endpoints', endpoints ?? [], maxEndpoints)
  if (tooMany.length > 0) return tooMany
  return each('endpoints', endpoints ?? [], (endpoint, path) => validateEndpoint(endpoint, addressType, path))
}

function validateEndpoint({ addresses, nodeName, hostname, hints }: Endpoint, type: string, field: string): Causes {
  const list = addresses ?? []
  const path = `${field}.addresses`
  return [
    ...when(list.length === 0, required(path, 'must contain at least 1 address')),
    ...atMost(path, list, maxAddresses),
    ...each(path, list, (address, addressPath) => validateAddress(address, type, addressPath, path)),
    ...(nodeName === undefined ? [] : invalidValues(`${field}.nodeName`, nodeName, isDns1123Subdomain(nodeName))),
    ...(hostname === undefined ? [] : invalidValues(`${field}.hostname`, hostname, isDns1123Label(hostname))),
    ...(hints === undefined ? [] : validateHints(hints, `${field}.hints`)),
  ]
}

function validateHints({ forZones = [], forNodes = [] }: NonNullable<Endpoint['hints']>, field: string): Causes {
  const tooMany = atMost(`${field}.forZones`, forZones, maxHints)
  if (tooMany.length > 0) return tooMany
  return [
    ...validateHintNames(`${field}.forZones`, forZones, isLabelValue),
    ...(forNodes.length > maxHints
      ? atMost(`${field}.forNodes`, forNodes, maxHints)
      : validateHintNames(`${field}.forNodes`, forNodes, isDns1123Subdomain)),
  ]
}

function validateHintNames(
  field: string,
  hints: readonly { readonly name: string }[],
  rule: (name: string) => readonly string[],
): Causes {
  const again = new Set(repeats(hints.map(({ name }) => name)))
  return each(field, hints, ({ name }, path, index) => [
    ...when(again.has(index), duplicate(`${path}.name`, name)),
    ...invalidValues(`${path}.name`, name, rule(name)),
  ])
}

/** An address of the other family is told at the list, `listField`, not at its place in it. */
function validateAddress(address: string, type: string, field: string, listField: string): Causes {
  if (type === 'FQDN') return validateFullyQualifiedName(field, address)
  if (type !== 'IPv4' && type !== 'IPv6') return []
  const causes = type === 'IPv4' ? validateLegacyIp(field, address) : validateIp(field, address)
  if (causes.length > 0) return causes
  return [
    ...when(
      address.includes(':') !== (type === 'IPv6'),
      invalidValue(listField, address, `must be an ${type} address`),
    ),
    ...validateSpecialIp(address, field),
  ]
}

function validatePort({ name = '', protocol = '', appProtocol }: EndpointPort, again: boolean, field: string): Causes {
  return [
    ...(name === '' ? [] : invalidValues(`${field}.name`, name, isDns1123Label(name))),
    ...when(again, duplicate(`${field}.name`, name)),
    ...oneOf(`${field}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']),
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
