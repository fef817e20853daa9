/** Asking one webhook, and what its answer or its silence means for the write. */
import { randomUUID } from 'node:crypto'
import type { Resource } from '../../../api/resource.ts'
import { isJsonObject, type JsonObject } from '../../../apimachinery/json.ts'
import { internalError, type StatusDetails, StatusError } from '../../../apimachinery/status.ts'
import type { Logger } from '../../../component-base/logger.ts'
import type { Lookup } from '../../registry/typed-reader.ts'
import type { AdmissionRequest } from '../admission.ts'
import { noteAnswer } from './annotations.ts'
import { ask } from './call.ts'
import type { Hook } from './hooks.ts'
import { buildReview, InvalidReview, readReview, reviewVersion, type Verdict } from './review.ts'
import { NoTarget, targetOf } from './target.ts'

export type Caller = {
  readonly lookup: Lookup
  readonly random: () => number
  readonly logger: Logger
}

/** The webhook's verdict; `undefined` when it failed and may be ignored. Throws to refuse the write. */
export async function consult(
  caller: Caller,
  hook: Hook,
  request: AdmissionRequest,
  { asked, mutating }: { readonly asked: Resource; readonly mutating: boolean },
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  const { name, failurePolicy } = hook.webhook
  let verdict: Verdict
  try {
    verdict = await exchange(caller, hook, request, { asked, mutating }, signal)
  } catch (error) {
    signal.throwIfAborted()
    const reason = reasonOf(error)
    if (failurePolicy === 'Ignore') {
      caller.logger.info('Failed calling webhook, failing open', { webhook: name, reason })
      return undefined
    }
    const message = `failed calling webhook ${JSON.stringify(name)}: ${reason}`
    throw internalError(message)
  }
  noteAnswer(request, hook, verdict.auditAnnotations ?? {})
  for (const warning of verdict.warnings) request.warn?.(warning)
  if (!verdict.allowed) throw denied(name, verdict.result)
  return verdict
}

async function exchange(
  { lookup, random }: Caller,
  hook: Hook,
  request: AdmissionRequest,
  { asked, mutating }: { readonly asked: Resource; readonly mutating: boolean },
  signal: AbortSignal,
): Promise<Verdict> {
  const { clientConfig, timeoutSeconds = 10 } = hook.webhook
  const version = reviewVersion(hook)
  const uid = randomUUID()
  const target = targetOf(clientConfig, timeoutSeconds, lookup.reader, (count) => Math.floor(random() * count))
  const { caBundle } = clientConfig
  const answer = await ask(
    {
      target,
      ca: caBundle === undefined || caBundle === '' ? undefined : Buffer.from(caBundle, 'base64').toString('utf8'),
      body: buildReview(request, asked, { uid, version }),
      timeoutMs: timeoutSeconds * 1000,
    },
    signal,
  )
  return readReview(answer, { uid, version, mutating })
}

function reasonOf(error: unknown): string {
  if (error instanceof InvalidReview) return `received invalid webhook response: ${error.message}`
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof NoTarget) return `failed to call webhook: Post ${JSON.stringify(error.url)}: ${message}`
  return `failed to call webhook: ${message}`
}

/** Source: `webhookerrors.ToStatusErr`. */
export function denied(name: string, result: JsonObject = {}): StatusError {
  const by = `admission webhook ${JSON.stringify(name)} denied the request`
  const text = (key: string): string => (typeof result[key] === 'string' ? result[key] : '')
  const [message, reason] = [text('message'), text('reason')]
  const { code, details } = result
  return new StatusError(
    reason,
    message !== '' ? `${by}: ${message}` : reason !== '' ? `${by}: ${reason}` : `${by} without explanation`,
    // The webhook's own details are passed on as they are.
    isJsonObject(details) ? (details as StatusDetails) : undefined,
    typeof code === 'number' && code >= 400 ? code : 400,
  )
}
