/** Node: a machine that runs pods. Source: `ValidateNode`, `printNode`. */
import { findCondition } from '../../apimachinery/conditions.ts'
import { duplicate, forbiddenField, internalError, invalidValue } from '../../apimachinery/field-errors.ts'
import { isCidr, isLabelValue } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, each, invalidValues, repeats, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { cidrWarnings } from '../meta/ip-warnings.ts'
import { keepSpec } from '../meta/prepare.ts'
import { subdomainName, validateLabelKey } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateQuantity } from './resource-requirements.ts'
import { validateTaintEffect } from './scheduling.ts'
import type { Node, NodeSpec, NodeStatus, Taint } from './v1.ts'

export const nodes = defineResource<Node>({
  facts: factsOf('', 'nodes'),
  definition: 'core.v1.Node',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (node) => ({ ...node, spec: mirrorPodCidr(node.spec), status: defaultStatus(node.status) }),
  validate: validateNode,
  validateUpdate: (node, old) => [...validateNode(node), ...validateChange(node, old)],
  validateStatusUpdate: (node, old) => [...validateNode(node), ...validateChange(node, old)],
  // A kubelet registers itself with its status in one request.
  prepareForCreate: (node) => withoutConfigSource(node),
  prepareForUpdate: (node, old) => ({ ...withoutConfigSource(node, old), status: old.status }),
  warnings: nodeWarnings,
  prepareForStatusUpdate: keepSpec,
  columns: [
    nameColumn,
    text('Status', nodeStatus),
    text('Roles', nodeRoles),
    ageColumn,
    text('Version', (node) => node.status.nodeInfo?.kubeletVersion ?? ''),
    text('Internal-IP', (node) => nodeAddress(node, 'InternalIP'), true),
    text('External-IP', (node) => nodeAddress(node, 'ExternalIP'), true),
    text('OS-Image', (node) => node.status.nodeInfo?.osImage || '<unknown>', true),
    text('Kernel-Version', (node) => node.status.nodeInfo?.kernelVersion || '<unknown>', true),
    text('Container-Runtime', (node) => node.status.nodeInfo?.containerRuntimeVersion || '<unknown>', true),
  ],
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec.unschedulable ?? false) },
})

function defaultStatus(status: NodeStatus): NodeStatus {
  const { capacity, allocatable } = status ?? {}
  return allocatable === undefined && capacity !== undefined ? { ...status, allocatable: capacity } : (status ?? {})
}

/** The old single range and the first of the list say the same. */
function mirrorPodCidr(spec: NodeSpec): NodeSpec {
  const { podCIDR = '', podCIDRs = [] } = spec ?? {}
  if (podCIDR !== '' && podCIDR !== podCIDRs[0]) return { ...spec, podCIDRs: [podCIDR] }
  return podCIDRs[0] === undefined ? (spec ?? {}) : { ...spec, podCIDR: podCIDRs[0] }
}

function validateNode({ spec, status }: Node): Causes {
  return [
    // Taints were annotations once, and upstream still looks for them there.
    ...validateTaints(spec.taints, 'metadata.taints'),
    ...validateAmounts(status),
    ...each('spec.podCIDRs', spec.podCIDRs, (cidr, path) => invalidValues(path, cidr, isCidr(cidr))),
    ...validatePair(spec.podCIDRs ?? []),
  ]
}

function validateAmounts({ capacity, allocatable }: NodeStatus): Causes {
  return Object.entries({ capacity, allocatable }).flatMap(([list, amounts]) =>
    Object.entries(amounts ?? {}).flatMap(([name, amount]) => validateQuantity(name, amount, `status.${list}.${name}`)),
  )
}

/** Two ranges are one of each family. */
function validatePair(cidrs: readonly string[]): Causes {
  if (cidrs.length < 2) return []
  const wrong = cidrs.findIndex((cidr) => isCidr(cidr).length > 0)
  return [
    ...when(wrong >= 0, () =>
      internalError(
        'spec.podCIDRs',
        `invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[${wrong}]: <nil> (invalid CIDR address: ${cidrs[wrong]})`,
      ),
    ),
    ...when(wrong >= 0 || hasTwoOfOneFamily(cidrs), () =>
      invalidValue('spec.podCIDRs', cidrs, 'may specify no more than one CIDR for each IP family'),
    ),
  ]
}

const internalAddress = [
  ['Type', 'type', ''],
  ['Address', 'address', ''],
] as const

function hasTwoOfOneFamily(cidrs: readonly string[]): boolean {
  const six = cidrs.filter((cidr) => cidr.includes(':')).length
  return six > 1 || cidrs.length - six > 1
}

const internalTaint = [
  ['Key', 'key', ''],
  ['Value', 'value', ''],
  ['Effect', 'effect', ''],
  ['TimeAdded', 'timeAdded'],
] as const

/** Taints are unique by key and effect. */
export function validateTaints(taints: readonly Taint[] | undefined, field: string): Causes {
  const again = new Set(repeats((taints ?? []).map(({ key, effect }) => `${key}:${effect}`)))
  return each(field, taints, (taint, path, index) => [
    ...validateLabelKey(taint.key, `${path}.key`),
    ...when(isLabelValue(taint.value ?? '').length > 0, () =>
      invalidValue(`${path}.value`, taint.value, isLabelValue(taint.value ?? '').join(';')),
    ),
    ...validateTaintEffect(taint.effect, `${path}.effect`, false),
    ...(again.has(index)
      ? [withDetail(duplicate(path, asInternal(taint, internalTaint)), 'taints must be unique by key and effect pair')]
      : []),
  ])
}

function withDetail<T extends { readonly message: string }>(cause: T, detail: string): T {
  return { ...cause, message: `${cause.message}: ${detail}` }
}

/** What an update is held to besides; amounts and taints are looked at twice, as upstream does. */
function validateChange(node: Node, old: Node): Causes {
  const addresses = (node.status.addresses ?? []).map((address) => `${address.type}/${address.address}`)
  return [
    ...validateAmounts(node.status),
    ...repeats(addresses).map((index) =>
      duplicate(`status.addresses[${index}]`, asInternal(node.status.addresses?.[index] ?? {}, internalAddress)),
    ),
    ...podCidrChange(node.spec.podCIDRs ?? [], old.spec.podCIDRs ?? []),
    ...when(
      (old.spec.providerID ?? '') !== '' && old.spec.providerID !== node.spec.providerID,
      forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid'),
    ),
    ...validateTaints(node.spec.taints, 'metadata.taints'),
    ...when(node.spec.externalID !== old.spec.externalID, forbiddenField('spec.externalID', 'may not be updated')),
  ]
}

function podCidrChange(now: readonly string[], before: readonly string[]): Causes {
  const cause = forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid')
  if (before.length === 0) return []
  if (now.length !== before.length) return [cause]
  return before.flatMap((cidr, index) => when(now[index] !== cidr, cause))
}

/** The kubelet's configuration once came from here; the feature is gone. Source: `nodeStrategy.PrepareForCreate`. */
function withoutConfigSource(node: Node, old?: Node): Node {
  const { configSource, ...spec } = node.spec
  return configSource === undefined || old?.spec.configSource !== undefined ? node : { ...node, spec }
}

function nodeWarnings({ spec }: Node): readonly string[] {
  return [
    ...(spec.configSource === undefined ? [] : ['spec.configSource: the feature is removed']),
    ...((spec.externalID ?? '') === ''
      ? []
      : ['spec.externalID: this field is deprecated, and is unused by Kubernetes']),
    ...(spec.podCIDRs ?? []).flatMap((cidr, index) => cidrWarnings(cidr, `spec.podCIDRs[${index}]`)),
  ]
}

function nodeStatus({ spec, status }: Node): string {
  const ready = findCondition(status.conditions, 'Ready')
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return spec.unschedulable === true ? `${word},SchedulingDisabled` : word
}

const rolePrefix = 'node-role.kubernetes.io/'

function nodeRoles({ metadata }: Node): string {
  const roles = Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(rolePrefix) && key !== rolePrefix) return [key.slice(rolePrefix.length)]
    return key === 'kubernetes.io/role' && value !== '' ? [value] : []
  })
  return roles.length === 0 ? '<none>' : [...new Set(roles)].sort().join(',')
}

function nodeAddress({ status }: Node, type: string): string {
  return status.addresses?.find((address) => address.type === type)?.address ?? '<none>'
}
