/**
 * The API's answer when it is not the object asked for: `Status` on the wire, `StatusError` in the program.
 * Source: API conventions, "Response Status Kind".
 */
import { goQuote } from './field-errors.ts'
import type { JsonObject } from './json.ts'

/** Every reason the API can answer with, and the HTTP code it goes out as. */
export const statusCodes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  ServerTimeout: 500,
  Timeout: 504,
} as const
export type StatusReason = keyof typeof statusCodes

/** The machine-readable kinds of a cause. Source: `metav1.CauseType` and `field.ErrorType`. */
export type CauseReason =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'FieldManagerConflict'
  | 'InternalError'
  | 'UnexpectedServerResponse'
  | 'ResourceVersionTooLarge'
  | 'NamespaceTerminating'
  | 'DisruptionBudget'
  | 'NodeCapacity'
  | 'UnsupportedPlatform'

/** One thing that is wrong: `field` is a path such as `spec.ports[0].port`. `message` carries upstream's words without the path. */
export type StatusCause = { readonly reason: CauseReason; readonly message: string; readonly field?: string }

export type StatusDetails = {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly StatusCause[]
  readonly retryAfterSeconds?: number
}

/** The `Status` object of the wire. */
export type Status = {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string }
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: StatusDetails
  readonly code?: number
}

/** An error that is an answer of the API, on both sides of the wire. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly reason: StatusReason | string
  readonly code: number
  readonly details: StatusDetails | undefined

  constructor(reason: StatusReason | string, message: string, details?: StatusDetails, code?: number) {
    super(message)
    this.reason = reason
    this.details = details
    this.code = code ?? codeOf(reason)
  }
}

function codeOf(reason: string): number {
  return reason in statusCodes ? statusCodes[reason as StatusReason] : 500
}

/** True for a `StatusError` with this reason. */
export function hasReason(error: unknown, reason: StatusReason): error is StatusError {
  return error instanceof StatusError && error.reason === reason
}

/** The wire form of an error. */
export function toStatus(error: StatusError): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: error.message,
    ...(error.reason === '' ? {} : { reason: error.reason }),
    ...(error.details === undefined ? {} : { details: error.details }),
    code: error.code,
  }
}

/** Reads a `Status` from the wire; `fallbackCode` is the HTTP code of the answer. */
export function fromStatus(status: JsonObject, fallbackCode: number): StatusError {
  const details = status['details'] as StatusDetails | undefined
  const code = typeof status['code'] === 'number' ? status['code'] : fallbackCode
  return new StatusError(String(status['reason'] ?? ''), String(status['message'] ?? ''), details, code)
}

/** `pods "x" not found`; `resource` is the plural, qualified by its group: `deployments.apps`. */
export function notFound(resource: GroupResource, name: string): StatusError {
  return new StatusError('NotFound', `${qualified(resource)} ${goQuote(name)} not found`, detailsOf(resource, name))
}

export function alreadyExists(resource: GroupResource, name: string): StatusError {
  return new StatusError(
    'AlreadyExists',
    `${qualified(resource)} ${goQuote(name)} already exists`,
    detailsOf(resource, name),
  )
}

export function conflict(resource: GroupResource, name: string, message: string): StatusError {
  return new StatusError(
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${message}`,
    detailsOf(resource, name),
  )
}

export function forbidden(resource: GroupResource, name: string, message: string): StatusError {
  const subject = name === '' ? qualified(resource) : `${qualified(resource)} "${name}"`
  return new StatusError('Forbidden', `${subject} is forbidden: ${message}`, detailsOf(resource, name))
}

/** All causes at once, in upstream's words: `Pod "x" is invalid: spec.a: Required value`. `kind` carries the group: `Deployment.apps`. */
export function invalid(kind: GroupKind, name: string, causes: readonly StatusCause[]): StatusError {
  const texts = causes.map((cause) => (cause.field === undefined ? cause.message : `${cause.field}: ${cause.message}`))
  const unique = [...new Set(texts)]
  const all = unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`
  const qualifiedKind = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  return new StatusError('Invalid', `${qualifiedKind} "${name}" is invalid: ${all}`, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    ...(kind.kind === '' ? {} : { kind: kind.kind }),
    causes,
  })
}

export function badRequest(message: string): StatusError {
  return new StatusError('BadRequest', message)
}

export type GroupResource = { readonly group: string; readonly plural: string }
export type GroupKind = { readonly group: string; readonly kind: string }

function qualified({ group, plural }: GroupResource): string {
  return group === '' ? plural : `${plural}.${group}`
}

function detailsOf({ group, plural }: GroupResource, name: string): StatusDetails {
  return { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: plural }
}

/** 500 with what went wrong inside. */
export function internalError(message: string): StatusError {
  // Upstream's cause has no reason here.
  const details = { causes: [{ message }] } as unknown as StatusDetails
  return new StatusError('InternalError', `Internal error occurred: ${message}`, details)
}
