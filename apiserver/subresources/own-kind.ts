/**
 * Admission of what is written and not stored as it is: a Binding, an Eviction, a TokenRequest, a review, what a connection asks for.
 * Policies and webhooks see it, and may change it, as they do with any object. Source: upstream's `createHandler`, `ConnectResource`.
 */
import type { DefinitionName, Definitions } from '../../api/facts/table.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { ApiType } from '../../apimachinery/schema/facts.ts'
import { badRequest } from '../../apimachinery/status.ts'
import type { AdmissionRequest, SubresourceView } from '../admission/admission.ts'
import { writeOptionsObject } from '../admission/options.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { asJson, asObject, isDryRun, requiredBody, served } from './answers.ts'
import type { SubresourceContext } from './subresource.ts'

/** Mutating comes before the object is looked at, validating after it has been found good. */
export type OwnAdmission = {
  readonly mutate: <T extends object>(object: T) => Promise<T>
  readonly validate: (object: object) => Promise<void>
}

export type CreatedKind = {
  readonly resource: Resource
  readonly subresource?: string
  readonly definition: string
}

/** Admission of an object that is sent to be created: `pods/binding`, `subjectaccessreviews`. */
export function admissionOfCreated(
  request: ApiRequest,
  context: Pick<SubresourceContext, 'admission'>,
  { resource, subresource = '', definition }: CreatedKind,
): OwnAdmission {
  const { group, version, kind } = resource.facts.subresources?.[subresource] ?? resource.facts
  const type = { kind, apiVersion: group === '' ? version : `${group}/${version}` }
  const view: SubresourceView = { definition, show: asJson, take: (_, shown) => asObject(shown) }
  const attributes = (object: object) => ({
    ...common(request, resource, subresource),
    operation: 'CREATE' as const,
    name: request.info.name === '' ? (metadataOf(object).name ?? '') : request.info.name,
    object: asObject({ ...type, ...object }),
    dryRun: isDryRun(request),
    options: writeOptionsObject(request.query, 'CreateOptions'),
    view,
  })
  return admission(request, context, (object) => attributes(placed(object, request, resource)))
}

/** A review as it is after mutating admission; `validate` is to be called once it has been found good. */
export async function admittedBody<Name extends DefinitionName>(
  request: ApiRequest,
  context: SubresourceContext,
  definition: Name,
): Promise<{ readonly body: ApiType<Definitions, Name>; readonly validate: () => Promise<void> }> {
  const { group, resource: plural } = request.info
  const resource = served(context.store, group, plural)
  const admission = admissionOfCreated(request, context, { resource, definition })
  const sent = await requiredBody(context, request, definition)
  const managed = context.withManagers(request, definition, undefined, asJson({ metadata: {}, ...sent }))
  // Only the managed fields are new.
  const body = await admission.mutate(managed as unknown as typeof sent)
  return { body, validate: async () => await admission.validate(body) }
}

/** Admission of what a connection asks for, such as `PodExecOptions`. */
export function admissionOfConnection(
  request: ApiRequest,
  context: Pick<SubresourceContext, 'admission'>,
  { resource, subresource, name }: { readonly resource: Resource; readonly subresource: string; readonly name: string },
): OwnAdmission {
  return admission(request, context, (object) => ({
    ...common(request, resource, subresource),
    operation: 'CONNECT',
    name,
    object: withMetadata(object),
    dryRun: false,
    view: connectionView,
  }))
}

/** Options have no metadata; the chain's objects do. */
const connectionView: SubresourceView = {
  show: (object) => asJson(withoutMetadata(object)),
  take: (_, shown) => withMetadata(shown),
}

function withMetadata(options: object): ApiObject {
  return asObject({ ...options, metadata: {} })
}

function withoutMetadata({ metadata: _, ...options }: ApiObject): object {
  return options
}

type Attributes = AdmissionRequest & { readonly object: ApiObject; readonly view: SubresourceView }

function admission(
  { signal }: ApiRequest,
  { admission: chain }: Pick<SubresourceContext, 'admission'>,
  attributesOf: (object: object) => Attributes,
): OwnAdmission {
  return {
    mutate: async <T extends object>(object: T): Promise<T> => {
      const attributes = attributesOf(object)
      const admitted = (await chain.mutate(attributes, signal)) ?? attributes.object
      // What is changed is decoded anew as what it was.
      return admitted as unknown as T
    },
    validate: async (object) => await chain.validate(attributesOf(object), signal),
  }
}

function common({ info, user, warn, audit }: ApiRequest, resource: Resource, subresource: string) {
  return {
    resource,
    subresource,
    namespace: resource.facts.namespaced ? info.namespace : '',
    user,
    warn,
    ...(audit === undefined ? {} : { annotate: audit.annotate }),
  }
}

type Named = { readonly name?: string; readonly namespace?: string }

function metadataOf(object: object): Named {
  return (object as { readonly metadata?: Named }).metadata ?? {}
}

/** Source: `EnsureObjectNamespaceMatchesRequestNamespace`. */
function placed(object: object, { info }: ApiRequest, { facts }: Resource): object {
  if (!facts.namespaced) return { metadata: {}, ...object }
  const { name, namespace = '', ...others } = metadataOf(object)
  if (namespace !== '' && namespace !== info.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  return { ...object, metadata: { ...(name === undefined ? {} : { name }), namespace: info.namespace, ...others } }
}
