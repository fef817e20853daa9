/** What a caller may do on the kubelet: asked of the API server as access to a subresource of this node. */
import { createAccessReviewer } from '../../client/delegation/access-reviewer.ts'
import type { User } from '../../client/delegation/authentication.ts'
import type { Client } from '../../client/rest/client.ts'
import type { Clock } from '../../component-base/clock.ts'

export type Access = { readonly verb: string; readonly subresource: string }
/** Undefined: allowed; a string: the text of the refusal. */
export type Authorize = (user: User, access: Access, signal: AbortSignal) => Promise<string | undefined>

const allowedMs = 300_000
const deniedMs = 30_000

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

/** Asks the API server and remembers the answers. */
export function createAuthorizer(options: {
  readonly client: Client
  readonly clock: Clock
  readonly nodeName: string
  readonly mode: 'AlwaysAllow' | 'Webhook'
}): Authorize {
  const { client, clock, nodeName: name, mode } = options
  const review = createAccessReviewer(client, clock, { allowedMs, deniedMs })
  return async (user, { verb, subresource }, signal) => {
    if (mode === 'AlwaysAllow') return undefined
    const resourceAttributes = { verb, version: 'v1', resource: 'nodes', subresource, name }
    if (await review(user, { resourceAttributes }, signal)) return undefined
    return `Forbidden (user=${user.username}, verb=${verb}, resource=nodes, subresource(s)=[${subresource}])`
  }
}
