/** A storage whose calls are timed, under the names of upstream's etcd metrics. */

import { requestSeconds } from '../../component-base/buckets.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Registry } from '../../component-base/metrics.ts'
import { bucketTallies, countTallies } from '../../component-base/tallies.ts'
import type { Storage } from './storage.ts'

/** What a key is a key of; labels of the metrics. */
export type KeyType = { readonly group: string; readonly resource: string }

const labelNames = ['operation', 'group', 'resource']

/** Registers the metrics and measures every call of `storage` that one request makes. */
export function createMeasuredStorage(
  storage: Storage,
  registry: Registry,
  clock: Clock,
  typeOf: (key: string) => KeyType,
): Storage {
  const requests = countTallies(registry, {
    name: 'etcd_requests_total',
    help: 'Etcd request counts for each operation and object type.',
    labelNames,
  })
  const errors = countTallies(registry, {
    name: 'etcd_request_errors_total',
    help: 'Etcd failed request counts for each operation and object type.',
    labelNames,
  })
  const seconds = bucketTallies(
    registry,
    {
      name: 'etcd_request_duration_seconds',
      help: 'Etcd request latency in seconds for each operation and object type.',
      labelNames,
    },
    requestSeconds,
  )
  const measured = async <T>(operation: string, key: string, call: () => Promise<T>): Promise<T> => {
    const { group, resource } = typeOf(key)
    const tally = `${operation} ${group}/${resource}`
    const labels = () => ({ operation, group, resource })
    const startedMs = clock.now()
    try {
      return await call()
    } catch (error) {
      errors.of(tally, labels).add()
      throw error
    } finally {
      requests.of(tally, labels).add()
      seconds.of(tally, labels).observe((clock.now() - startedMs) / 1000)
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
