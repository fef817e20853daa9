/** From a request's group, version, resource and verb to the handler. */
import type { Resource } from '../../api/resource.ts'
import { goQuote } from '../../apimachinery/field-errors.ts'
import { isPathSegmentName } from '../../apimachinery/names.ts'
import { badRequest, notFound, StatusError } from '../../apimachinery/status.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import { collectionTypes, negotiateOutput, negotiateWithoutTable, refuseUnproducible } from '../http/negotiation.ts'
import type { RequestInfo } from '../http/request-info.ts'
import { sendObject, sendText } from '../http/respond.ts'
import { methodNotAllowed } from '../registry/keys.ts'
import type { SubresourceContext, SubresourceHandler } from '../subresources/subresource.ts'
import type { HandlerContext, ResourceHandler } from './context.ts'
import { createObject } from './create.ts'
import { deleteCollection, deleteObject } from './delete.ts'
import { getObject } from './get.ts'
import { listObjects } from './list.ts'
import { patchObject } from './patch.ts'
import { updateObject } from './update.ts'
import { watchObjects, watchOverSocket } from './watch.ts'

/** Handlers of subresources and virtual resources by `group/plural/subresource`. */
export type SubresourceTable = { readonly get: (path: string) => SubresourceHandler | undefined }

export type DispatchContext = {
  readonly handlers: HandlerContext
  readonly subresources: SubresourceTable
  readonly subresourceContext: SubresourceContext
  /** Whether all paths are known; before, what is not found may be there in a moment. */
  readonly isComplete: () => boolean
}

const handlers: Readonly<Record<string, ResourceHandler>> = {
  get: getObject,
  list: listObjects,
  watch: watchObjects,
  create: createObject,
  update: updateObject,
  patch: patchObject,
  delete: deleteObject,
  deletecollection: deleteCollection,
}
const statusVerbs = new Set(['get', 'update', 'patch'])

/** 404 in upstream's words for a path that no resource has. */
export function resourceNotServed(): StatusError {
  return new StatusError('NotFound', 'the server could not find the requested resource', {})
}

/** Source: upstream's `notfoundhandler`. */
function notComplete(): StatusError {
  const message = 'the request has been made before all known HTTP paths have been installed, please retry'
  return new StatusError('ServiceUnavailable', message, { retryAfterSeconds: 5 })
}

/** Answers a resource request. */
export async function dispatch(context: DispatchContext, request: ApiRequest, response: ApiResponse): Promise<void> {
  const { info } = request
  const { resources } = context.handlers
  if (info.path.startsWith('//')) {
    sendText(response, 404, '404 page not found\n')
    return
  }
  const resource = resources.get(info.group, info.version, info.resource)
  if (resource === undefined) {
    if (!context.isComplete()) throw notComplete()
    if (info.apiPrefix === 'api' || resources.hasGroupVersion(info.group, info.version)) throw resourceNotServed()
    sendText(response, 404, '404 page not found\n')
    return
  }
  if (info.verbInPath === true && info.subresource !== '') throw resourceNotServed()
  checkScope(resource, request)
  checkName(info.parts[1] ?? '')
  if (resource.deprecation !== undefined) request.warn(resource.deprecation)
  const special = context.subresources.get(`${info.group}/${info.resource}/${info.subresource}`)
  if (special !== undefined) await answerSpecial(special, context, request, response)
  else if (info.subresource === '') await plainHandler(resource, request)(context.handlers, resource, request, response)
  else if (info.subresource === 'status' && resource.facts.subresources?.['status'] !== undefined) {
    if (!statusVerbs.has(info.verb)) throw unsupportedVerb(resource, info.verb)
    await plainHandler(resource, request)(context.handlers, resource, request, response)
  } else throw resource.isCustom === true ? notFound(resource.facts, info.name) : resourceNotServed()
}

/** Custom kinds stand before upstream's router, and have words of their own. Source: `NewMethodNotSupported`. */
function unsupportedVerb({ facts, isCustom }: Resource, verb: string): StatusError {
  const { group, plural } = facts
  if (isCustom !== true) return methodNotAllowed()
  const message = `${verb} is not supported on resources of kind "${plural}.${group}"`
  return new StatusError('MethodNotAllowed', message, { group, kind: plural })
}

export type UpgradeHandler = NonNullable<SubresourceHandler['upgrade']>

/** Whether a path has something to say over an upgraded connection. */
export function takesUpgrade({ handlers, subresources }: DispatchContext, info: RequestInfo): boolean {
  const { group, version, resource, subresource, verb } = info
  if (verb === 'watch' && subresource === '') return handlers.resources.get(group, version, resource) !== undefined
  return subresources.get(`${group}/${resource}/${subresource}`)?.upgrade !== undefined
}

/** The handler of an upgraded connection, if the path has one. */
export function upgradeHandler(context: DispatchContext, request: ApiRequest): UpgradeHandler | undefined {
  const { info } = request
  if (info.verb === 'watch' && info.subresource === '') return watchUpgrade(context.handlers, request)
  return context.subresources.get(`${info.group}/${info.resource}/${info.subresource}`)?.upgrade
}

function watchUpgrade(context: HandlerContext, request: ApiRequest): UpgradeHandler {
  const { info } = request
  const resource = context.resources.get(info.group, info.version, info.resource)
  if (resource === undefined) throw resourceNotServed()
  checkScope(resource, request)
  plainHandler(resource, request)
  return async (_, socket, head) => await watchOverSocket(context, resource, request, socket, head)
}

/** Source: `ContextBasedNaming.Name`. */
function checkName(name: string): void {
  const [problem] = isPathSegmentName(name)
  if (problem !== undefined) throw badRequest(`Name parameter invalid: ${goQuote(name)}: ${problem}`)
}

/** Namespaced kinds are found under a namespace; without one they can only be listed and watched. */
function checkScope({ facts, isCustom }: Resource, { info }: ApiRequest): void {
  if (info.verbInPath === true && facts.storagePrefix === undefined) throw resourceNotServed()
  const isNamespacesOwn = facts.group === '' && facts.plural === 'namespaces' && info.parts[1] === info.namespace
  if (!facts.namespaced && info.namespace !== '' && !isNamespacesOwn) throw resourceNotServed()
  // What is only created (bindings) cannot be listed either.
  if (facts.namespaced && info.namespace === '' && facts.storagePrefix === undefined) throw resourceNotServed()
  if (facts.namespaced && info.namespace === '' && !['list', 'watch'].includes(info.verb)) {
    throw info.name === '' && isCustom !== true ? methodNotAllowed() : resourceNotServed()
  }
}

async function answerSpecial(
  handler: SubresourceHandler,
  context: DispatchContext,
  request: ApiRequest,
  response: ApiResponse,
): Promise<void> {
  const { incoming, query, info } = request
  if (!handler.verbs.includes(info.verb)) throw methodNotAllowed()
  // Only connections may begin with any method; upstream's router knows GET but not HEAD.
  if (incoming.method === 'HEAD' && info.subresource !== 'proxy') throw methodNotAllowed()
  // What is only created (reviews, bindings, evictions) has no table form; the client learns that before anything happens.
  const form =
    info.verb === 'create' ? negotiateWithoutTable(incoming.headers, query) : negotiateOutput(incoming.headers, query)
  const answer = await handler.handle(request, response, context.subresourceContext)
  if (answer !== undefined) await sendObject(request, response, answer.code, answer.object, form)
}

const verbsWithName = new Set(['get', 'update', 'patch', 'delete'])

function plainHandler(resource: Resource, { info, incoming }: ApiRequest): ResourceHandler {
  if (info.verbInPath === true) return watchHandler(resource, info, incoming.method)
  const handler = handlers[info.verb]
  const { verbs } = resource.facts
  // A custom kind that goes lists fewer verbs than it answers.
  const isServed = verbs === undefined || resource.isCustom === true || verbs.includes(info.verb)
  if (handler === undefined || !isServed || resource.facts.storagePrefix === undefined) throw methodNotAllowed()
  const hasNameInPath = info.parts[1] !== undefined
  if (hasNameInPath !== verbsWithName.has(info.verb)) throw methodNotAllowed()
  if (resource.isCustom !== true) {
    // Built-in kinds stand behind upstream's router, which knows GET but not HEAD.
    if (incoming.method === 'HEAD') throw methodNotAllowed()
    const isCollection = info.verb === 'list' || info.verb === 'watch'
    refuseUnproducible(incoming.headers, isCollection ? collectionTypes : undefined)
  }
  return handler
}

/** `/api/v1/watch/…`: the deprecated way to ask for a watch, of a collection or of one object. */
function watchHandler({ facts }: Resource, { verb, parts, namespace }: RequestInfo, method: string): ResourceHandler {
  const { verbs, storagePrefix, namespaced } = facts
  const isServed = verb === 'watch' && storagePrefix !== undefined && (verbs === undefined || verbs.includes('watch'))
  const hasName = parts[1] !== undefined
  if (!isServed || (hasName && namespaced && namespace === '')) throw resourceNotServed()
  if (method !== 'GET') throw methodNotAllowed()
  return watchObjects
}
