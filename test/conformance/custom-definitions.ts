/** Custom kinds for tests: a definition, and waiting until its kind is served. */
import { eventually } from '../fixtures/process.ts'
import type { ConformanceCluster } from './fixture.ts'

export const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

/** A schema that takes everything. */
export const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

export type Version = {
  readonly name: string
  readonly served?: boolean
  readonly storage?: boolean
  readonly schema?: object
  readonly [more: string]: unknown
}
export type Definition = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec: {
    readonly group: string
    readonly names: Readonly<Record<string, unknown>>
    readonly [more: string]: unknown
  }
}

/** One version, served and stored unless it says otherwise; `schema` is the OpenAPI schema itself. */
export function version({ name, served = true, storage = true, schema = anything, ...more }: Version): object {
  return { name, served, storage, schema: { openAPIV3Schema: schema }, ...more }
}

/** A namespaced kind with these versions; the first is stored. */
export function definition(
  group: string,
  kind: string,
  versions: readonly Version[] = [{ name: 'v1' }],
  more: Readonly<Record<string, unknown>> = {},
): Definition {
  const singular = kind.toLowerCase()
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${singular}s.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: `${singular}s`, singular, kind, listKind: `${kind}List` },
      versions: versions.map((one, index) => version({ storage: index === 0, ...one })),
      ...more,
    },
  }
}

/** Creates a definition and waits until its kind is served. */
export async function establish(cluster: ConformanceCluster, body: Definition): Promise<void> {
  await cluster.expectCode(201, definitionsPath, { method: 'POST', body })
  await eventually(`${body.metadata.name} to be established`, async () => {
    const { status } = await cluster.expectCode(200, `${definitionsPath}/${body.metadata.name}`)
    return status.conditions?.some(
      ({ type, status: holds }: { readonly type: string; readonly status: string }) =>
        type === 'Established' && holds === 'True',
    )
  })
}

/** Where the objects of a kind are. */
export function objectsPath({ spec }: Definition, namespace: string, name = 'v1'): string {
  return `/apis/${spec.group}/${name}/namespaces/${namespace}/${String(spec.names['plural'])}`
}
