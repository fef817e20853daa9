import type { IncomingRequest, Lifetime } from '../http/api-request.ts'
import type { UserInfo } from '../http/request-info.ts'

/** Says who sent a request; `undefined` when this method finds no credentials; throws `Unauthorized` for bad ones. */
export type Authenticator = (
  request: IncomingRequest,
  lifetime: Lifetime,
) => UserInfo | undefined | Promise<UserInfo | undefined>
