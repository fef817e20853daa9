/** The variable `namespaceObject`. Pure. Source: upstream's `CreateNamespaceObject`. */
import type { JsonObject } from '../../apimachinery/json.ts'

const hidden = new Set(['managedFields', 'ownerReferences', 'selfLink'])

/** `namespaceObject`: the namespace without what only the server needs. */
export function namespaceVariable({ metadata, spec, status }: NamespaceParts): JsonObject {
  return {
    metadata: Object.fromEntries(Object.entries(metadata).filter(([field]) => !hidden.has(field))) as JsonObject,
    ...(spec === undefined ? {} : { spec }),
    ...(status === undefined ? {} : { status }),
  }
}

type NamespaceParts = {
  readonly metadata: object
  readonly spec?: JsonObject
  readonly status?: JsonObject
}
