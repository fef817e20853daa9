import { expect, test } from 'vitest'
import { HealthChecks } from './health.ts'

function checks(): HealthChecks {
  const health = new HealthChecks()
  health.add('ping', () => undefined)
  health.add('etcd', () => 'connection refused', ['readyz'])
  health.add('broken', async () => await Promise.reject(new Error('thrown')), ['livez'])
  return health
}
const ask = async (path: string, query = ''): Promise<unknown> =>
  await checks().answer(path, new URLSearchParams(query))

test('answer() is ok when every check of the group passes', async () => {
  expect(await ask('/healthz')).toEqual({ status: 200, body: 'ok' })
  expect(await ask('/healthz', 'verbose')).toEqual({ status: 200, body: '[+]ping ok\nhealthz check passed\n' })
})

test('answer() names what failed and withholds why', async () => {
  expect(await ask('/readyz')).toEqual({
    status: 500,
    body: '[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n',
  })
  expect(await ask('/livez')).toMatchObject({ status: 500 })
})

test('answer() leaves out what is excluded', async () => {
  expect(await ask('/readyz', 'exclude=etcd')).toEqual({ status: 200, body: 'ok' })
})

test('answer() answers one check by its path, and no path that it does not know', async () => {
  expect(await ask('/readyz/ping')).toEqual({ status: 200, body: 'ok' })
  expect(await ask('/readyz/etcd')).toEqual({ status: 500, body: 'internal server error: connection refused' })
  expect(await ask('/readyz/absent')).toBeUndefined()
  expect(await ask('/metrics')).toBeUndefined()
})
