/** The variables `request` and `namespaceObject`. Pure. Source: upstream's `CreateAdmissionRequest`, `CreateNamespaceObject`. */
import type { Resource } from '../../api/resource.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import type { AdmissionRequest } from '../admission/admission.ts'
import { kindOf, namespaceOf, resourceOf, userInfoOf } from '../admission/webhook/review.ts'

/** `request`: the write as the kind of `asked` and the resource of `matched`. What is empty is not there. */
export function requestVariable(request: AdmissionRequest, asked: Resource, matched: Resource): JsonObject {
  const { operation, user, dryRun, subresource, name } = request
  const namespace = namespaceOf(request)
  return {
    kind: kindOf(asked, subresource),
    resource: resourceOf(matched),
    ...(subresource === '' ? {} : { subResource: subresource }),
    requestKind: kindOf(request.resource, subresource),
    requestResource: resourceOf(request.resource),
    ...(subresource === '' ? {} : { requestSubResource: subresource }),
    ...(name === '' ? {} : { name }),
    ...(namespace === '' ? {} : { namespace }),
    operation,
    userInfo: userInfoOf(user),
    dryRun,
    options: request.options ?? null,
  }
}

const hidden = new Set(['managedFields', 'ownerReferences', 'selfLink'])

/** `namespaceObject`: the namespace without what only the server needs. */
export function namespaceVariable({ metadata, spec, status }: NamespaceParts): JsonObject {
  return {
    metadata: Object.fromEntries(Object.entries(metadata).filter(([field]) => !hidden.has(field))) as JsonObject,
    ...(spec === undefined ? {} : { spec }),
    ...(status === undefined ? {} : { status }),
  }
}

type NamespaceParts = {
  readonly metadata: object
  readonly spec?: JsonObject
  readonly status?: JsonObject
}
