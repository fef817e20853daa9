/** Reviews sent to a webhook that a kubeconfig file names: token reviews and access reviews. */
import type { JsonObject } from '../../apimachinery/json.ts'
import { isJsonObject } from '../../apimachinery/json.ts'
import type { Clock } from '../../component-base/clock.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { AnswerError, ask, type Question } from '../admission/webhook/call.ts'
import type { Target } from '../admission/webhook/target.ts'

/** Sends one review and returns the answered one. Throws in the words of Go's HTTP client. */
export type ReviewClient = (review: JsonObject, signal: AbortSignal) => Promise<JsonObject>

export type ReviewClientOptions = {
  /** The server of the kubeconfig is the webhook's URL, path included. */
  readonly kubeconfig: string
  readonly timeoutMs: number
  readonly clock: Clock
  readonly random: () => number
}

/** Source: `webhook.DefaultRetryBackoffWithInitialDelay(500ms)`: five attempts, each wait half as long again. */
const attempts = 5
const firstWaitMs = 500
const waitFactor = 1.5
const waitJitter = 0.2

/** Reads the kubeconfig once, as upstream. */
export async function createReviewClient(options: ReviewClientOptions): Promise<ReviewClient> {
  const { server, ca, tlsServerName, ...identity } = await loadKubeconfig(options.kubeconfig)
  const question: Omit<Question, 'body'> = {
    target: targetOf(server, tlsServerName),
    ca,
    timeoutMs: options.timeoutMs,
    caller: { ...identity, userAgent: 'kube-apiserver' },
  }
  return async (review, signal) => {
    const answer = await withRetries(options, signal, async () => await ask({ ...question, body: review }, signal))
    if (!isJsonObject(answer)) throw new AnswerError('the answer is no object')
    return answer
  }
}

function targetOf(server: string, serverName: string | undefined): Target {
  const { protocol, hostname, port, pathname, search, href } = new URL(server)
  const host = hostname.replace(/^\[|\]$/g, '')
  const defaultPort = protocol === 'http:' ? 80 : 443
  return {
    url: href,
    serverName: serverName ?? host,
    host,
    port: port === '' ? defaultPort : Number(port),
    path: `${pathname}${search}`,
  }
}

async function withRetries<T>(
  { clock, random }: Pick<ReviewClientOptions, 'clock' | 'random'>,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  let waitMs = firstWaitMs
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === attempts || !isWorthRetrying(error)) throw error
      await clock.sleep(waitMs * (1 + random() * waitJitter), signal)
      waitMs *= waitFactor
    }
  }
}

const retriedCodes = new Set([429, 500, 504])

/** Source: `webhook.DefaultShouldRetry`. */
function isWorthRetrying(error: unknown): boolean {
  if (error instanceof AnswerError) return retriedCodes.has(error.code)
  return error instanceof Error && error.message.endsWith(': EOF')
}
