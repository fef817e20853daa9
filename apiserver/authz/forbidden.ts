/** The 403 answer in upstream's words. */
import { goQuote } from '../../apimachinery/field-errors.ts'
import { StatusError } from '../../apimachinery/status.ts'
import type { Attributes } from './authorizer.ts'

/** `pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"`. */
export function forbiddenRequest(attributes: Attributes, reason: string): StatusError {
  const { info } = attributes
  const denied = escapeHtml(describeDenied(attributes))
  const message = reason === '' ? denied : `${denied}: ${reason}`
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
  const who = `User ${goQuote(user.name)} cannot ${info.verb}`
  if (!info.isResourceRequest) return `${who} path ${goQuote(info.path)}`
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`
  const what = `${who} resource ${goQuote(resource)} in API group ${goQuote(info.group)}`
  return info.namespace === '' ? `${what} at the cluster scope` : `${what} in the namespace ${goQuote(info.namespace)}`
}

/** Answers may end up in a browser. Source: upstream's `sanitizer`. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** The 500 answer when nobody allowed it and an authorizer could not be asked. Source: `responsewriters.InternalError`. */
export function authorizationFailed(url: string, error: string): StatusError {
  return new StatusError('InternalError', escapeHtml(`Internal Server Error: ${goQuote(url)}: ${error}`), {})
}
