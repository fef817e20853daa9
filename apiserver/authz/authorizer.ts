import type { RequestInfo, UserInfo } from '../http/request-info.ts'

/** The question that an authorizer answers. */
export type Attributes = { readonly user: UserInfo; readonly info: RequestInfo }

/** An authorizer's answer; `noOpinion` leaves it to the next one, and the last `noOpinion` denies. */
export type Decision = { readonly type: 'allow' | 'deny' | 'noOpinion'; readonly reason: string }

/** May this user do this? A plain value where no waiting is needed: it is on the path of every request. */
export type Authorizer = (attributes: Attributes) => Decision | Promise<Decision>
