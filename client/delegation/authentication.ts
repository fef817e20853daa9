/** Who calls a program: a client certificate of the cluster's authority, or a token that the API server knows. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { Clock } from '../../component-base/clock.ts'
import type { Client } from '../rest/client.ts'
import { tokenReviews } from '../rest/resource-refs.ts'

export type User = {
  readonly username: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}
export type Authenticate = (request: IncomingMessage, signal: AbortSignal) => Promise<User | undefined>

const cacheMs = 120_000
const maxCached = 1024

/** `undefined`: nobody we know. */
export function createAuthenticator(options: {
  readonly client: Client
  readonly clock: Clock
  readonly anonymous: boolean
  readonly tokenWebhook: boolean
}): Authenticate {
  const { client, clock, anonymous, tokenWebhook } = options
  const cache = new Map<string, { readonly user: User | undefined; readonly untilMs: number }>()

  const byToken = async (token: string, signal: AbortSignal): Promise<User | undefined> => {
    const key = createHash('sha256').update(token).digest('hex')
    const cached = cache.get(key)
    if (cached !== undefined && clock.now() < cached.untilMs) return cached.user
    const review = await client.create(
      tokenReviews,
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
      signal,
    )
    const { authenticated, user } = review.status
    const found: User | undefined =
      authenticated === true && user !== undefined
        ? {
            username: user.username ?? '',
            ...(user.uid === undefined ? {} : { uid: user.uid }),
            groups: user.groups ?? [],
            ...(user.extra === undefined ? {} : { extra: user.extra }),
          }
        : undefined
    if (cache.size >= maxCached) cache.clear()
    cache.set(key, { user: found, untilMs: clock.now() + cacheMs })
    return found
  }

  return async (request, signal) => {
    const certified = byCertificate(request)
    if (certified !== undefined) return certified
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (token !== undefined) return tokenWebhook ? await byToken(token, signal) : undefined
    return anonymous ? { username: 'system:anonymous', groups: ['system:unauthenticated'] } : undefined
  }
}

function byCertificate({ socket }: IncomingMessage): User | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
  const { subject } = socket.getPeerCertificate()
  if (subject === undefined || subject === null) return undefined
  const organizations: unknown = subject.O
  const groups = Array.isArray(organizations) ? organizations.map(String) : organizations ? [String(organizations)] : []
  return { username: String(subject.CN ?? ''), groups: [...groups, 'system:authenticated'] }
}
