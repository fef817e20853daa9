/** Events sent to a service as an `EventList`, again with growing waits when it fails. */
import { setMaxListeners } from 'node:events'
import type { Clock } from '../../component-base/clock.ts'
import { withDeadline } from '../../component-base/deadline.ts'
import type { ClientConfig } from '../../component-base/kubeconfig.ts'
import { aborted } from '../../component-base/run.ts'
import type { AuditBackend, ReportLoss } from './backend.ts'
import { type AuditEvent, encodeEvent } from './event.ts'
import { post } from './post.ts'

export type WebhookOptions = {
  readonly target: ClientConfig
  readonly initialBackoffMs: number
  readonly clock: Clock
  readonly random: () => number
}

/** Source: `DefaultRetryBackoffWithInitialDelay`. */
const attempts = 5
const backoffFactor = 1.5
const jitter = 0.2
/** Source: the timeout of upstream's webhook clients. */
const answerLimitMs = 30_000

/** Sends a batch at a time; resolves when it is taken or lost. */
export function webhookBackend(options: WebhookOptions, report: ReportLoss): AuditBackend {
  // Waits have limits of their own; when the server stops, the queue before this one decides how long it waits.
  const { signal } = new AbortController()
  setMaxListeners(0, signal)
  return {
    process: async (events) => {
      try {
        await sendRepeatedly(options, encodeList(events), signal)
        return true
      } catch (error) {
        report('webhook', events, error)
        return false
      }
    },
    run: aborted,
  }
}

/** The body of a request. */
export function encodeList(events: readonly AuditEvent[]): string {
  const items = events.map((event) => encodeEvent(event, false)).join(',')
  return `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${items}]}\n`
}

async function sendRepeatedly(
  { target, initialBackoffMs, clock, random }: WebhookOptions,
  body: string,
  signal: AbortSignal,
): Promise<void> {
  let waitMs = initialBackoffMs
  for (let attempt = 1; ; attempt++) {
    try {
      await withDeadline(signal, answerLimitMs, async (limited) => await post(target, body, limited))
      return
    } catch (error) {
      if (attempt >= attempts || signal.aborted) throw error
      await clock.sleep(waitMs * (1 + random() * jitter), signal)
      waitMs *= backoffFactor
    }
  }
}
