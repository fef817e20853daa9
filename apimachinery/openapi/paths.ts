/**
 * Paths and operations of OpenAPI, derived from what discovery knows of a resource. Parameters and operation ids are upstream's,
 * because clients look at them: kubectl asks whether PATCH of a kind takes `fieldValidation`.
 */
import type { JsonObject } from '../json.ts'

/** What has to be known of a resource; `ResourceFacts` of the api fit. */
export type OpenApiResource = {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  /** Absent: all of them. */
  readonly verbs?: readonly string[]
  readonly subresources?: Readonly<Record<string, OpenApiSubresource>>
}
export type OpenApiSubresource = {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly verbs: readonly string[]
}
export type Gvk = { readonly group: string; readonly version: string; readonly kind: string }
export type Parameter = {
  readonly name: string
  readonly in: 'query' | 'path'
  readonly type: 'string' | 'integer' | 'boolean'
  readonly required?: true
  readonly description?: string
  /** Where its prose is found among the descriptions of `parameters`. */
  readonly text?: string
}
export type Method = 'get' | 'put' | 'post' | 'delete' | 'patch'
export type Operation = {
  readonly method: Method
  readonly operationId: string
  /** Upstream's `x-kubernetes-action`. */
  readonly action: string
  readonly gvk: Gvk
  readonly description: string
  readonly parameters: readonly Parameter[]
  /** What the body and the answer are; `list`: the kind's list. */
  readonly body?: 'object' | 'patch' | 'deleteOptions'
  readonly answer: 'object' | 'list' | 'status' | 'text' | 'event'
  readonly codes: readonly number[]
}
export type PathItem = {
  readonly path: string
  readonly tag: string
  readonly parameters: readonly Parameter[]
  readonly operations: readonly Operation[]
}

const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

const query = (name: string, type: Parameter['type'] = 'string', text = name): Parameter => ({
  name,
  in: 'query',
  type,
  text,
})
const pathParameter = (name: string, description: string): Parameter => ({
  name,
  in: 'path',
  type: 'string',
  required: true,
  description,
})
const pretty = query('pretty')
const writeParameters = [query('dryRun'), query('fieldManager'), query('fieldValidation')]
const patchParameters = [
  query('dryRun'),
  query('fieldManager', 'string', 'patch fieldManager'),
  query('fieldValidation'),
  query('force', 'boolean'),
]
const deleteParameters = [
  query('dryRun'),
  query('gracePeriodSeconds', 'integer'),
  query('ignoreStoreReadErrorWithClusterBreakingPotential', 'boolean'),
  query('orphanDependents', 'boolean'),
  query('propagationPolicy'),
]
const selectorParameters = [
  query('continue'),
  query('fieldSelector'),
  query('labelSelector'),
  query('limit', 'integer'),
  query('resourceVersion'),
  query('resourceVersionMatch'),
  query('sendInitialEvents', 'boolean'),
  query('shardSelector'),
  query('timeoutSeconds', 'integer'),
]
const listParameters = byName([
  ...selectorParameters,
  query('allowWatchBookmarks', 'boolean'),
  query('watch', 'boolean'),
])

function byName(parameters: readonly Parameter[]): readonly Parameter[] {
  return parameters.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Every path of a resource, the deprecated `/watch/` ones last; without proxying. */
export function resourcePaths(resource: OpenApiResource): readonly PathItem[] {
  const { group, version, plural, namespaced } = resource
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const tag = `${lowerFirst(groupName(group))}_${version}`
  const place = namespaced
    ? [pathParameter('namespace', 'object name and auth scope, such as for teams and projects')]
    : []
  const named = [pathParameter('name', `name of the ${resource.kind}`), ...place]
  const watched = byName([...listParameters, pretty, ...place])
  const below = `${namespaced ? 'namespaces/{namespace}/' : ''}${plural}`
  const collection = `${root}/${below}`
  const items: PathItem[] = [
    { path: collection, tag, parameters: [...place, pretty], operations: collectionOperations(resource) },
    { path: `${collection}/{name}`, tag, parameters: [...named, pretty], operations: objectOperations(resource) },
    ...Object.entries(resource.subresources ?? {}).map(
      ([name, subresource]): PathItem => ({
        path: `${collection}/{name}/${name}`,
        tag,
        parameters: [...named, pretty],
        operations: subresourceOperations(resource, name, subresource),
      }),
    ),
    {
      path: `${root}/${plural}`,
      tag,
      parameters: byName([...listParameters, pretty]),
      operations: allNamespaces(resource),
    },
    {
      path: `${root}/watch/${below}`,
      tag,
      parameters: watched,
      operations: watchOperation(resource, `${scopedName(resource)}List`),
    },
    {
      path: `${root}/watch/${below}/{name}`,
      tag,
      parameters: byName([...listParameters, pretty, ...named]),
      operations: watchOperation(resource, scopedName(resource)),
    },
    {
      path: `${root}/watch/${plural}`,
      tag,
      parameters: byName([...listParameters, pretty]),
      operations: watchOperation(resource, `${resource.kind}ListForAllNamespaces`),
    },
  ]
  return items.filter(
    (item, i) => item.operations.length > 0 && items.findIndex(({ path }) => path === item.path) === i,
  )
}

/** `rbac.authorization.k8s.io` is `RbacAuthorization`. */
export function groupName(group: string): string {
  if (group === '') return 'Core'
  const base = group.endsWith('.k8s.io') ? group.slice(0, -'.k8s.io'.length) : group
  return base.split('.').map(upperFirst).join('')
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

function idParts({ group, version, kind, namespaced }: OpenApiResource): { prefix: string; name: string } {
  return { prefix: `${groupName(group)}${upperFirst(version)}`, name: scopedName({ kind, namespaced }) }
}

function scopedName({ kind, namespaced }: Pick<OpenApiResource, 'kind' | 'namespaced'>): string {
  return `${namespaced ? 'Namespaced' : ''}${kind}`
}

/** Paths of a former time, which still answer. */
function watchOperation(resource: OpenApiResource, name: string): readonly Operation[] {
  const gvk = gvkOf(resource)
  const isOne = !/List(?:ForAllNamespaces)?$/.test(name.slice(gvk.kind.length))
  const what = isOne ? `changes to an object of kind ${gvk.kind}` : `individual changes to a list of ${gvk.kind}`
  const instead = "deprecated: use the 'watch' parameter with a list operation instead"
  return operation('watch', resource, {
    method: 'get',
    operationId: `watch${idParts(resource).prefix}${name}`,
    action: isOne ? 'watch' : 'watchlist',
    gvk,
    description: `watch ${what}. ${instead}${isOne ? ", filtered to a single item with the 'fieldSelector' parameter" : ''}.`,
    parameters: [],
    answer: 'event',
    codes: [200],
  })
}

function serves(resource: OpenApiResource, verb: string): boolean {
  return (resource.verbs ?? allVerbs).includes(verb)
}

function operation(verb: string, resource: OpenApiResource, make: Operation): readonly Operation[] {
  return serves(resource, verb) ? [make] : []
}

function collectionOperations(resource: OpenApiResource): readonly Operation[] {
  const { prefix, name } = idParts(resource)
  const gvk = gvkOf(resource)
  return [
    ...operation('list', resource, {
      method: 'get',
      operationId: `list${prefix}${name}`,
      action: 'list',
      gvk,
      description: `list or watch objects of kind ${gvk.kind}`,
      parameters: listParameters,
      answer: 'list',
      codes: [200],
    }),
    ...operation('create', resource, {
      method: 'post',
      operationId: `create${prefix}${name}`,
      action: 'post',
      gvk,
      description: `create ${article(gvk.kind)} ${gvk.kind}`,
      parameters: writeParameters,
      body: 'object',
      answer: 'object',
      codes: [200, 201, 202],
    }),
    ...operation('deletecollection', resource, {
      method: 'delete',
      operationId: `delete${prefix}Collection${name}`,
      action: 'deletecollection',
      gvk,
      description: `delete collection of ${gvk.kind}`,
      parameters: byName([...deleteParameters, ...selectorParameters]),
      body: 'deleteOptions',
      answer: 'status',
      codes: [200],
    }),
  ]
}

function objectOperations(resource: OpenApiResource): readonly Operation[] {
  const { prefix, name } = idParts(resource)
  const gvk = gvkOf(resource)
  return [
    ...operation('get', resource, readOperation(`read${prefix}${name}`, gvk, `read the specified ${gvk.kind}`)),
    ...operation(
      'update',
      resource,
      replaceOperation(`replace${prefix}${name}`, gvk, `replace the specified ${gvk.kind}`),
    ),
    ...operation('delete', resource, {
      method: 'delete',
      operationId: `delete${prefix}${name}`,
      action: 'delete',
      gvk,
      description: `delete ${article(gvk.kind)} ${gvk.kind}`,
      parameters: deleteParameters,
      body: 'deleteOptions',
      answer: returnsDeleted(resource) ? 'object' : 'status',
      codes: [200, 202],
    }),
    ...operation(
      'patch',
      resource,
      patchOperation(`patch${prefix}${name}`, gvk, `partially update the specified ${gvk.kind}`),
    ),
  ]
}

/** Whether a deletion answers with the object, also when it is gone. Source: `ReturnDeletedObject` in upstream's registries. */
export function returnsDeleted({ group, plural }: Pick<OpenApiResource, 'group' | 'plural'>): boolean {
  return returnsItself.has(`${group}/${plural}`)
}

const returnsItself: ReadonlySet<string> = new Set([
  '/persistentvolumeclaims',
  '/persistentvolumes',
  '/pods',
  '/podtemplates',
  '/resourcequotas',
  '/serviceaccounts',
  '/services',
  'resource.k8s.io/deviceclasses',
  'resource.k8s.io/resourceclaims',
  'resource.k8s.io/resourceclaimtemplates',
  'resource.k8s.io/resourceslices',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/storageclasses',
  'storage.k8s.io/volumeattachments',
  'storage.k8s.io/volumeattributesclasses',
])

function readOperation(operationId: string, gvk: Gvk, description: string): Operation {
  return { method: 'get', operationId, action: 'get', gvk, description, parameters: [], answer: 'object', codes: [200] }
}

function replaceOperation(operationId: string, gvk: Gvk, description: string): Operation {
  return {
    method: 'put',
    operationId,
    action: 'put',
    gvk,
    description,
    parameters: writeParameters,
    body: 'object',
    answer: 'object',
    codes: [200, 201],
  }
}

function patchOperation(operationId: string, gvk: Gvk, description: string): Operation {
  return {
    method: 'patch',
    operationId,
    action: 'patch',
    gvk,
    description,
    parameters: patchParameters,
    body: 'patch',
    answer: 'object',
    codes: [200, 201],
  }
}

function subresourceOperations(
  resource: OpenApiResource,
  subresource: string,
  { group, version, kind, verbs }: OpenApiSubresource,
): readonly Operation[] {
  // Connections (exec, proxy, …) are no REST operations; kubectl does not look them up here.
  if (kind.endsWith('Options')) return []
  const { prefix, name } = idParts(resource)
  const gvk: Gvk = { group, version, kind }
  const id = `${prefix}${name}${upperFirst(subresource)}`
  const read = readOperation(`read${id}`, gvk, `read ${subresource} of the specified ${resource.kind}`)
  const all: readonly (readonly [string, Operation])[] = [
    ['get', subresource === 'log' ? { ...read, answer: 'text', parameters: logParameters } : read],
    [
      'create',
      {
        ...replaceOperation(`create${id}`, gvk, `create ${subresource} of ${article(kind)} ${resource.kind}`),
        method: 'post',
        action: 'post',
        codes: [200, 201, 202],
      },
    ],
    ['update', replaceOperation(`replace${id}`, gvk, `replace ${subresource} of the specified ${resource.kind}`)],
    ['patch', patchOperation(`patch${id}`, gvk, `partially update ${subresource} of the specified ${resource.kind}`)],
  ]
  return all.filter(([verb]) => verbs.includes(verb)).map(([, made]) => made)
}

const logParameters = [
  query('container', 'string', 'log container'),
  query('follow', 'boolean'),
  query('insecureSkipTLSVerifyBackend', 'boolean'),
  query('limitBytes', 'integer'),
  query('previous', 'boolean'),
  query('sinceSeconds', 'integer'),
  query('stream'),
  query('tailLines', 'integer'),
  query('timestamps', 'boolean'),
]

function allNamespaces(resource: OpenApiResource): readonly Operation[] {
  if (!resource.namespaced) return []
  const { prefix } = idParts(resource)
  const gvk = gvkOf(resource)
  return operation('list', resource, {
    method: 'get',
    operationId: `list${prefix}${gvk.kind}ForAllNamespaces`,
    action: 'list',
    gvk,
    description: `list or watch objects of kind ${gvk.kind}`,
    parameters: [],
    answer: 'list',
    codes: [200],
  })
}

function gvkOf({ group, version, kind }: OpenApiResource): Gvk {
  return { group, version, kind }
}

function article(noun: string): string {
  return /^[AEIOU]/.test(noun) ? 'an' : 'a'
}

/** What every operation says about the kind it works on. */
export function operationExtensions({ action, gvk }: Operation): JsonObject {
  return { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': gvk }
}

/** What each code means. */
export const codeTexts: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  401: 'Unauthorized',
}

/** One text per kind. */
export function gvkKey({ group, version, kind }: Gvk): string {
  return `${group}/${version}/${kind}`
}

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]

/** kubectl sends a strategic merge patch to whatever lists it; custom kinds take none. */
export function patchTypesOf(gvk: Gvk, names: ReadonlyMap<string, string>): readonly string[] {
  return isCustomKind(gvk, names) ? patchTypes.filter((type) => !type.includes('strategic')) : patchTypes
}

/** The names of custom kinds are in no family. */
export function isCustomKind(gvk: Gvk, names: ReadonlyMap<string, string>): boolean {
  return (names.get(gvkKey(gvk)) ?? '').split('.').length > 3
}
