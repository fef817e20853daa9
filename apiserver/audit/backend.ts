/** What takes audit events, and how backends are put around one another. */
import type { AuditEvent } from './event.ts'

/** Takes events for good, or queues them. `false`: some are lost. */
export type AuditBackend = {
  readonly process: (events: readonly AuditEvent[]) => boolean | Promise<boolean>
  /** Works until `signal` aborts, then writes out what waits. */
  readonly run: (signal: AbortSignal) => Promise<void>
}
/** Told of events that a backend could not take. */
export type ReportLoss = (plugin: string, events: readonly AuditEvent[], error: unknown) => void

/** Events that get lost do not hold up requests. */
export function ignoringLoss(backend: AuditBackend): AuditBackend {
  return {
    ...backend,
    process: async (events) => {
      await backend.process(events)
      return true
    },
  }
}

/** Every event goes to each of them. */
export function union(backends: readonly AuditBackend[]): AuditBackend {
  return {
    process: async (events) => {
      const taken = await Promise.all(backends.map(async (backend) => await backend.process(events)))
      return taken.every((one) => one)
    },
    run: async (signal) => {
      await Promise.all(backends.map(async (backend) => await backend.run(signal)))
    },
  }
}

export type TruncateOptions = { readonly maxEventSize: number; readonly maxBatchSize: number }

/** Leaves objects out of events that are too large, drops what is too large even so, and splits batches. */
export function truncating(
  backend: AuditBackend,
  options: TruncateOptions,
  size: (event: AuditEvent) => number,
  report: ReportLoss,
): AuditBackend {
  return {
    ...backend,
    process: async (events) => {
      const { batches, lost } = planBatches(events, options, size)
      if (lost.length > 0) report('truncate', lost, new Error('event is too large even after truncating'))
      let taken = true
      for (const batch of batches) taken = (await backend.process(batch)) && taken
      return taken
    },
  }
}

/** Pure: what goes out together, and what cannot go at all. */
export function planBatches(
  events: readonly AuditEvent[],
  { maxEventSize, maxBatchSize }: TruncateOptions,
  size: (event: AuditEvent) => number,
): { readonly batches: readonly (readonly AuditEvent[])[]; readonly lost: readonly AuditEvent[] } {
  const batches: AuditEvent[][] = []
  const lost: AuditEvent[] = []
  let batchSize = 0
  for (const event of events) {
    const hasObjects = event.level === 'Request' || event.level === 'RequestResponse'
    const fitting = hasObjects && size(event) > maxEventSize ? truncated(event) : event
    const bytes = size(fitting)
    if (bytes > maxEventSize) {
      lost.push(fitting)
      continue
    }
    const last = batches.at(-1)
    if (last === undefined || batchSize + bytes > maxBatchSize) {
      batches.push([fitting])
      batchSize = bytes
    } else {
      last.push(fitting)
      batchSize += bytes
    }
  }
  return { batches, lost }
}

function truncated({ requestObject: _request, responseObject: _response, ...event }: AuditEvent): AuditEvent {
  return { ...event, annotations: { ...event.annotations, 'audit.k8s.io/truncated': 'true' } }
}
