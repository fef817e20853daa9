/** Paths inside of a volume, which must stay there. Source: `validateLocalDescendingPath`, `ValidateLocalNonReservedPath`. */
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { type Causes, when } from '../meta/causes.ts'

/** Relative and without a step back. */
export function descendingPath(path: string, field: string): Causes {
  return [
    ...when(path.startsWith('/'), () => invalidValue(field, path, 'must be a relative path')),
    ...noBacksteps(path, field),
  ]
}

/** As `descendingPath`; besides, names with two leading dots are the kubelet's own. */
export function nonReservedPath(path: string, field: string): Causes {
  return [
    ...descendingPath(path, field),
    ...when(path.startsWith('..') && !path.startsWith('../'), () =>
      invalidValue(field, path, "must not start with '..'"),
    ),
  ]
}

/** No part of the path is `..`. */
export function noBacksteps(path: string, field: string, message = "must not contain '..'"): Causes {
  return when(path.split('/').includes('..'), () => invalidValue(field, path, message))
}
