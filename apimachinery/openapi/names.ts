/** What definitions are called in OpenAPI documents, and how they are referred to. */

/** `v2` writes references as siblings of other keywords and knows no defaults; `v3` wraps them in `allOf`. */
export type Dialect = 'v2' | 'v3'
/** Prose for a definition, or for one of its fields. */
export type Describe = (definition: string, field?: string) => string | undefined

const packages: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis.meta',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
}

/** `core.v1.Pod` is `io.k8s.api.core.v1.Pod`; custom kinds already have their long name. */
export function longName(definition: string): string {
  const dot = definition.indexOf('.')
  const family = definition.slice(0, dot)
  if (definition === 'version.Info') return 'io.k8s.apimachinery.pkg.version.Info'
  if (definition.split('.').length !== 3) return definition
  return `${packages[family] ?? `io.k8s.api.${family}`}${definition.slice(dot)}`
}

/** Where a dialect keeps its definitions. */
export function reference(dialect: Dialect, name: string): string {
  return dialect === 'v2' ? `#/definitions/${name}` : `#/components/schemas/${name}`
}
