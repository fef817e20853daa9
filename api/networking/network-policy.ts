/** NetworkPolicy: who may talk to whom. Source: pkg/apis/networking/validation, pkg/apis/networking/v1/defaults.go. */
import { BlockList, isIP } from 'node:net'
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isCidr, isPortName, isPortNumber } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, invalidValues, oneOf, when } from '../meta/causes.ts'
import { ageColumn, formatSelectorColumn, nameColumn, text } from '../meta/columns.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from './v1.ts'

export const networkPolicies = defineResource<NetworkPolicy>({
  facts: factsOf('networking.k8s.io', 'networkpolicies'),
  definition: 'networking.v1.NetworkPolicy',
  validateName: subdomainName,
  defaults: (policy) => ({ ...policy, spec: defaultSpec(policy.spec) }),
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: ({ spec }) => validateSpec(spec),
  columns: [nameColumn, text('Pod-Selector', ({ spec }) => formatSelectorColumn(spec.podSelector)), ageColumn],
})

function defaultSpec(spec: NetworkPolicySpec): NetworkPolicySpec {
  const { ingress, egress, policyTypes = [] } = spec ?? {}
  const implied = (egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
  return {
    ...spec,
    ...(ingress === undefined ? {} : { ingress: ingress.map((rule) => withPorts(rule)) }),
    ...(egress === undefined ? {} : { egress: egress.map((rule) => withPorts(rule)) }),
    policyTypes: policyTypes.length === 0 ? implied : policyTypes,
  }
}

function withPorts<T extends { readonly ports?: readonly NetworkPolicyPort[] }>(rule: T): T {
  if (rule.ports === undefined) return rule
  return { ...rule, ports: rule.ports.map((port) => ({ ...port, protocol: port.protocol ?? 'TCP' })) }
}

function validateSpec(spec: NetworkPolicySpec): Causes {
  const types = spec.policyTypes ?? []
  return [
    ...validateLabelSelector(spec.podSelector, 'spec.podSelector'),
    ...each('spec.ingress', spec.ingress, ({ ports, from }, path) => [
      ...each(`${path}.ports`, ports, validatePort),
      ...each(`${path}.from`, from, validatePeer),
    ]),
    ...each('spec.egress', spec.egress, ({ ports, to }, path) => [
      ...each(`${path}.ports`, ports, validatePort),
      ...each(`${path}.to`, to, validatePeer),
    ]),
    ...(types.length > 2
      ? [invalidValue('spec.policyTypes', types, 'may not specify more than two policyTypes')]
      : each('spec.policyTypes', types, (type, path) => oneOf(path, type, ['Egress', 'Ingress']))),
  ]
}

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, field: string): Causes {
  const end = (detail: string) => [invalidValue(`${field}.endPort`, endPort, detail)]
  return [
    ...(protocol === undefined ? [] : oneOf(`${field}.protocol`, protocol, ['SCTP', 'TCP', 'UDP'])),
    ...(port === undefined
      ? endPort === undefined
        ? []
        : end('may not be specified when `port` is not specified')
      : typeof port === 'string'
        ? [
            ...(endPort === undefined ? [] : end('may not be specified when `port` is non-numeric')),
            ...invalidValues(`${field}.port`, port, isPortName(port)),
          ]
        : [
            ...invalidValues(`${field}.port`, port, isPortNumber(port)),
            ...(endPort === undefined ? [] : validateEndPort(port, endPort, `${field}.endPort`)),
          ]),
  ]
}

function validateEndPort(port: number, endPort: number, field: string): Causes {
  return [
    ...when(endPort < port, invalidValue(field, port, 'must be greater than or equal to `port`')),
    ...invalidValues(field, endPort, isPortNumber(endPort)),
  ]
}

function validatePeer(peer: NetworkPolicyPeer, field: string): Causes {
  const { podSelector, namespaceSelector, ipBlock } = peer
  const selects = podSelector !== undefined || namespaceSelector !== undefined
  return [
    ...validateLabelSelector(podSelector, `${field}.podSelector`),
    ...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`),
    ...(ipBlock === undefined ? [] : validateBlock(ipBlock, `${field}.ipBlock`)),
    ...when(!selects && ipBlock === undefined, required(field, 'must specify a peer')),
    ...when(selects && ipBlock !== undefined, forbiddenField(field, 'may not specify both ipBlock and another peer')),
  ]
}

function validateBlock({ cidr, except }: IPBlock, field: string): Causes {
  if (cidr === '') return [required(`${field}.cidr`)]
  const messages = isCidr(cidr)
  if (messages.length > 0) return invalidValues(`${field}.cidr`, cidr, messages)
  return each(`${field}.except`, except, (hole, path) => {
    const wrong = isCidr(hole)
    if (wrong.length > 0) return invalidValues(path, hole, wrong)
    return when(!isStrictSubset(hole, cidr), invalidValue(path, hole, 'must be a strict subset of `cidr`'))
  })
}

function isStrictSubset(inner: string, outer: string): boolean {
  const [address = '', bits = ''] = inner.split('/')
  const [network = '', outerBits = ''] = outer.split('/')
  if (isIP(address) !== isIP(network) || Number(bits) <= Number(outerBits)) return false
  const family = isIP(network) === 6 ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  list.addSubnet(network, Number(outerBits), family)
  return list.check(address, family)
}
