/** Auditing as the flags have it: the policy, the backends, and a trail for every request. */

import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import type { Clock } from '../../component-base/clock.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import type { Logger } from '../../component-base/logger.ts'
import { Counter, type Registry } from '../../component-base/metrics.ts'
import { type AuditBackend, ignoringLoss, type ReportLoss, truncating, union } from './backend.ts'
import { buffered } from './buffered.ts'
import { type AuditEvent, encodeEvent } from './event.ts'
import type { AuditFlags, AuditPlugin } from './flags.ts'
import { type LogOutput, logBackend } from './log-backend.ts'
import { type AuditPolicy, AuditPolicyError, parseAuditPolicy } from './policy.ts'
import { RotatingFile } from './rotating-file.ts'
import { AuditTrail, type TrailStart } from './trail.ts'
import { webhookBackend } from './webhook-backend.ts'

export type AuditorOptions = {
  readonly flags: AuditFlags
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
  readonly metrics: Registry
}
export type Auditor = {
  readonly begin: (start: TrailStart) => AuditTrail
  /** Works until `signal` aborts, then writes out what waits. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

/** `undefined` where nothing is recorded: without a policy or without a backend. Throws for a policy that cannot be used. */
export async function createAuditor(options: AuditorOptions): Promise<Auditor | undefined> {
  const { flags, clock, metrics } = options
  if (flags['audit-policy-file'] === '') return undefined
  const policy = await loadPolicy(flags['audit-policy-file'])
  const counters = createCounters(metrics)
  const report: ReportLoss = (plugin, events, error) => {
    counters.lost.inc({ plugin }, events.length)
    options.logger.error('Lost audit events', { plugin, count: events.length, error })
  }
  const backends = [logOf(options, report), await webhookOf(options, report)].filter((one) => one !== undefined)
  if (backends.length === 0) return undefined
  const backend = union(backends)
  const sink = async (event: AuditEvent): Promise<boolean> => {
    counters.events.inc()
    const taken = await backend.process([event])
    if (!taken && event.stage === 'RequestReceived') counters.rejected.inc()
    return taken
  }
  const observed: AuditPolicy = (...input) => {
    const decision = policy(...input)
    counters.levels.inc({ level: decision.level })
    return decision
  }
  return {
    begin: (start) => new AuditTrail({ policy: observed, sink, clock }, start),
    run: async (signal) => await backend.run(signal),
  }
}

async function loadPolicy(file: string): Promise<AuditPolicy> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new AuditPolicyError(
      `loading audit policy file: failed to read file path ${JSON.stringify(file)}: ${String(error)}`,
    )
  })
  try {
    return parseAuditPolicy(parse(text))
  } catch (error) {
    throw new AuditPolicyError(
      `loading audit policy file: ${error instanceof Error ? error.message : ''}: from file ${file}`,
    )
  }
}

function logOf(
  { flags, clock, logger }: AuditorOptions & { readonly clock: Clock },
  report: ReportLoss,
): AuditBackend | undefined {
  if (flags['audit-log-path'] === '') return undefined
  const format = flags['audit-log-format'] === 'legacy' ? 'legacy' : 'json'
  const onError = (error: unknown): void => logger.error('Could not tidy up old audit logs', { error })
  return wrapped('log', logBackend(outputOf(flags, clock, onError), format, report), { flags, clock }, report)
}

function outputOf(flags: AuditFlags, clock: Clock, onError: (error: unknown) => void): LogOutput {
  const path = flags['audit-log-path']
  if (path === '-') return { write: (line) => process.stdout.write(line), close: async () => {} }
  return new RotatingFile(
    {
      path,
      maxSize: flags['audit-log-maxsize'],
      maxAge: flags['audit-log-maxage'],
      maxBackups: flags['audit-log-maxbackup'],
      compress: flags['audit-log-compress'],
    },
    clock,
    onError,
  )
}

async function webhookOf(
  { flags, clock, random }: AuditorOptions,
  report: ReportLoss,
): Promise<AuditBackend | undefined> {
  const file = flags['audit-webhook-config-file']
  if (file === '') return undefined
  const target = await loadKubeconfig(file)
  const initialBackoffMs = flags['audit-webhook-initial-backoff']
  const backend = webhookBackend({ target, initialBackoffMs, clock, random }, report)
  return wrapped('webhook', backend, { flags, clock }, report)
}

/** Batches that are sent to a service may overtake one another, as upstream's. */
const parallelBatches = { log: 1, webhook: 16 }

function wrapped(
  plugin: AuditPlugin,
  backend: AuditBackend,
  { flags, clock }: Pick<AuditorOptions, 'flags' | 'clock'>,
  report: ReportLoss,
): AuditBackend {
  const mode = flags[`audit-${plugin}-mode`]
  const batch = `audit-${plugin}-batch` as const
  const truncate = `audit-${plugin}-truncate` as const
  const options = {
    bufferSize: flags[`${batch}-buffer-size`],
    maxBatchSize: flags[`${batch}-max-size`],
    maxBatchWaitMs: flags[`${batch}-max-wait`],
    parallel: parallelBatches[plugin],
    ...(flags[`${batch}-throttle-enable`]
      ? { throttle: { qps: flags[`${batch}-throttle-qps`], burst: flags[`${batch}-throttle-burst`] } }
      : {}),
  }
  const blocking = mode === 'blocking-strict' ? backend : ignoringLoss(backend)
  const one = mode === 'batch' ? buffered(plugin, backend, options, clock, report) : blocking
  if (!flags[`${truncate}-enabled`]) return one
  const limits = {
    maxEventSize: flags[`${truncate}-max-event-size`],
    maxBatchSize: flags[`${truncate}-max-batch-size`],
  }
  return truncating(one, limits, (event) => Buffer.byteLength(encodeEvent(event)), report)
}

function createCounters(registry: Registry): {
  readonly events: Counter
  readonly lost: Counter<'plugin'>
  readonly rejected: Counter
  readonly levels: Counter<'level'>
} {
  const registers = [registry]
  return {
    events: new Counter({
      name: 'apiserver_audit_event_total',
      help: 'Counter of audit events generated and sent to the audit backend.',
      registers,
    }),
    lost: new Counter({
      name: 'apiserver_audit_error_total',
      help: 'Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.',
      labelNames: ['plugin'] as const,
      registers,
    }),
    rejected: new Counter({
      name: 'apiserver_audit_requests_rejected_total',
      help: 'Counter of apiserver requests rejected due to an error in audit logging backend.',
      registers,
    }),
    levels: new Counter({
      name: 'apiserver_audit_level_total',
      help: 'Counter of policy levels for audit events (1 per request).',
      labelNames: ['level'] as const,
      registers,
    }),
  }
}
