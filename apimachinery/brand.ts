/** Strings that were checked once, at the edge, and are trusted from then on. */
declare const brand: unique symbol
export type Brand<Name extends string> = string & { readonly [brand]: Name }

/** The key of an object in queues and caches: `namespace/name`, or `name` without a namespace. */
export type NamespacedName = Brand<'NamespacedName'>

/** Makes the key; an empty or absent namespace means a cluster-scoped object. */
export function namespacedName(namespace: string | undefined, name: string): NamespacedName {
  return (namespace === undefined || namespace === '' ? name : `${namespace}/${name}`) as NamespacedName
}

/** Takes the key apart again; `namespace` is empty for cluster-scoped objects. */
export function splitNamespacedName(key: NamespacedName): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/')
  return slash < 0 ? { namespace: '', name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** The key of any API object. */
export function objectKey(object: {
  readonly metadata: { readonly name: string; readonly namespace?: string }
}): NamespacedName {
  return namespacedName(object.metadata.namespace, object.metadata.name)
}

/** Ends every `switch` over a union: a case that was forgotten does not compile. */
export function assertNever(value: never): never {
  throw new TypeError(`Unhandled case: ${JSON.stringify(value)}`)
}
