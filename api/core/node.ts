/** Node: a machine that runs pods. Source: `ValidateNode`, `printNode`. */
import { findCondition } from '../../apimachinery/conditions.ts'
import { duplicate, forbiddenField, invalidValue } from '../../apimachinery/field-errors.ts'
import { isCidr, isLabelValue } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, each, eachEntry, invalidValues, repeats, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { keepSpec } from '../meta/prepare.ts'
import { subdomainName, validateLabelKey } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateQuantity } from './resource-requirements.ts'
import { validateTaintEffect } from './scheduling.ts'
import type { Node, NodeSpec, NodeStatus, Taint } from './v1.ts'

export const nodes = defineResource<Node>({
  facts: factsOf('', 'nodes'),
  definition: 'core.v1.Node',
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (node) => ({ ...node, spec: mirrorPodCidr(node.spec), status: defaultStatus(node.status) }),
  validate: validateNode,
  validateUpdate: (node, old) => [...validateNode(node), ...validateChange(node, old)],
  validateStatusUpdate: validateNode,
  // A kubelet registers itself with its status in one request.
  prepareForCreate: (node) => node,
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
  const addresses = (status.addresses ?? []).map((address) => `${address.type}/${address.address}`)
  return [
    ...validateTaints(spec.taints, 'spec.taints'),
    ...each('spec.podCIDRs', spec.podCIDRs, (cidr, path) => invalidValues(path, cidr, isCidr(cidr))),
    ...when(hasTwoOfOneFamily(spec.podCIDRs ?? []), () =>
      invalidValue('spec.podCIDRs', spec.podCIDRs, 'may specify no more than one CIDR for each IP family'),
    ),
    ...repeats(addresses).map((index) =>
      duplicate(`status.addresses[${index}]`, asInternal(status.addresses?.[index] ?? {}, internalAddress)),
    ),
    ...eachEntry('status.capacity', status.capacity, (amount, path, name) => validateQuantity(name, amount, path)),
    ...eachEntry('status.allocatable', status.allocatable, (amount, path, name) =>
      validateQuantity(name, amount, path),
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
    ...invalidValues(`${path}.value`, taint.value ?? '', isLabelValue(taint.value ?? '')),
    ...validateTaintEffect(taint.effect, `${path}.effect`, false),
    ...(again.has(index)
      ? [withDetail(duplicate(path, asInternal(taint, internalTaint)), 'taints must be unique by key and effect pair')]
      : []),
  ])
}

function withDetail<T extends { readonly message: string }>(cause: T, detail: string): T {
  return { ...cause, message: `${cause.message}: ${detail}` }
}

function validateChange(node: Node, old: Node): Causes {
  const mayChange = ['podCIDR', 'podCIDRs', 'providerID', 'unschedulable', 'taints', 'configSource']
  const rest = (spec: NodeSpec) => Object.entries(spec).filter(([key]) => !mayChange.includes(key))
  return [
    ...podCidrChange(node.spec.podCIDRs ?? [], old.spec.podCIDRs ?? []),
    ...when(
      (old.spec.providerID ?? '') !== '' && old.spec.providerID !== node.spec.providerID,
      forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid'),
    ),
    ...when(
      !sameJson(Object.fromEntries(rest(node.spec)), Object.fromEntries(rest(old.spec))),
      forbiddenField(
        '[]',
        'node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)',
      ),
    ),
  ]
}

function podCidrChange(now: readonly string[], before: readonly string[]): Causes {
  const message = 'node updates may not change podCIDR except from "" to valid'
  if (before.length === 0) return []
  if (now.length !== before.length) return [forbiddenField('spec.podCIDRs', message)]
  return before.flatMap((cidr, index) => when(now[index] !== cidr, forbiddenField(`spec.podCIDRs[${index}]`, message)))
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
