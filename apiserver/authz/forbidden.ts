/** The 403 answer in upstream's words. */
import { StatusError } from '../../apimachinery/status.ts'
import type { Attributes } from './authorizer.ts'

/** `pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"`. */
export function forbiddenRequest(attributes: Attributes, reason: string): StatusError {
  const { info } = attributes
  const message = reason === '' ? describeDenied(attributes) : `${describeDenied(attributes)}: ${reason}`
  if (!info.isResourceRequest) return new StatusError('Forbidden', `forbidden: ${message}`, {})
  const qualified = info.group === '' ? info.resource : `${info.resource}.${info.group}`
  const subject = info.name === '' ? qualified : `${qualified} "${info.name}"`
  return new StatusError('Forbidden', `${subject} is forbidden: ${message}`, {
    ...(info.name === '' ? {} : { name: info.name }),
    ...(info.group === '' ? {} : { group: info.group }),
    kind: info.resource,
  })
}

function describeDenied({ user, info }: Attributes): string {
  const who = user.name === '' ? 'User' : `User ${JSON.stringify(user.name)}`
  if (!info.isResourceRequest) return `${who} cannot ${info.verb} path ${JSON.stringify(info.path)}`
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`
  const what = `${who} cannot ${info.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(info.group)}`
  return info.namespace === ''
    ? `${what} at the cluster scope`
    : `${what} in the namespace ${JSON.stringify(info.namespace)}`
}
