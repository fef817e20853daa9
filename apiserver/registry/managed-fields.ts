/** Records who set which fields. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { CreateOptions, UpdateOptions } from './store.ts'

/** The object with its managed fields brought up to date. */
export function noteManagers(
  _resource: Resource,
  _old: ApiObject | undefined,
  object: ApiObject,
  _options: CreateOptions | UpdateOptions,
  _time: string,
): ApiObject {
  return object
}
