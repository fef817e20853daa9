import type { JsonObject } from '../../apimachinery/json.ts'
import type { Attributes } from './authorizer.ts'
import { selectorAttributes } from './selector-attributes.ts'

/** A question to an authorizer as the `spec` of a `SubjectAccessReview`. */
export function accessQuestion({ user, info }: Attributes): JsonObject {
  const asked = info.isResourceRequest
    ? { resourceAttributes: resourceAttributes(info) }
    : { nonResourceAttributes: { path: info.path, verb: info.verb } }
  const { name, uid, groups, extra } = user
  return {
    ...asked,
    ...given({ user: name, uid: uid ?? '' }),
    ...(groups.length === 0 ? {} : { groups: [...groups] }),
    ...(extra === undefined ? {} : { extra }),
  }
}

function resourceAttributes(info: Attributes['info']): JsonObject {
  const { namespace, verb, group, version, resource, subresource, name } = info
  return { ...given({ namespace, verb, group, version, resource, subresource, name }), ...selectorAttributes(info) }
}

/** Go leaves empty texts out. */
function given(fields: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
}
