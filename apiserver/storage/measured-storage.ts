/** A storage whose calls are timed, under the names of upstream's etcd metrics. */
import type { Clock } from '../../component-base/clock.ts'
import { Counter, Histogram, type Registry } from '../../component-base/metrics.ts'
import { requestDurationBuckets } from '../http/request-metrics.ts'
import type { Storage } from './storage.ts'

/** What a key is a key of; labels of the metrics. */
export type KeyType = { readonly group: string; readonly resource: string }

const labelNames = ['operation', 'group', 'resource'] as const

/** Registers the metrics and measures every call of `storage` that one request makes. */
export function createMeasuredStorage(
  storage: Storage,
  registry: Registry,
  clock: Clock,
  typeOf: (key: string) => KeyType,
): Storage {
  const registers = [registry]
  const requests = new Counter({
    name: 'etcd_requests_total',
    help: 'Etcd request counts for each operation and object type.',
    labelNames,
    registers,
  })
  const errors = new Counter({
    name: 'etcd_request_errors_total',
    help: 'Etcd failed request counts for each operation and object type.',
    labelNames,
    registers,
  })
  const seconds = new Histogram({
    name: 'etcd_request_duration_seconds',
    help: 'Etcd request latency in seconds for each operation and object type.',
    labelNames,
    buckets: requestDurationBuckets,
    registers,
  })
  const measured = async <T>(operation: string, key: string, call: () => Promise<T>): Promise<T> => {
    const labels = { operation, ...typeOf(key) }
    const startedMs = clock.now()
    try {
      return await call()
    } catch (error) {
      errors.inc(labels)
      throw error
    } finally {
      requests.inc(labels)
      seconds.observe(labels, (clock.now() - startedMs) / 1000)
    }
  }
  return {
    ...storage,
    get: async (key, signal) => await measured('get', key, async () => await storage.get(key, signal)),
    list: async (prefix, options, signal) =>
      await measured('list', prefix, async () => await storage.list(prefix, options, signal)),
    put: async (key, value, options, signal) =>
      await measured(
        options.expectedRevision === 0 ? 'create' : 'update',
        key,
        async () => await storage.put(key, value, options, signal),
      ),
    delete: async (key, revision, signal) =>
      await measured('delete', key, async () => await storage.delete(key, revision, signal)),
  }
}
