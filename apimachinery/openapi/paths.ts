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
  readonly answer: 'object' | 'list' | 'status' | 'text'
  readonly codes: readonly number[]
}
export type PathItem = {
  readonly path: string
  readonly tag: string
  readonly parameters: readonly Parameter[]
  readonly operations: readonly Operation[]
}

const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({
  name,
  in: 'query',
  type,
  description,
})
const pathParameter = (name: string, description: string): Parameter => ({
  name,
  in: 'path',
  type: 'string',
  required: true,
  description,
})
const pretty = query('pretty', 'string', "If 'true', then the output is pretty printed.")
const dryRun = query(
  'dryRun',
  'string',
  'When present, indicates that modifications should not be persisted. Valid values are: All.',
)
const fieldManager = query(
  'fieldManager',
  'string',
  'The name associated with the actor or entity that is making these changes.',
)
const fieldValidation = query(
  'fieldValidation',
  'string',
  'What to do with unknown or duplicate fields in the request: Ignore, Warn or Strict.',
)
const force = query('force', 'boolean', 'Whether to take over fields that other managers own. Only for apply patches.')
const writeParameters = [dryRun, fieldManager, fieldValidation]
const deleteParameters = [
  dryRun,
  query(
    'gracePeriodSeconds',
    'integer',
    'The duration in seconds before the object should be deleted. Zero means now.',
  ),
  query(
    'ignoreStoreReadErrorWithClusterBreakingPotential',
    'boolean',
    'Whether to delete an object that cannot be read from the store.',
  ),
  query('orphanDependents', 'boolean', 'Deprecated: please use propagationPolicy.'),
  query('propagationPolicy', 'string', 'Whether and how dependents are collected: Orphan, Background or Foreground.'),
]
const selectorParameters = [
  query('continue', 'string', 'Where to go on with a list that was cut off at its limit.'),
  query('fieldSelector', 'string', 'A selector to restrict the list of returned objects by their fields.'),
  query('labelSelector', 'string', 'A selector to restrict the list of returned objects by their labels.'),
  query('limit', 'integer', 'The maximum number of items of one answer.'),
  query('resourceVersion', 'string', 'A constraint on what resource versions may be served.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is applied to lists.'),
  query('sendInitialEvents', 'boolean', 'Whether a watch begins with the current state, ended by a bookmark.'),
  query('timeoutSeconds', 'integer', 'The time limit of the call.'),
]
const watchParameters = [
  query('allowWatchBookmarks', 'boolean', 'Whether the watch may send events of type BOOKMARK.'),
  query('watch', 'boolean', 'Whether to stream changes of the described objects.'),
]
const listParameters = [...watchParameters.slice(0, 1), ...selectorParameters, ...watchParameters.slice(1)]

/** Every path of a resource, without the deprecated `/watch/` ones and without proxying. */
export function resourcePaths(resource: OpenApiResource): readonly PathItem[] {
  const { group, version, plural, namespaced } = resource
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const tag = `${lowerFirst(groupName(group))}_${version}`
  const place = namespaced
    ? [pathParameter('namespace', 'object name and auth scope, such as for teams and projects')]
    : []
  const named = [pathParameter('name', `name of the ${resource.kind}`), ...place]
  const collection = `${root}/${namespaced ? 'namespaces/{namespace}/' : ''}${plural}`
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
    { path: `${root}/${plural}`, tag, parameters: [...listParameters, pretty], operations: allNamespaces(resource) },
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
  return { prefix: `${groupName(group)}${upperFirst(version)}`, name: `${namespaced ? 'Namespaced' : ''}${kind}` }
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
      parameters: [...deleteParameters, ...selectorParameters],
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
      answer: returnsItself.has(`${gvk.group}/${resource.plural}`) ? 'object' : 'status',
      codes: [200, 202],
    }),
    ...operation(
      'patch',
      resource,
      patchOperation(`patch${prefix}${name}`, gvk, `partially update the specified ${gvk.kind}`),
    ),
  ]
}

/** Kinds whose deletion answers with the object. Source: the `returnDeletedObject` stores. */
const returnsItself: ReadonlySet<string> = new Set([
  '/pods',
  '/services',
  '/serviceaccounts',
  '/persistentvolumes',
  '/persistentvolumeclaims',
  '/podtemplates',
  '/resourcequotas',
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
    parameters: [...writeParameters, force],
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
  query(
    'container',
    'string',
    'The container for which to stream logs. Defaults to only container if there is one container in the pod.',
  ),
  query('follow', 'boolean', 'Follow the log stream of the pod.'),
  query(
    'insecureSkipTLSVerifyBackend',
    'boolean',
    'Whether the apiserver should not confirm the identity of the kubelet.',
  ),
  query('limitBytes', 'integer', 'The number of bytes to read from the server before terminating the log output.'),
  query('previous', 'boolean', 'Return previous terminated container logs.'),
  query('sinceSeconds', 'integer', 'A relative time in seconds before the current time from which to show logs.'),
  query('stream', 'string', 'Which container log stream to return: All, Stdout or Stderr.'),
  query('tailLines', 'integer', 'The number of lines from the end of the logs to show.'),
  query('timestamps', 'boolean', 'Whether to begin every line with its time.'),
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

/** kubectl sends a strategic merge patch to whatever lists it; custom kinds, whose names are in no family, take none. */
export function patchTypesOf(gvk: Gvk, names: ReadonlyMap<string, string>): readonly string[] {
  const isCustom = (names.get(gvkKey(gvk)) ?? '').split('.').length > 3
  return isCustom ? patchTypes.filter((type) => !type.includes('strategic')) : patchTypes
}
