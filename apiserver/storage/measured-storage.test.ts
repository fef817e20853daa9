import { expect, test } from 'vitest'
import { systemClock } from '../../component-base/clock.ts'
import { createRegistry } from '../../component-base/metrics.ts'
import { createMeasuredStorage } from './measured-storage.ts'
import { createMemoryStorage } from './memory.ts'

const never = new AbortController().signal
const pods = { group: '', resource: 'pods' }

test('createMeasuredStorage() counts what is asked, and what fails', async () => {
  const registry = createRegistry()
  const inner = createMemoryStorage()
  const broken = { ...inner, list: async () => await Promise.reject(new Error('down')) }
  const storage = createMeasuredStorage(broken, registry, systemClock, () => pods)
  await storage.put('/registry/pods/a', Buffer.from('{}'), { expectedRevision: 0 }, never)
  const found = await storage.get('/registry/pods/a', never)
  await storage.put('/registry/pods/a', Buffer.from('{}'), { expectedRevision: found?.modRevision ?? -1 }, never)
  await expect(storage.list('/registry/pods/', {}, never)).rejects.toThrow('down')
  const text = await registry.metrics()
  for (const [operation, count] of Object.entries({ create: 1, get: 1, update: 1, list: 1 })) {
    expect(text).toContain(`etcd_requests_total{operation="${operation}",group="",resource="pods"} ${count}`)
    expect(text).toContain(
      `etcd_request_duration_seconds_count{operation="${operation}",group="",resource="pods"} ${count}`,
    )
  }
  expect(text).toContain('etcd_request_errors_total{operation="list",group="",resource="pods"} 1')
  expect(text).not.toContain('etcd_request_errors_total{operation="get"')
})
