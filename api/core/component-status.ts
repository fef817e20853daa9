/** ComponentStatus: whether a part of the control plane answers. Computed, deprecated. Source: `printComponentStatus`. */
import { findCondition } from '../../apimachinery/conditions.ts'
import { factsOf } from '../facts/resources.ts'
import { nameColumn, text } from '../meta/columns.ts'
import { defineResource } from '../resource.ts'
import type { ComponentStatus } from './v1.ts'

export const componentStatuses = defineResource<ComponentStatus>({
  facts: factsOf('', 'componentstatuses'),
  definition: 'core.v1.ComponentStatus',
  hasGeneration: false,
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  columns: [
    nameColumn,
    text('Status', health),
    text('Message', (object) => healthy(object)?.message ?? ''),
    text('Error', (object) => healthy(object)?.error ?? ''),
  ],
})

function healthy({ conditions }: ComponentStatus) {
  return findCondition(conditions, 'Healthy')
}

function health(object: ComponentStatus): string {
  const status = healthy(object)?.status
  return status === undefined ? 'Unknown' : status === 'True' ? 'Healthy' : 'Unhealthy'
}
