/** The objects of a run: three kinds in one namespace, all with the same annotations and label. */
import type { Item, State } from './history.ts'

/** Unchecked: what comes from a server or from etcd. */
type Parsed = ReturnType<typeof JSON.parse>

export type Kind = {
  readonly resource: string
  /** Of the collection. */
  readonly path: string
  /** In etcd, with the slash at the end. */
  readonly prefix: string
  readonly body: object
}

export const namespace = 'faults'
export const tokenAnnotation = 'faults/token'

export const kinds: readonly Kind[] = [
  {
    resource: 'configmaps',
    path: `/api/v1/namespaces/${namespace}/configmaps`,
    prefix: `/registry/configmaps/${namespace}/`,
    body: { apiVersion: 'v1', kind: 'ConfigMap' },
  },
  {
    resource: 'pods',
    path: `/api/v1/namespaces/${namespace}/pods`,
    prefix: `/registry/pods/${namespace}/`,
    body: { apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ name: 'main', image: 'registry.example/main' }] } },
  },
  {
    resource: 'things',
    path: `/apis/faults.example/v1/namespaces/${namespace}/things`,
    prefix: `/registry/faults.example/things/${namespace}/`,
    body: { apiVersion: 'faults.example/v1', kind: 'Thing', spec: { size: 1 } },
  },
]

export const thingDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.faults.example' },
  spec: {
    group: 'faults.example',
    scope: 'Namespaced',
    names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
          },
        },
      },
    ],
  },
}

const shownCharacters = 40

/** What is compared of an object; long values by their length. */
export function stateOf(object: Parsed): State {
  const { [tokenAnnotation]: token = '', ...fields }: Record<string, string> = object.metadata.annotations ?? {}
  return {
    token,
    uid: object.metadata.uid,
    group: object.metadata.labels?.group ?? '',
    fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, shown(value)])),
  }
}

/** A field as it is compared. */
export function shown(value: string): string {
  return value.length <= shownCharacters ? value : `${value.slice(0, shownCharacters)}… (${value.length})`
}

/** The object's place in a list or event. */
export function itemOf(resource: string, object: Parsed): Item {
  const { name, resourceVersion, annotations } = object.metadata
  return { key: `${resource}/${name}`, revision: Number(resourceVersion), token: annotations?.[tokenAnnotation] ?? '' }
}
