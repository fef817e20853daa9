/**
 * Writes Events: equal ones within ten minutes are counted on one object, as client-go's correlator does, and a source that
 * floods is cut (25 at once per object, one more every five minutes).
 */
import type { Event } from '../../api/core/v1.ts'
import type { ApiObject } from '../../api/resource.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Client } from '../rest/client.ts'
import { events } from '../rest/resource-refs.ts'

/** What an event is about; `fieldPath` names a part, such as `spec.containers{web}`. */
export type EventSubject = Pick<ApiObject, 'apiVersion' | 'kind'> & {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid?: string
    readonly resourceVersion?: string
  }
}
export type EventType = 'Normal' | 'Warning'
export type Recorder = {
  readonly event: (
    subject: EventSubject,
    type: EventType,
    reason: string,
    message: string,
    options?: { readonly fieldPath?: string },
  ) => void
  /** Sends what is queued until `signal` aborts. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

/** Events that wait to be sent; the oldest are dropped beyond this. */
const maxQueued = 1_000
const maxRemembered = 4_096
const rememberMs = 10 * 60_000
const burst = 25
const refillMs = 300_000

type Queued = {
  readonly subject: EventSubject
  readonly type: EventType
  readonly reason: string
  readonly message: string
  readonly fieldPath: string | undefined
  readonly atMs: number
}
type Remembered = {
  readonly name: string
  readonly namespace: string
  readonly count: number
  readonly firstMs: number
  readonly lastMs: number
}
type Bucket = { readonly tokens: number; readonly atMs: number }

/** Makes a recorder; `event` never waits and never throws. */
export function createRecorder(options: {
  readonly client: Client
  readonly component: string
  readonly host?: string
  readonly clock: Clock
  readonly logger: Logger
}): Recorder {
  const { client, component, host = '', clock, logger } = options
  const queue: Queued[] = []
  const remembered = new Map<string, Remembered>()
  const buckets = new Map<string, Bucket>()
  let wake: (() => void) | undefined
  let serial = 0

  const send = async (queued: Queued, signal: AbortSignal): Promise<void> => {
    const key = keyOfEvent(queued)
    const before = remembered.get(key)
    const isRepeat = before !== undefined && queued.atMs - before.lastMs < rememberMs
    if (isRepeat) {
      const next = { ...before, count: before.count + 1, lastMs: queued.atMs }
      remember(remembered, key, next)
      const body = { count: next.count, lastTimestamp: formatTime(queued.atMs), message: queued.message }
      try {
        await client.patch(events, next, { type: 'merge', body }, signal)
        return
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error
      }
    }
    serial += 1
    const event = newEvent(queued, { component, host, serial })
    await client.create(events, event, signal)
    const { name, namespace } = event.metadata
    remember(remembered, key, { name, namespace, count: 1, firstMs: queued.atMs, lastMs: queued.atMs })
  }

  return {
    event: (subject, type, reason, message, { fieldPath } = {}) => {
      const atMs = clock.now()
      const source = `${subject.kind}/${subject.metadata.namespace ?? ''}/${subject.metadata.name}/${subject.metadata.uid ?? ''}`
      const bucket = refill(buckets.get(source), atMs)
      if (bucket.tokens < 1) return
      remember(buckets, source, { ...bucket, tokens: bucket.tokens - 1 })
      if (queue.length >= maxQueued) queue.shift()
      queue.push({ subject, type, reason, message, fieldPath, atMs })
      wake?.()
    },
    run: async (signal) => {
      const onAbort = (): void => wake?.()
      signal.addEventListener('abort', onAbort, { once: true })
      while (!signal.aborted) {
        const next = queue.shift()
        if (next === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          continue
        }
        try {
          await send(next, signal)
        } catch (error) {
          if (!signal.aborted) logger.debug('Event not recorded', { reason: next.reason, error })
        }
      }
      signal.throwIfAborted()
    },
  }
}

function keyOfEvent({ subject, type, reason, message, fieldPath }: Queued): string {
  const { namespace, name, uid } = subject.metadata
  return JSON.stringify([subject.kind, namespace, name, uid, fieldPath, type, reason, message])
}

function refill(bucket: Bucket | undefined, nowMs: number): Bucket {
  if (bucket === undefined) return { tokens: burst, atMs: nowMs }
  const gained = Math.floor((nowMs - bucket.atMs) / refillMs)
  return gained === 0
    ? bucket
    : { tokens: Math.min(burst, bucket.tokens + gained), atMs: bucket.atMs + gained * refillMs }
}

/** Least recently used goes first. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= maxRemembered) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}

type EventDraft = Omit<Event, 'metadata'> & { readonly metadata: { readonly name: string; readonly namespace: string } }

function newEvent(
  { subject, type, reason, message, fieldPath, atMs }: Queued,
  { component, host, serial }: { component: string; host: string; serial: number },
): EventDraft {
  const { namespace, name, uid, resourceVersion } = subject.metadata
  const place = namespace === undefined || namespace === '' ? 'default' : namespace
  const stamp = (BigInt(atMs) * 1_000_000n + BigInt(serial % 1_000_000)).toString(16)
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${stamp}`, namespace: place },
    involvedObject: {
      kind: subject.kind,
      name,
      apiVersion: subject.apiVersion,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(fieldPath === undefined ? {} : { fieldPath }),
    },
    reason,
    message,
    source: { component, ...(host === '' ? {} : { host }) },
    firstTimestamp: formatTime(atMs),
    lastTimestamp: formatTime(atMs),
    count: 1,
    type,
    reportingComponent: component,
    reportingInstance: host,
  }
}
