/** CSIStorageCapacity: how much room there is where. Source: pkg/apis/storage/validation, `printCSIStorageCapacity`. */
import { isDns1123Subdomain } from '../../apimachinery/names.ts'
import { validateQuantity } from '../core/resource-requirements.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, invalidValues } from '../meta/causes.ts'
import { createdAtColumn, nameColumn } from '../meta/columns.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { CSIStorageCapacity } from './v1.ts'

export const csiStorageCapacities = defineResource<CSIStorageCapacity>({
  facts: factsOf('storage.k8s.io', 'csistoragecapacities'),
  definition: 'storage.v1.CSIStorageCapacity',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  requiresResourceVersion: true,
  validateName: subdomainName,
  validate: validateCapacity,
  validateUpdate: (capacity, old) => [
    ...validateCapacity(capacity),
    ...immutable('nodeTopology', capacity.nodeTopology, old.nodeTopology),
    ...immutable('storageClassName', capacity.storageClassName, old.storageClassName),
  ],
  columns: [nameColumn, createdAtColumn],
})

function validateCapacity({ nodeTopology, storageClassName, capacity }: CSIStorageCapacity): Causes {
  return [
    ...validateLabelSelector(nodeTopology, 'nodeTopology'),
    ...invalidValues('storageClassName', storageClassName, isDns1123Subdomain(storageClassName)),
    ...(capacity === undefined ? [] : validateQuantity('storage', capacity, 'capacity')),
  ]
}
