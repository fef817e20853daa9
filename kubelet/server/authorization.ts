/** What a caller may do on the kubelet: asked of the API server as access to a subresource of this node. */
import type { Client } from '../../client/rest/client.ts'
import { subjectAccessReviews } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { User } from './authentication.ts'

export type Access = { readonly verb: string; readonly subresource: string }
/** Undefined: allowed; a string: the text of the refusal. */
export type Authorize = (user: User, access: Access, signal: AbortSignal) => Promise<string | undefined>

const allowedMs = 300_000
const deniedMs = 30_000
const maxCached = 4096

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** The access that a request needs. Source: upstream `pkg/kubelet/server/auth.go`, KEP-2862. */
export function accessOf(method: string, path: string): Access {
  const verb = verbs[method] ?? method.toLowerCase()
  const is = (prefix: string) => path === prefix || path.startsWith(`${prefix}/`)
  if (is('/stats')) return { verb, subresource: 'stats' }
  if (is('/metrics')) return { verb, subresource: 'metrics' }
  if (is('/logs')) return { verb, subresource: 'log' }
  if (is('/checkpoint')) return { verb, subresource: 'checkpoint' }
  return { verb, subresource: 'proxy' }
}

/** Finer subresources that also open these paths: `healthz`, `configz`, `pods`. */
export function fineAccessOf(path: string): string | undefined {
  if (path === '/healthz' || path.startsWith('/healthz/')) return 'healthz'
  if (path === '/configz') return 'configz'
  return path === '/pods' || path === '/runningpods' ? 'pods' : undefined
}

/** Asks by SubjectAccessReview and remembers the answers. */
export function createAuthorizer(options: {
  readonly client: Client
  readonly clock: Clock
  readonly nodeName: string
  readonly mode: 'AlwaysAllow' | 'Webhook'
}): Authorize {
  const { client, clock, nodeName, mode } = options
  const cache = new Map<string, { readonly allowed: boolean; readonly untilMs: number }>()
  return async (user, { verb, subresource }, signal) => {
    if (mode === 'AlwaysAllow') return undefined
    const key = JSON.stringify([user, verb, subresource])
    const cached = cache.get(key)
    const refusal = `Forbidden (user=${user.username}, verb=${verb}, resource=nodes, subresource(s)=[${subresource}])`
    if (cached !== undefined && clock.now() < cached.untilMs) return cached.allowed ? undefined : refusal
    const review = await client.create(
      subjectAccessReviews,
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: user.username,
          groups: user.groups,
          ...(user.uid === undefined ? {} : { uid: user.uid }),
          ...(user.extra === undefined ? {} : { extra: user.extra }),
          resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name: nodeName },
        },
      },
      signal,
    )
    const allowed = review.status?.allowed === true
    if (cache.size >= maxCached) cache.clear()
    cache.set(key, { allowed, untilMs: clock.now() + (allowed ? allowedMs : deniedMs) })
    return allowed ? undefined : refusal
  }
}
