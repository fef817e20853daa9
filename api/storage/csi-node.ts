/** CSINode: the storage drivers on a node. Source: pkg/apis/storage/validation, `printCSINode`. */
import { duplicate, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { validateDriverName } from '../core/volumes.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, repeats, sameJson, when } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn } from '../meta/columns.ts'
import { subdomainName, validateLabelKey } from '../meta/validation.ts'
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
    ...when(again.has(index), duplicate(`${path}.name`, name)),
    ...when(nodeID === '', required(`${path}.nodeID`)),
    ...when(
      nodeID.length > maxNodeId,
      invalidValue(`${path}.nodeID`, nodeID, `must be ${maxNodeId} characters or less`),
    ),
    ...when(
      allocatable?.count !== undefined && allocatable.count < 0,
      invalidValue(`${path}.allocatable.count`, allocatable?.count, 'must be greater than or equal to 0'),
    ),
    ...each(`${path}.topologyKeys`, topologyKeys ?? [], validateLabelKey),
  ])
}

function validateChange({ spec }: CSINode, old: CSINode): Causes {
  return (old.spec.drivers ?? []).flatMap((driver) => {
    const now = (spec.drivers ?? []).find(({ name }) => name === driver.name)
    const { allocatable: _a, ...before } = driver
    const { allocatable: _b, ...after } = now ?? driver
    return when(!sameJson(before, after), invalidValue('CSINodeDriver', driver, 'field is immutable'))
  })
}
