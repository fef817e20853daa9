import type { IncomingRequest } from '../http/api-request.ts'
import type { UserInfo } from '../http/request-info.ts'

/** Says who sent a request; `undefined` when this method finds no credentials; throws `Unauthorized` for bad ones. */
export type Authenticator = (request: IncomingRequest, signal: AbortSignal) => Promise<UserInfo | undefined>
