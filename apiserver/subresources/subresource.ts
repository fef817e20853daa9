/**
 * The seam for everything that is not plain create, read, update, delete of a stored kind: subresources (`pods/exec`,
 * `deployments/scale`, …) and virtual resources that are only created (`tokenreviews`, `subjectaccessreviews`).
 */
import type { Duplex } from 'node:stream'
import type { JsonObject } from '../../apimachinery/json.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { AdmissionChain } from '../admission/admission.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import type { ObjectReader } from '../registry/reader.ts'
import type { Store } from '../registry/store.ts'

/** What handlers may use. */
export type SubresourceContext = {
  readonly store: Store
  readonly reader: ObjectReader
  readonly authorizer: Authorizer
  readonly admission: AdmissionChain
  readonly clock: Clock
  /**
   * Reads the body (JSON or YAML) as an object of this definition, such as `autoscaling.v1.Scale`: unknown fields handled
   * as `fieldValidation` asks, defaults of the table filled in. Throws BadRequest for what is none, an empty body too.
   */
  readonly decodeBody: (request: ApiRequest, definition: string) => Promise<JsonObject>
  /**
   * For subresources that answer get, update and patch with another object (scale): applies the request's body (PUT: the
   * body itself; PATCH: of any content type) to `current` and returns the decoded result.
   */
  readonly changedObject: (request: ApiRequest, definition: string, current: JsonObject) => Promise<JsonObject>
  /** Records who has changed what between `current` and what `changedObject` made of it; `undefined`: it was sent to be created. */
  readonly withManagers: (
    request: ApiRequest,
    definition: string,
    current: JsonObject | undefined,
    changed: JsonObject,
  ) => JsonObject
}

/** An object to be negotiated and encoded, or `undefined` when the handler has written the response itself. */
export type SubresourceAnswer = { readonly code: number; readonly object: JsonObject } | undefined

/** One subresource, or one virtual resource with `subresource: ''`. Authentication and authorization are done before. */
export type SubresourceHandler = {
  readonly group: string
  readonly plural: string
  readonly subresource: string
  /** API verbs that reach it: `get`, `create`, `update`, `patch`, `delete`; others answer 405. */
  readonly verbs: readonly string[]
  /** Throws `StatusError` to refuse. */
  readonly handle: (
    request: ApiRequest,
    response: ApiResponse,
    context: SubresourceContext,
  ) => Promise<SubresourceAnswer>
  /** HTTP/1.1 upgrades (WebSocket, SPDY); the socket is the handler's from then on. Errors thrown before anything was
   * written are answered as `Status`. */
  readonly upgrade?: (request: ApiRequest, socket: Duplex, head: Buffer, context: SubresourceContext) => Promise<void>
}
