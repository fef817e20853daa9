/** The kind of a policy's parameters as a column shows it. */
import type { ParamKind } from './v1.ts'

/** `v1/ConfigMap`, or `<unset>`. */
export function paramKind(kind: ParamKind | undefined): string {
  return kind === undefined ? '<unset>' : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`
}

/** `namespace/name`, a name for all namespaces as `*`, or `<unset>`. */
export function paramRef(ref: { readonly name?: string; readonly namespace?: string } | undefined): string {
  if (ref === undefined) return '<unset>'
  const { name = '', namespace = '' } = ref
  return namespace === '' ? name : `${namespace}/${name}`
}
