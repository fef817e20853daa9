/** Upstream's request metrics. */
import { requestSeconds } from '../../component-base/buckets.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Registry } from '../../component-base/metrics.ts'
import { bucketTallies, countTallies } from '../../component-base/tallies.ts'
import type { RequestInfo } from './request-info.ts'

/** A request that has been answered, or whose client has gone. */
export type DoneRequest = {
  readonly info: RequestInfo
  readonly code: number
  readonly startedMs: number
  /** Of the answer's body. */
  readonly bytes: number
  readonly userAgent: string
  /** Values of `?dryRun=`. */
  readonly dryRun: readonly string[]
}

const whatLabels = ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'] as const
const readVerbs = new Set(['get', 'list'])
/** Too many requests at once, and requests that took too long. Source: `RecordRequestTermination`. */
const selfDefence = new Set([429, 504])

/** Programs of the control plane have a label of their own; other clients have none. */
const systemClients = new Set([
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'cluster-policy-controller',
])

function systemClientOf(userAgent: string): string {
  const [program = ''] = userAgent.split('/')
  return systemClients.has(program) ? program : ''
}

const knownDryRuns = new Set(['All'])

function dryRunOf(values: readonly string[]): string {
  if (values.length === 0) return ''
  return values.every((value) => knownDryRuns.has(value)) ? [...new Set(values)].join(',') : 'invalid'
}

/**
 * Registers the metrics; the result is told of every finished request. What is not served gets no labels of its own, so that
 * nobody can fill the memory with paths.
 */
export function createRequestMetrics(
  registry: Registry,
  clock: Clock,
  isServed: (info: RequestInfo) => boolean,
): (done: DoneRequest) => void {
  const total = countTallies(registry, {
    name: 'apiserver_request_total',
    help: 'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
    labelNames: [...whatLabels, 'dry_run', 'system_client', 'code'],
  })
  const duration = bucketTallies(
    registry,
    {
      name: 'apiserver_request_duration_seconds',
      help: 'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
      labelNames: [...whatLabels, 'dry_run'],
    },
    requestSeconds,
  )
  const sizes = bucketTallies(
    registry,
    {
      name: 'apiserver_response_sizes',
      help: 'Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.',
      labelNames: whatLabels,
    },
    [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9],
  )
  const terminations = countTallies(registry, {
    name: 'apiserver_request_terminations_total',
    help: 'Number of requests which apiserver terminated in self-defense.',
    labelNames: [...whatLabels, 'code'],
  })
  return ({ info, code, startedMs, bytes, userAgent, dryRun }) => {
    const isKnown = info.isResourceRequest && isServed(info)
    const { group, version, resource, subresource } = isKnown ? info : nothing
    const scope = isKnown ? scopeOf(info) : ''
    const labels = () => ({ verb: verbOf(info), group, version, resource, subresource, scope, component: 'apiserver' })
    const key = `${info.verb} ${group}/${version}/${resource}/${subresource} ${scope}`
    const dry_run = dryRunOf(dryRun)
    const system_client = systemClientOf(userAgent)
    total
      .of(`${code} ${dry_run} ${system_client} ${key}`, () => ({
        ...labels(),
        dry_run,
        system_client,
        code: String(code),
      }))
      .add()
    if (selfDefence.has(code)) terminations.of(`${code} ${key}`, () => ({ ...labels(), code: String(code) })).add()
    if (info.verb !== 'watch') {
      const seconds = (clock.now() - startedMs) / 1000
      duration.of(`${dry_run} ${key}`, () => ({ ...labels(), dry_run })).observe(seconds)
    }
    // Only what was read, as upstream.
    if (readVerbs.has(info.verb)) sizes.of(key, labels).observe(bytes)
  }
}

const nothing = { group: '', version: '', resource: '', subresource: '' }

const verbNames: Readonly<Record<string, string>> = {
  create: 'POST',
  update: 'PUT',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
}

/** A request's verb as metrics name it. */
export function verbOf({ verb }: RequestInfo): string {
  return verbNames[verb] ?? verb.toUpperCase()
}

/** `cluster`, `namespace` or `resource`. */
export function scopeOf({ isResourceRequest, name, namespace }: RequestInfo): string {
  if (!isResourceRequest) return ''
  if (name !== '') return 'resource'
  return namespace === '' ? 'cluster' : 'namespace'
}
