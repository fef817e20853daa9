/** What admission plugins ask of a request, and how they refuse it. */
import type { DefinitionName, Definitions } from '../../api/facts/table.ts'
import type { ApiObject } from '../../api/resource.ts'
import type { ApiType } from '../../apimachinery/schema/facts.ts'
import { forbidden, type StatusError } from '../../apimachinery/status.ts'
import type { BuiltIn } from '../registry/typed-reader.ts'
import type { AdmissionRequest } from './admission.ts'

/** Whether the request is about this kind; `subresource` is part of the question. */
export function isAbout(request: AdmissionRequest, { facts }: BuiltIn<DefinitionName>, subresource = ''): boolean {
  const { group, plural } = request.resource.facts
  return group === facts.group && plural === facts.plural && request.subresource === subresource
}

/** The new object as its kind; ask `isAbout` first. */
export function newObject<Name extends DefinitionName>(
  request: AdmissionRequest,
  _kind: BuiltIn<Name>,
): ApiType<Definitions, Name> | undefined {
  return request.object as ApiType<Definitions, Name> | undefined
}

/** The stored object as its kind; ask `isAbout` first. */
export function oldObject<Name extends DefinitionName>(
  request: AdmissionRequest,
  _kind: BuiltIn<Name>,
): ApiType<Definitions, Name> | undefined {
  return request.oldObject as ApiType<Definitions, Name> | undefined
}

/** An object of a kind, handed back to the chain. */
export function asApiObject(object: object): ApiObject {
  return object as ApiObject
}

/** What a mutating plugin returns when it changes nothing. DELETE and CONNECT have no object and the result is unused. */
export function unchanged(request: AdmissionRequest): ApiObject {
  return (request.object ?? request.oldObject) as ApiObject
}

/** `pods "x" is forbidden: …`. */
export function refuse(request: AdmissionRequest, message: string): StatusError {
  const { object, resource, name } = request
  const known = [name, object?.metadata.name, object?.metadata.generateName].find(
    (one) => one !== undefined && one !== '',
  )
  return forbidden(resource.facts, known ?? 'Unknown', message)
}
