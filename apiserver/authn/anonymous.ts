/** Requests without credentials, and for which paths they are let in. Source: `authentication/request/anonymous`. */
import type { UserInfo } from '../http/request-info.ts'
import { anonymousUser } from './user.ts'

export type AnonymousOptions = {
  readonly enabled: boolean
  /** Paths on which anonymous requests are accepted; absent: on all. */
  readonly paths?: readonly string[]
}

/** The anonymous user, or `undefined` where nobody may come without a name. */
export function anonymousFor({ enabled, paths }: AnonymousOptions, path: string): UserInfo | undefined {
  return enabled && (paths === undefined || paths.length === 0 || paths.includes(path)) ? anonymousUser : undefined
}
