/** The parameters that a binding hands to its policy. Source: upstream's `CollectParams`. */
import { parseGroupVersion } from '../../../api/admissionregistration/param-kind.ts'
import type { ParamKind, ParamRef } from '../../../api/admissionregistration/v1.ts'
import type { ApiObject, Resource } from '../../../api/resource.ts'
import { matches, selectorFromLabelSelector } from '../../../apimachinery/selector/labels.ts'
import type { ObjectReader } from '../../registry/reader.ts'

/** A policy or binding that cannot be used as it is written, in upstream's words. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

/** Finds the served resource of a kind. */
export type ResourceOfKind = (group: string, version: string, kind: string) => Resource | undefined

/** The resource of the parameters; `undefined` where the policy has none. Throws `ConfigurationError`. */
export function paramResource(kind: ParamKind | undefined, resourceOfKind: ResourceOfKind): Resource | undefined {
  if (kind === undefined) return undefined
  const { group, version } = parseGroupVersion(kind.apiVersion ?? '') ?? { group: '', version: '' }
  const resource = resourceOfKind(group, version, kind.kind ?? '')
  if (resource?.facts.storagePrefix === undefined) {
    throw new ConfigurationError(
      `failed to find resource referenced by paramKind: '${group}/${version}, Kind=${kind.kind ?? ''}'`,
    )
  }
  return resource
}

/** The parameters of one binding; one `undefined` where none are asked for. Throws `ConfigurationError`. */
export async function collectParams(
  reader: ObjectReader,
  resource: Resource | undefined,
  ref: ParamRef | undefined,
  requestNamespace: string,
): Promise<readonly (ApiObject | undefined)[]> {
  if (resource === undefined || ref === undefined) return [undefined]
  const namespace = paramsNamespace(resource, ref, requestNamespace)
  await reader.prepare?.(resource.facts, namespace)
  const found = find(reader, resource, ref, namespace)
  if (found.length === 0 && ref.parameterNotFoundAction === 'Deny') {
    throw new ConfigurationError('no params found for policy binding with `Deny` parameterNotFoundAction')
  }
  return found
}

function paramsNamespace({ facts }: Resource, ref: ParamRef, requestNamespace: string): string {
  const { namespace = '' } = ref
  if (!facts.namespaced) {
    if (namespace === '') return ''
    throw new ConfigurationError('paramRef.namespace must not be provided for a cluster-scoped `paramKind`')
  }
  if (namespace !== '') return namespace
  if (requestNamespace !== '') return requestNamespace
  throw new ConfigurationError('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources')
}

function find(
  reader: ObjectReader,
  { facts }: Resource,
  { name = '', selector }: ParamRef,
  namespace: string,
): readonly ApiObject[] {
  if (name !== '') {
    if (selector !== undefined) {
      throw new ConfigurationError('paramRef.name and paramRef.selector are mutually exclusive')
    }
    const object = reader.get(facts, namespace, name)
    return object === undefined ? [] : [object]
  }
  if (selector === undefined) throw new ConfigurationError('one of name or selector must be provided')
  const wanted = selectorFromLabelSelector(selector)
  return reader.list(facts, namespace).filter(({ metadata }) => matches(wanted, metadata.labels))
}
