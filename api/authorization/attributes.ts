/** Rules of access reviews. Source: pkg/apis/authorization/validation. */
import { forbiddenField, invalidValue } from '../../apimachinery/field-errors.ts'
import { type Causes, when } from '../meta/causes.ts'

type Attributes = { readonly resourceAttributes?: unknown; readonly nonResourceAttributes?: unknown }
type Subject = { readonly user?: string; readonly groups?: readonly string[] }

/** Either a resource or a path is asked about. */
export function validateAttributes({ resourceAttributes, nonResourceAttributes }: Attributes): Causes {
  const both = resourceAttributes !== undefined && nonResourceAttributes !== undefined
  const neither = resourceAttributes === undefined && nonResourceAttributes === undefined
  return [
    ...when(
      both,
      invalidValue('spec.nonResourceAttributes', {}, 'cannot be specified in combination with resourceAttributes'),
    ),
    ...when(
      neither,
      invalidValue(
        'spec.resourceAttributes',
        undefined,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    ),
  ]
}

/** Somebody is asked about. */
export function validateSubject({ user = '', groups = [] }: Subject): Causes {
  return when(
    user === '' && groups.length === 0,
    invalidValue('spec.user', user, 'at least one of user or group must be specified'),
  )
}

/** A review in a namespace speaks of resources there. */
export function validateLocal(
  namespace: string,
  asked: { readonly namespace?: string } | undefined,
  path: unknown,
): Causes {
  return [
    ...when(
      asked !== undefined && (asked.namespace ?? '') !== namespace,
      invalidValue('spec.resourceAttributes.namespace', asked?.namespace ?? '', 'must match metadata.namespace'),
    ),
    ...when(path !== undefined, forbiddenField('spec.nonResourceAttributes', 'disallowed on this kind of request')),
  ]
}
