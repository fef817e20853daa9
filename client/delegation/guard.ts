/**
 * Health and metrics of the control plane's programs: health for everyone, the rest for those whom the API server lets.
 * Source: upstream's delegated authentication and authorization; `--authorization-always-allow-paths`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { StatusError, toStatus } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Client } from '../rest/client.ts'
import { type AccessTtls, createAccessReviewer, type ReviewAccess } from './access-reviewer.ts'
import { type Authenticate, createAuthenticator, type User } from './authentication.ts'

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const openPaths = ['/healthz', '/readyz', '/livez']
const ttls: AccessTtls = { allowedMs: 10_000, deniedMs: 10_000 }
const limitMs = 10_000

/** The handler behind the door. */
export function guarded(
  handler: Handler,
  options: { readonly client: Client; readonly clock: Clock; readonly logger: Logger },
): Handler {
  const authenticate = createAuthenticator({ ...options, anonymous: true, tokenWebhook: true })
  const review = createAccessReviewer(options.client, options.clock, ttls)
  return guardedBy(handler, authenticate, review, options.logger)
}

/** The same with its two questions given. */
export function guardedBy(handler: Handler, authenticate: Authenticate, review: ReviewAccess, logger: Logger): Handler {
  return async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const refusal = openPaths.includes(path) ? undefined : await refusalOf(request, path).catch(failed)
    if (refusal === undefined) await handler(request, response)
    else sendRefusal(response, refusal)
  }

  async function refusalOf(request: IncomingMessage, path: string): Promise<StatusError | undefined> {
    const signal = AbortSignal.timeout(limitMs)
    const user = await authenticate(request, signal)
    if (user === undefined) return new StatusError('Unauthorized', 'Unauthorized')
    const verb = (request.method ?? 'GET').toLowerCase()
    const isAllowed = await review(user, { nonResourceAttributes: { verb, path } }, signal)
    return isAllowed ? undefined : forbidden(user, verb, path)
  }

  function failed(error: unknown): StatusError {
    logger.error('Could not ask the API server who may', { error })
    return new StatusError('InternalError', 'Internal Server Error: the API server could not be asked')
  }
}

function forbidden({ username }: User, verb: string, path: string): StatusError {
  const message = `forbidden: User ${JSON.stringify(username)} cannot ${verb} path ${JSON.stringify(path)}`
  return new StatusError('Forbidden', message, {})
}

function sendRefusal(response: ServerResponse, refusal: StatusError): void {
  response.writeHead(refusal.code, { 'Content-Type': 'application/json' })
  response.end(`${JSON.stringify(toStatus(refusal))}\n`)
}
