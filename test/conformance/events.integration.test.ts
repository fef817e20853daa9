/** Events in both groups that serve them. */
import { expect, test } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { conformanceCluster } from './fixture.ts'
import { type Collection, collectionAt, expectLater, expectResourceVersion } from './operations.ts'

type Json = RawAnswer['json']

const cluster = conformanceCluster()
const eventsIn = (namespace: string): Collection =>
  collectionAt(cluster, `/apis/events.k8s.io/v1/namespaces/${namespace}/events`)
const coreEventsIn = (namespace: string): Collection => collectionAt(cluster, `/api/v1/namespaces/${namespace}/events`)

const seriesAt = (count: number, seconds: number): object => ({
  count,
  lastObservedTime: `${new Date(seconds * 1_000).toISOString().slice(0, -1)}000Z`,
})

const newEvent = (namespace: string, name: string, label: string): object => ({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name, labels: { [label]: 'true' } },
  regarding: { namespace },
  eventTime: '2017-09-19T13:49:16.000000Z',
  note: `This is ${name}`,
  action: 'Do',
  reason: 'Test',
  type: 'Normal',
  reportingController: 'test-controller',
  reportingInstance: 'test-node',
})

const coreEvent = (namespace: string, name: string, label: string): object => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name, labels: { [label]: 'true' } },
  involvedObject: { namespace },
  message: 'This is a test event',
  reason: 'Test',
  type: 'Normal',
  count: 1,
})

/** An event without what every write changes. */
function withoutVersion({ metadata, ...event }: Json): Json {
  const { resourceVersion: _, managedFields: __, ...rest } = metadata
  return { ...event, metadata: rest }
}

async function namesAt(path: string, query = ''): Promise<string[]> {
  const { items } = await cluster.expectCode(200, `${path}${query}`)
  return items.map(({ metadata }: Json) => metadata.name)
}

test('[sig-instrumentation] Events API should ensure that an event can be fetched, patched, deleted, and listed [Conformance]', async () => {
  const namespace = await cluster.namespace()
  const events = eventsIn(namespace)
  const created = await events.create(newEvent(namespace, 'event-test', 'testevent-constant'))
  expectResourceVersion(created)
  const paths = [`/apis/events.k8s.io/v1/namespaces/${namespace}/events`, '/apis/events.k8s.io/v1/events']
  for (const path of paths) expect(await namesAt(path)).toContain('event-test')
  // The same event, selected by the name that each group has for who reported it.
  expect(await namesAt(`/api/v1/namespaces/${namespace}/events`, '?fieldSelector=source=test-controller')).toEqual([
    'event-test',
  ])
  expect(await namesAt(paths[0] ?? '', '?fieldSelector=reportingController=test-controller')).toEqual(['event-test'])

  const before = await events.get('event-test')
  const series = seriesAt(2, 1_505_828_951)
  await events.patch('event-test', { series }, 'strategic-merge')
  const patched = await events.get('event-test')
  expectLater(created, patched)
  expect(withoutVersion(patched)).toEqual(withoutVersion({ ...before, series }))
  const next = seriesAt(100, 1_505_828_956)
  await events.replace('event-test', (event) => Object.assign(event, { series: next }))
  expect(withoutVersion(await events.get('event-test'))).toEqual(withoutVersion({ ...before, series: next }))

  await events.remove('event-test')
  for (const path of paths) expect(await namesAt(path)).not.toContain('event-test')
})

test('[sig-instrumentation] Events should manage the lifecycle of an event [Conformance]', async () => {
  const namespace = await cluster.namespace()
  const events = coreEventsIn(namespace)
  const everywhere = collectionAt(cluster, '/api/v1/events')
  await events.create(coreEvent(namespace, 'core-event', 'core-event-constant'))
  const listed = await everywhere.list('core-event-constant=true')
  expect(listed.items.map(({ metadata }: Json) => metadata.name)).toEqual(['core-event'])
  await events.patch('core-event', { message: 'This is a test event - patched' }, 'strategic-merge')
  const patched = await events.get('core-event')
  expect(patched.message).toBe('This is a test event - patched')
  const body = withoutVersion({ ...patched, series: seriesAt(100, 1_505_828_956) })
  await cluster.expectCode(200, `/api/v1/namespaces/${namespace}/events/core-event`, { method: 'PUT', body })
  expect(withoutVersion(await events.get('core-event'))).toEqual(body)
  await events.remove('core-event')
  expect((await everywhere.list('core-event-constant=true')).items).toEqual([])
})

test('[sig-instrumentation] Events API should delete a collection of events [Conformance]', async () => {
  const namespace = await cluster.namespace()
  const events = eventsIn(namespace)
  for (const name of ['test-event-1', 'test-event-2', 'test-event-3']) {
    await events.create(newEvent(namespace, name, 'testevent-set'))
  }
  expect((await events.list('testevent-set=true')).items).toHaveLength(3)
  await events.removeAll('testevent-set=true')
  expect((await events.list('testevent-set=true')).items).toEqual([])
})

test('[sig-instrumentation] Events should delete a collection of events [Conformance]', async () => {
  const namespace = await cluster.namespace()
  const events = coreEventsIn(namespace)
  for (const name of ['test-event-1', 'test-event-2', 'test-event-3']) {
    await events.create(coreEvent(namespace, name, 'testevent-set'))
  }
  expect((await events.list('testevent-set=true')).items).toHaveLength(3)
  await events.removeAll('testevent-set=true')
  expect((await events.list('testevent-set=true')).items).toEqual([])
})
