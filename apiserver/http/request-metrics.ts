/** Upstream's request metrics. */
import type { Clock } from '../../component-base/clock.ts'
import { Counter, Histogram, type Registry } from '../../component-base/metrics.ts'
import type { RequestInfo } from './request-info.ts'

const buckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]

/** Registers the metrics; the result is told of every finished request. */
export function createRequestMetrics(
  registry: Registry,
  clock: Clock,
): (info: RequestInfo, code: number, startedMs: number) => void {
  const total = new Counter({
    name: 'apiserver_request_total',
    help: 'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
    labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component', 'code'] as const,
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'apiserver_request_duration_seconds',
    help: 'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
    labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'] as const,
    buckets,
    registers: [registry],
  })
  return (info, code, startedMs) => {
    const labels = {
      verb: verbOf(info),
      group: info.group,
      version: info.version,
      resource: info.resource,
      subresource: info.subresource,
      scope: scopeOf(info),
      component: 'apiserver',
    }
    total.inc({ ...labels, code: String(code) })
    if (info.verb !== 'watch') duration.observe(labels, (clock.now() - startedMs) / 1000)
  }
}

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
