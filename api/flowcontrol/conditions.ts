/** What both kinds hold their conditions to. Source: `ValidateFlowSchemaStatus`, `ValidatePriorityLevelConfigurationStatus`. */
import { duplicate, required } from '../../apimachinery/field-errors.ts'
import { type Causes, repeats, when } from '../meta/causes.ts'

type WithConditions = { readonly conditions?: readonly { readonly type?: string }[] }

/** One condition of each type, and every one has a type. */
export function validateConditions(status: WithConditions | undefined): Causes {
  const types = (status?.conditions ?? []).map(({ type = '' }) => type)
  const repeated = new Set(repeats(types))
  return types.flatMap((type, index) => [
    ...when(repeated.has(index), duplicate(`status.conditions[${index}].type`, type)),
    ...when(type === '', required(`status.conditions[${index}].type`)),
  ])
}
