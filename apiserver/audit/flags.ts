/** The flags `--audit-…` under upstream's names, with upstream's defaults. Pure. */
import { defineFlags, type FlagValues } from '../../component-base/flags.ts'

const text = (description: string, value = '') => ({ type: 'string', default: value, description }) as const
const yesNo = (description: string, value: boolean) => ({ type: 'boolean', default: value, description }) as const
const number = (description: string, value: number) => ({ type: 'number', default: value, description }) as const
const duration = (description: string, value: number) => ({ type: 'duration', default: value, description }) as const

export const auditFlags = defineFlags({
  'audit-policy-file': text('The policy that says what is recorded; absent: nothing.'),
  'audit-log-path': text("The file that records go to; '-' the standard output."),
  'audit-log-format': text('json or legacy: one line of text.', 'json'),
  'audit-log-version': text('The version of the records.', 'audit.k8s.io/v1'),
  'audit-log-maxage': number('Days that old files are kept; 0 for ever.', 366),
  'audit-log-maxbackup': number('Old files that are kept; 0 all.', 100),
  'audit-log-maxsize': number('Megabytes of a file before it is put aside; 0 no limit.', 100),
  'audit-log-compress': yesNo('Old files are compressed.', false),
  'audit-log-mode': text('blocking, blocking-strict or batch.', 'blocking'),
  'audit-log-batch-buffer-size': number('Records that may wait, in mode batch.', 10_000),
  'audit-log-batch-max-size': number('Records in one batch.', 1),
  'audit-log-batch-max-wait': duration('How long a batch waits to be full.', 0),
  'audit-log-batch-throttle-enable': yesNo('Whether batches are slowed down.', false),
  'audit-log-batch-throttle-qps': number('Batches a second.', 0),
  'audit-log-batch-throttle-burst': number('Batches at once.', 0),
  'audit-log-truncate-enabled': yesNo('Whether large records are cut.', false),
  'audit-log-truncate-max-batch-size': number('Bytes of a batch.', 10 * 1024 * 1024),
  'audit-log-truncate-max-event-size': number('Bytes of a record.', 100 * 1024),
  'audit-webhook-config-file': text('Kubeconfig of the service that records are sent to.'),
  'audit-webhook-version': text('The version of the records.', 'audit.k8s.io/v1'),
  'audit-webhook-initial-backoff': duration('The wait before a failed request is repeated.', 10_000),
  'audit-webhook-mode': text('batch, blocking or blocking-strict.', 'batch'),
  'audit-webhook-batch-buffer-size': number('Records that may wait, in mode batch.', 10_000),
  'audit-webhook-batch-max-size': number('Records in one batch.', 400),
  'audit-webhook-batch-max-wait': duration('How long a batch waits to be full.', 30_000),
  'audit-webhook-batch-throttle-enable': yesNo('Whether batches are slowed down.', true),
  'audit-webhook-batch-throttle-qps': number('Batches a second.', 10),
  'audit-webhook-batch-throttle-burst': number('Batches at once.', 15),
  'audit-webhook-truncate-enabled': yesNo('Whether large records are cut.', false),
  'audit-webhook-truncate-max-batch-size': number('Bytes of a batch.', 10 * 1024 * 1024),
  'audit-webhook-truncate-max-event-size': number('Bytes of a record.', 100 * 1024),
})
export type AuditFlags = FlagValues<typeof auditFlags>
export type AuditPlugin = 'log' | 'webhook'

/** What is wrong with them, of the backends that are in use. */
export function auditFlagProblems(values: AuditFlags): readonly string[] {
  return [
    ...(values['audit-log-path'] === '' ? [] : [...pluginProblems(values, 'log'), ...logProblems(values)]),
    ...(values['audit-webhook-config-file'] === '' ? [] : pluginProblems(values, 'webhook')),
  ]
}

const modes = ['batch', 'blocking', 'blocking-strict']

function pluginProblems(values: AuditFlags, plugin: AuditPlugin): readonly string[] {
  const mode = values[`audit-${plugin}-mode`]
  const eventSize = values[`audit-${plugin}-truncate-max-event-size`]
  const batchSize = values[`audit-${plugin}-truncate-max-batch-size`]
  return [
    ...(modes.includes(mode)
      ? []
      : [`invalid audit ${plugin} mode ${mode}, allowed modes are ${JSON.stringify(modes.join(','))}`]),
    ...(mode === 'batch' ? batchProblems(values, plugin) : []),
    ...(eventSize > 0
      ? []
      : [`invalid audit truncate ${plugin} max event size ${eventSize}, must be a positive number`]),
    ...(batchSize >= eventSize
      ? []
      : [
          `invalid audit truncate ${plugin} max batch size ${batchSize}, must be greater than max event size (${eventSize})`,
        ]),
    ...(values[`audit-${plugin}-version`] === 'audit.k8s.io/v1'
      ? []
      : ['invalid group version, allowed versions are ["audit.k8s.io/v1"]']),
  ]
}

function batchProblems(values: AuditFlags, plugin: AuditPlugin): readonly string[] {
  const prefix = `audit-${plugin}-batch` as const
  const checked = [
    ['buffer size', values[`${prefix}-buffer-size`]],
    ['max batch size', values[`${prefix}-max-size`]],
    ...(values[`${prefix}-throttle-enable`]
      ? ([
          ['throttle QPS', values[`${prefix}-throttle-qps`]],
          ['throttle burst', values[`${prefix}-throttle-burst`]],
        ] as const)
      : []),
  ] as const
  return checked
    .filter(([, value]) => value <= 0)
    .map(([name, value]) => `invalid audit batch ${plugin} ${name} ${value}, must be a positive number`)
}

function logProblems(values: AuditFlags): readonly string[] {
  const format = values['audit-log-format']
  const numbers = ['audit-log-maxage', 'audit-log-maxbackup', 'audit-log-maxsize'] as const
  return [
    ...(format === 'json' || format === 'legacy'
      ? []
      : [`invalid audit log format ${format}, allowed formats are "legacy,json"`]),
    ...numbers.filter((name) => values[name] < 0).map((name) => `--${name} ${values[name]} can't be a negative number`),
  ]
}
