/**
 * `Impersonate-*` headers: acting as someone else. The caller needs the right to act so, in one of the modes of
 * `impersonation-modes.ts`. Source: "User impersonation"; KEP-5284 (constrained impersonation).
 */
import { goQuote } from '../../apimachinery/field-errors.ts'
import { badRequest } from '../../apimachinery/status.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import type { RequestInfo, UserInfo } from '../http/request-info.ts'
import { type HeaderSource, headerValues } from './header-values.ts'
import { type ImpersonationMode, impersonationModes } from './impersonation-modes.ts'
import { extraFromHeaders } from './request-header.ts'

const extraPrefix = 'impersonate-extra-'

/** The user to go on with: the caller, or whom the caller may impersonate. Throws `Forbidden` otherwise. */
export type Impersonate = (caller: UserInfo, request: HeaderSource, info: RequestInfo) => Promise<UserInfo>

/** How many callers' last mode is remembered. */
const maxRemembered = 10_000

/** Tries the modes one after the other, for each caller first the one that worked last. */
export function createImpersonation(authorizer: Authorizer): Impersonate {
  const lastModes = new Map<string, ImpersonationMode>()
  return async (caller, request, info) => {
    if (!asksForImpersonation(request)) return caller
    const wanted = parseImpersonation(request)
    if (wanted === undefined) return caller
    const last = lastModes.get(caller.name)
    const modes = last === undefined ? impersonationModes : [last, ...impersonationModes.filter((one) => one !== last)]
    let refusal: unknown
    for (const mode of modes) {
      try {
        const user = await mode({ authorizer, caller, wanted, info })
        if (user === undefined) continue
        remember(lastModes, caller.name, mode)
        return user
      } catch (error) {
        // What the first mode says is told: it is the one that fits best.
        refusal ??= error
      }
    }
    throw refusal
  }
}

function asksForImpersonation({ headers }: HeaderSource): boolean {
  for (const name in headers) if (name.startsWith('impersonate-')) return true
  return false
}

function remember(lastModes: Map<string, ImpersonationMode>, name: string, mode: ImpersonationMode): void {
  lastModes.delete(name)
  lastModes.set(name, mode)
  const oldest = lastModes.size > maxRemembered ? lastModes.keys().next().value : undefined
  if (oldest !== undefined) lastModes.delete(oldest)
}

/** Whom the headers ask for, word by word. */
export function parseImpersonation(request: HeaderSource): UserInfo | undefined {
  const [name = ''] = headerValues(request, 'impersonate-user')
  const [uid = ''] = headerValues(request, 'impersonate-uid')
  const groups = headerValues(request, 'impersonate-group')
  const extra = extraFromHeaders(request, [extraPrefix])
  const hasExtra = Object.keys(extra).length > 0
  if (name === '') {
    if (groups.length === 0 && uid === '' && !hasExtra) return undefined
    throw badRequest(`requested ${goSyntax(uid, groups, extra)} without impersonating a user name`)
  }
  return { name, groups, ...(uid === '' ? {} : { uid }), ...(hasExtra ? { extra } : {}) }
}

/** The wanted user in Go's syntax, as upstream prints it. */
function goSyntax(uid: string, groups: readonly string[], extra: NonNullable<UserInfo['extra']>): string {
  const list = (texts: readonly string[]): string =>
    texts.length === 0 ? '[]string(nil)' : `[]string{${texts.map(goQuote).join(', ')}}`
  const entries = Object.entries(extra).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const map = entries.map(([key, values]) => `${goQuote(key)}:${list(values)}`).join(', ')
  const shown = entries.length === 0 ? 'map[string][]string(nil)' : `map[string][]string{${map}}`
  return `&user.DefaultInfo{Name:"", UID:${goQuote(uid)}, Groups:${list(groups)}, Extra:${shown}}`
}
