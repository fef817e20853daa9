/** A reader over plain objects, for tests and for reviews of policies that are not stored. */
import type { ApiObject } from '../../api/resource.ts'
import type { ObjectReader } from './reader.ts'

/** Objects found by kind, namespace and name. */
export function readerOf(objects: readonly object[]): ObjectReader {
  const all = objects as readonly ApiObject[]
  const isOf = (object: ApiObject, group: string, version: string, kind: string): boolean =>
    object.kind === kind && object.apiVersion === (group === '' ? version : `${group}/${version}`)
  return {
    get: ({ group, version, kind }, namespace, name) =>
      all.find(
        (object) =>
          isOf(object, group, version, kind) &&
          (object.metadata.namespace ?? '') === namespace &&
          object.metadata.name === name,
      ),
    list: ({ group, version, kind }, namespace) =>
      all.filter(
        (object) =>
          isOf(object, group, version, kind) &&
          (namespace === undefined || namespace === '' || object.metadata.namespace === namespace),
      ),
    revision: () => 0,
  }
}
