/** Rules of `metav1.Condition`. Source: apimachinery/pkg/apis/meta/v1/validation, `ValidateConditions`. */
import { duplicate, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, nonNegative, oneOf, repeats, when } from './causes.ts'
import type { Condition } from './v1.ts'

const reasonPattern = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?'
const reasonRegExp = new RegExp(`^${reasonPattern}$`)

/** A list of conditions, unique by type. */
export function validateConditions(conditions: readonly Condition[] | undefined, field: string): Causes {
  const again = new Set(repeats((conditions ?? []).map(({ type }) => type)))
  return each(field, conditions, (condition, path, index) => [
    ...when(again.has(index), () => duplicate(`${path}.type`, condition.type)),
    ...validateCondition(condition, path),
  ])
}

function validateCondition(
  { type, status, observedGeneration, lastTransitionTime, reason }: Condition,
  field: string,
): Causes {
  return [
    ...invalidValues(`${field}.type`, type, isQualifiedName(type)),
    ...oneOf(`${field}.status`, status, ['False', 'True', 'Unknown']),
    ...nonNegative(`${field}.observedGeneration`, observedGeneration),
    ...when((lastTransitionTime ?? '') === '', required(`${field}.lastTransitionTime`)),
    ...(reason === ''
      ? [required(`${field}.reason`)]
      : when(!reasonRegExp.test(reason), () =>
          invalidValue(
            `${field}.reason`,
            reason,
            `a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '${reasonPattern}')`,
          ),
        )),
  ]
}
