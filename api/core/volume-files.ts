/** Rules of files that are made from ConfigMaps, Secrets and a pod's own fields. Source: `validateKeyToPath` and around it. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { type Causes, when } from '../meta/causes.ts'
import { validateFieldRef, validateResourceFieldRef } from './env.ts'
import { nonReservedPath } from './local-path.ts'
import type { DownwardAPIVolumeFile, KeyToPath } from './v1.ts'

/** Permission bits and nothing above them. */
export function validateMode(mode: number | undefined, field: string): Causes {
  return when(mode !== undefined && (mode < 0 || mode > 0o777), () =>
    invalidValue(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive'),
  )
}

/** One key of a ConfigMap or Secret as a file. */
export function validateKeyToPath({ key, path, mode }: KeyToPath, field: string): Causes {
  return [
    ...when(key === '', required(`${field}.key`)),
    ...when(path === '', required(`${field}.path`)),
    ...nonReservedPath(path, `${field}.path`),
    ...validateMode(mode, `${field}.mode`),
  ]
}

/** One field of the pod as a file. */
export function validateDownwardFile(file: DownwardAPIVolumeFile, field: string): Causes {
  const { path, fieldRef, resourceFieldRef, mode } = file
  return [
    ...when(path === '', required(`${field}.path`)),
    ...nonReservedPath(path, `${field}.path`),
    ...(fieldRef === undefined ? [] : validateFieldRef(fieldRef, `${field}.fieldRef`, 'volume')),
    ...when(fieldRef !== undefined && resourceFieldRef !== undefined, () =>
      invalidValue(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'),
    ),
    ...(fieldRef !== undefined || resourceFieldRef === undefined
      ? []
      : validateResourceFieldRef(resourceFieldRef, `${field}.resourceFieldRef`, 'volume')),
    ...when(
      fieldRef === undefined && resourceFieldRef === undefined,
      required(field, 'one of fieldRef and resourceFieldRef is required'),
    ),
    ...validateMode(mode, `${field}.mode`),
  ]
}
