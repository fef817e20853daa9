/** One audit event as it is written: `audit.k8s.io/v1` `Event`, fields in upstream's order. Pure. */
import { isIP } from 'node:net'
import type { IncomingRequest } from '../http/api-request.ts'
import type { RequestInfo, UserInfo } from '../http/request-info.ts'
import type { AuditLevel, AuditStage } from './policy.ts'

export type AuditUser = {
  readonly username?: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}
export type ObjectReference = {
  readonly resource?: string
  readonly namespace?: string
  readonly name?: string
  readonly uid?: string
  readonly apiGroup?: string
  readonly apiVersion?: string
  readonly resourceVersion?: string
  readonly subresource?: string
}
export type ResponseStatus = {
  readonly metadata: object
  readonly status?: string
  readonly message?: string
  readonly reason?: string
  readonly details?: object
  readonly code?: number
}

/** `requestObject` and `responseObject` are JSON texts, spliced in as they are. */
export type AuditEvent = {
  readonly level: AuditLevel
  readonly auditID: string
  readonly stage: AuditStage
  readonly requestURI: string
  readonly verb: string
  readonly user: AuditUser
  readonly impersonatedUser?: AuditUser
  readonly sourceIPs: readonly string[]
  readonly userAgent: string
  readonly objectRef?: ObjectReference
  readonly responseStatus?: ResponseStatus
  readonly requestObject?: string
  readonly responseObject?: string
  readonly requestReceivedTimestamp: string
  readonly stageTimestamp: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** The event as JSON; `typed` puts `kind` and `apiVersion` in front, which items of a list do not have. */
export function encodeEvent(event: AuditEvent, typed = true): string {
  const { requestObject, responseObject, requestReceivedTimestamp, stageTimestamp, annotations, ...head } = event
  const front = JSON.stringify({
    ...(typed ? { kind: 'Event', apiVersion: 'audit.k8s.io/v1' } : {}),
    ...inOrder(head),
  })
  const back = JSON.stringify({
    requestReceivedTimestamp,
    stageTimestamp,
    ...(annotations === undefined ? {} : { annotations: sorted(annotations) }),
  })
  const objects =
    (requestObject === undefined ? '' : `,"requestObject":${requestObject}`) +
    (responseObject === undefined ? '' : `,"responseObject":${responseObject}`)
  return `${front.slice(0, -1)}${objects},${back.slice(1)}`
}

type Head = Omit<
  AuditEvent,
  'requestObject' | 'responseObject' | 'requestReceivedTimestamp' | 'stageTimestamp' | 'annotations'
>

function inOrder(head: Head): object {
  const { level, auditID, stage, requestURI, verb, user, impersonatedUser } = head
  const { sourceIPs, userAgent, objectRef, responseStatus } = head
  return {
    level,
    auditID,
    stage,
    requestURI,
    verb,
    user,
    ...(impersonatedUser === undefined ? {} : { impersonatedUser }),
    ...(sourceIPs.length === 0 ? {} : { sourceIPs }),
    ...(userAgent === '' ? {} : { userAgent }),
    ...(objectRef === undefined ? {} : { objectRef }),
    ...(responseStatus === undefined ? {} : { responseStatus }),
  }
}

function sorted(map: Readonly<Record<string, string>>): object {
  return Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** Who it was, without what is empty. */
export function auditUser({ name, uid, groups, extra }: UserInfo): AuditUser {
  return {
    ...(name === '' ? {} : { username: name }),
    ...(uid === undefined || uid === '' ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

/** What a resource request is about, as far as its URL says. */
export function objectReference(info: RequestInfo): ObjectReference | undefined {
  if (!info.isResourceRequest) return undefined
  return withoutEmpty({
    resource: info.resource,
    namespace: info.namespace,
    name: info.name,
    apiGroup: info.group,
    apiVersion: info.version,
    subresource: info.subresource,
  })
}

/** Adds what only the object says; what is known already stays. */
export function withObject(reference: ObjectReference | undefined, object: unknown): ObjectReference | undefined {
  const { metadata } = (object ?? {}) as { readonly metadata?: Readonly<Record<string, unknown>> }
  if (metadata === undefined || metadata === null) return reference
  const text = (name: string): string => (typeof metadata[name] === 'string' ? metadata[name] : '')
  const { resource, namespace, name, uid, apiGroup, apiVersion, resourceVersion, subresource } = reference ?? {}
  return withoutEmpty({
    resource,
    namespace: namespace ?? text('namespace'),
    name: name ?? text('name'),
    uid: uid ?? text('uid'),
    apiGroup,
    apiVersion,
    resourceVersion: resourceVersion ?? text('resourceVersion'),
    subresource,
  })
}

function withoutEmpty(reference: Readonly<Record<string, string | undefined>>): ObjectReference {
  return Object.fromEntries(Object.entries(reference).filter(([, text]) => text !== undefined && text !== ''))
}

const longestUserAgent = 1024

/** Shortened as upstream does. */
export function auditUserAgent({ headers }: IncomingRequest): string {
  const agent = headers['user-agent'] ?? ''
  return agent.length > longestUserAgent ? `${agent.slice(0, longestUserAgent)}...TRUNCATED` : agent
}

/** Where a request came from: what proxies say, then the connection's other end. Source: `SourceIPs`. */
export function sourceIps({ headers, connection }: IncomingRequest): readonly string[] {
  const forwarded = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => isIP(part) !== 0)
  const real = String(headers['x-real-ip'] ?? '')
  const chain = isIP(real) === 0 || forwarded.includes(real) ? forwarded : [...forwarded, real]
  const remote = connection.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '')
  return remote === undefined || chain.at(-1) === remote ? chain : [...chain, remote]
}

/** The event as one line of text. Source: upstream's `EventString`. */
export function legacyLine(event: AuditEvent): string {
  const quote = (texts: readonly string[]): string => texts.map((text) => JSON.stringify(text)).join(',')
  const { user, impersonatedUser: as } = event
  const parts: readonly (readonly [string, string])[] = [
    ['id', event.auditID],
    ['stage', event.stage],
    ['ip', event.sourceIPs[0] ?? '<unknown>'],
    ['method', event.verb],
    ['user', user.username ?? '<none>'],
    ['groups', user.username === undefined || user.groups === undefined ? '<none>' : quote(user.groups)],
    ['as', as === undefined ? '<self>' : (as.username ?? '')],
    ['asgroups', as?.groups === undefined ? '<lookup>' : quote(as.groups)],
    ['user-agent', event.userAgent],
    ['namespace', event.objectRef?.namespace ?? '<none>'],
    ['uri', event.requestURI],
    ['response', event.responseStatus === undefined ? '<deferred>' : String(event.responseStatus.code ?? 0)],
  ]
  const time = event.requestReceivedTimestamp.replace(/\.?0+Z$/, 'Z')
  return `${time} AUDIT: ${parts.map(([name, text]) => `${name}=${JSON.stringify(text)}`).join(' ')}`
}
