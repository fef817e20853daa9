/** NetworkPolicy: who may talk to whom. Source: pkg/apis/networking/validation, pkg/apis/networking/v1/defaults.go. */
import { maskAddress, prefixContains } from '../../apimachinery/cel/library/address.ts'
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isPortName, isPortNumber } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, invalidValues, when } from '../meta/causes.ts'
import { ageColumn, formatSelectorColumn, nameColumn, text } from '../meta/columns.ts'
import { lenientPrefix, validateLegacyCidr } from '../meta/ip-validation.ts'
import { cidrWarnings } from '../meta/ip-warnings.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from './v1.ts'

export const networkPolicies = defineResource<NetworkPolicy>({
  facts: factsOf('networking.k8s.io', 'networkpolicies'),
  definition: 'networking.v1.NetworkPolicy',
  validateName: subdomainName,
  defaults: (policy) => ({ ...policy, spec: defaultSpec(policy.spec) }),
  validate: ({ spec }) => validateSpec(spec, new Set()),
  // A policy is changed in arbitrary ways, so that a range counts as old wherever it appears again.
  validateUpdate: ({ spec }, old) => validateSpec(spec, new Set(blocksOf(old.spec).flatMap(rangesOf))),
  warnings: ({ spec }) => blocksOf(spec).flatMap(blockWarnings),
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

type Block = { readonly block: IPBlock; readonly field: string }

/** The ranges of all peers with their paths. */
function blocksOf({ ingress, egress }: NetworkPolicySpec): readonly Block[] {
  const peers = (list: readonly NetworkPolicyPeer[] | undefined, field: string) =>
    (list ?? []).flatMap(({ ipBlock }, i) =>
      ipBlock === undefined ? [] : [{ block: ipBlock, field: `${field}[${i}].ipBlock` }],
    )
  return [
    ...(ingress ?? []).flatMap(({ from }, i) => peers(from, `spec.ingress[${i}].from`)),
    ...(egress ?? []).flatMap(({ to }, i) => peers(to, `spec.egress[${i}].to`)),
  ]
}

function rangesOf({ block: { cidr, except = [] } }: Block): readonly string[] {
  return [cidr, ...except]
}

function blockWarnings({ block: { cidr, except = [] }, field }: Block): readonly string[] {
  return [
    ...cidrWarnings(cidr, `${field}.cidr`),
    ...except.flatMap((hole, i) => cidrWarnings(hole, `${field}.except[${i}]`)),
  ]
}

const policyTypes = ['Ingress', 'Egress']
const protocols = ['TCP', 'UDP', 'SCTP']

function validateSpec(spec: NetworkPolicySpec, known: ReadonlySet<string>): Causes {
  const types = spec.policyTypes ?? []
  const validatePeers = (peers: readonly NetworkPolicyPeer[] | undefined, field: string) =>
    each(field, peers, (peer, path) => validatePeer(peer, known, path))
  return [
    ...validateLabelSelector(spec.podSelector, 'spec.podSelector'),
    ...each('spec.ingress', spec.ingress, ({ ports, from }, path) => [
      ...each(`${path}.ports`, ports, validatePort),
      ...validatePeers(from, `${path}.from`),
    ]),
    ...each('spec.egress', spec.egress, ({ ports, to }, path) => [
      ...each(`${path}.ports`, ports, validatePort),
      ...validatePeers(to, `${path}.to`),
    ]),
    ...(types.length > policyTypes.length
      ? [invalidValue('spec.policyTypes', types, 'may not specify more than two policyTypes')]
      : each('spec.policyTypes', types, (type, path) =>
          when(!policyTypes.includes(type), notSupported(path, type, policyTypes)),
        )),
  ]
}

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, field: string): Causes {
  const end = (detail: string) => [invalidValue(`${field}.endPort`, endPort, detail)]
  return [
    ...when(protocol !== undefined && !protocols.includes(protocol), () =>
      notSupported(`${field}.protocol`, protocol, protocols),
    ),
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

function validatePeer(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  known: ReadonlySet<string>,
  field: string,
): Causes {
  const selects = podSelector !== undefined || namespaceSelector !== undefined
  return [
    ...validateLabelSelector(podSelector, `${field}.podSelector`),
    ...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`),
    ...(ipBlock === undefined ? [] : validateBlock(ipBlock, known, `${field}.ipBlock`)),
    ...when(!selects && ipBlock === undefined, required(field, 'must specify a peer')),
    ...when(selects && ipBlock !== undefined, forbiddenField(field, 'may not specify both ipBlock and another peer')),
  ]
}

function validateBlock({ cidr, except }: IPBlock, known: ReadonlySet<string>, field: string): Causes {
  if (cidr === '') return [required(`${field}.cidr`)]
  const validateRange = (path: string, range: string) => (known.has(range) ? [] : validateLegacyCidr(path, range))
  return [
    ...validateRange(`${field}.cidr`, cidr),
    ...each(`${field}.except`, lenientPrefix(cidr) === undefined ? [] : except, (hole, path) => [
      ...validateRange(path, hole),
      ...when(isOutside(hole, cidr), () => invalidValue(path, hole, 'must be a strict subset of `cidr`')),
    ]),
  ]
}

/** Whether a hole does not lie in its range, or is all of it; false for what is no range at all. */
function isOutside(hole: string, cidr: string): boolean {
  const [inner, outer] = [lenientPrefix(hole), lenientPrefix(cidr)]
  if (inner === undefined || outer === undefined) return false
  return inner.bits <= outer.bits || !prefixContains(outer, maskAddress(inner.address, inner.bits))
}
