/** CSINode: the storage drivers on a node. Source: pkg/apis/storage/validation, `printCSINode`. */
import { duplicate, invalidValue, required } from '../../apimachinery/field-errors.ts'
import type { Json } from '../../apimachinery/json.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { validateDriverName } from '../core/volumes.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, each, invalidValues, repeats, sameJson, when } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { CSINode } from './v1.ts'

const maxNodeId = 256

export const csiNodes = defineResource<CSINode>({
  facts: factsOf('storage.k8s.io', 'csinodes'),
  definition: 'storage.v1.CSINode',
  hasGeneration: false,
  requiresResourceVersion: true,
  validateName: subdomainName,
  validate: validateNode,
  validateUpdate: (node, old) => [...validateNode(node), ...validateChange(node, old)],
  columns: [nameColumn, integer('Drivers', ({ spec }) => (spec.drivers ?? []).length), ageColumn],
})

function validateNode({ spec }: CSINode): Causes {
  const drivers = spec.drivers ?? []
  const again = new Set(repeats(drivers.map(({ name }) => name)))
  return each('spec.drivers', drivers, ({ name, nodeID, allocatable, topologyKeys }, path, index) => [
    ...(name === '' ? [required(`${path}.name`)] : validateDriverName(name, `${path}.name`)),
    ...when(nodeID === '', required(`${path}.nodeID`)),
    ...when(
      nodeID.length > maxNodeId,
      invalidValue(`${path}.nodeID`, nodeID, `must be ${maxNodeId} characters or less`),
    ),
    ...when(
      allocatable?.count !== undefined && allocatable.count < 0,
      invalidValue(`${path}.allocatable.count`, allocatable?.count, 'must be greater than or equal to 0'),
    ),
    ...when(again.has(index), duplicate(`${path}.name`, name)),
    ...validateTopologyKeys(topologyKeys ?? [], path),
  ])
}

/** Upstream tells of a key at the driver, not at the key. */
function validateTopologyKeys(keys: readonly string[], field: string): Causes {
  const again = new Set(repeats(keys))
  return keys.flatMap((key, index) => [
    ...when(key === '', required(field)),
    ...when(again.has(index), duplicate(field, key)),
    ...invalidValues(field, key, isQualifiedName(key)),
  ])
}

function validateChange({ spec }: CSINode, old: CSINode): Causes {
  return (old.spec.drivers ?? []).flatMap((driver) => {
    const now = (spec.drivers ?? []).find(({ name }) => name === driver.name)
    const { allocatable: _a, ...before } = driver
    const { allocatable: _b, ...after } = now ?? driver
    return when(!sameJson(before, after), () =>
      invalidValue('spec.drivers', internalDriver(after), 'field is immutable'),
    )
  })
}

function internalDriver(driver: object): Json {
  return asInternal(driver, [
    ['Name', 'name', ''],
    ['NodeID', 'nodeID', ''],
    ['TopologyKeys', 'topologyKeys'],
    ['Allocatable', 'allocatable'],
  ])
}
