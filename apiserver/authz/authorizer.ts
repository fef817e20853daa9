import type { RequestInfo, UserInfo } from '../http/request-info.ts'
import type { PolicyRule } from './rbac-rules.ts'

/** The question that an authorizer answers. */
export type Attributes = { readonly user: UserInfo; readonly info: RequestInfo }

/** An authorizer's answer; `noOpinion` leaves it to the next one, and the last `noOpinion` denies. */
export type Decision = {
  readonly type: 'allow' | 'deny' | 'noOpinion'
  readonly reason: string
  /** What kept an authorizer from answering, such as a webhook that is away. */
  readonly error?: string
}

/** May this user do this? A plain value where no waiting is needed: it is on the path of every request. */
export type Authorizer = (attributes: Attributes) => Decision | Promise<Decision>

/** What a user may do in a namespace, as far as an authorizer can say. */
export type UserRules = {
  readonly rules: readonly PolicyRule[]
  /** There may be more. */
  readonly incomplete: boolean
  readonly errors: readonly string[]
}
/** Lists a user's rights, for `SelfSubjectRulesReview`. */
export type RuleResolver = (user: UserInfo, namespace: string) => UserRules

/** One authorization mode: decides, and lists what it grants. */
export type AuthorizationPlugin = { readonly authorize: Authorizer; readonly rulesFor: RuleResolver }
