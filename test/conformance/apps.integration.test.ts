/** Workloads: what the API and the controllers make of them; the pods need no containers here. */
import { expect, test } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { eventually } from '../fixtures/process.ts'
import { conformanceCluster } from './fixture.ts'
import { addHollowNode } from './nodes.ts'
import { type Collection, collectionAt, expectLater, expectResourceVersion, untilEvent } from './operations.ts'
import { podObject, podOwner, podSpec, untilRunning } from './workloads.ts'

type Json = RawAnswer['json']

const cluster = conformanceCluster()
addHollowNode(cluster, ({ metadata }) =>
  metadata.labels?.['ends'] === 'yes' ? { phase: 'Succeeded', ready: false } : { phase: 'Running', ready: true },
)

/** The collection of a kind in a new namespace, and the same kind everywhere. */
async function startNamespace(
  groupVersion: string,
  resource: string,
): Promise<{ namespace: string; items: Collection; all: Collection }> {
  const namespace = await cluster.namespace()
  const items = collectionAt(cluster, `${groupVersion}/namespaces/${namespace}/${resource}`)
  return { namespace, items, all: collectionAt(cluster, `${groupVersion}/${resource}`) }
}

/** Waits until the object is as wanted. */
async function untilObject(items: Collection, name: string, holds: (object: Json) => boolean): Promise<Json> {
  return await eventually(
    `the wanted state of ${name}`,
    async () => {
      const object = await items.get(name)
      return holds(object) && object
    },
    30_000,
  )
}

/** Waits until a selector finds as many objects as wanted; gives them. */
async function untilCount(items: Collection, selector: string, count: number): Promise<Json[]> {
  return await eventually(`${count} of ${selector}`, async () => {
    const found = (await items.list(selector)).items
    return found.length === count && found
  })
}

test('[sig-apps] ControllerRevision [Serial] should manage the lifecycle of a ControllerRevision [Conformance]', async () => {
  const { namespace, items: daemonSets, all } = await startNamespace('/apis/apps/v1', 'daemonsets')
  const revisions = collectionAt(cluster, `/apis/apps/v1/namespaces/${namespace}/controllerrevisions`)
  const everywhere = collectionAt(cluster, '/apis/apps/v1/controllerrevisions')
  const selector = 'daemonset-name=revised'
  const set = await daemonSets.create(podOwner('DaemonSet', 'revised', { 'daemonset-name': 'revised' }))
  await untilRunning(cluster, namespace, 1)
  expect((await all.list(selector)).items).toHaveLength(1)
  const [initial] = await untilCount(everywhere, selector, 1)
  expect(initial.metadata.ownerReferences).toEqual([
    expect.objectContaining({ kind: 'DaemonSet', uid: set.metadata.uid, controller: true }),
  ])
  const { name } = initial.metadata
  expectResourceVersion(initial)
  const patched = await revisions.patch(name, { metadata: { labels: { [name]: 'patched' } } }, 'strategic-merge')
  expect(patched.metadata.labels).toMatchObject({ [name]: 'patched' })
  expectLater(initial, patched)

  const next = `${set.metadata.name}-next`
  const labels = { 'daemonset-name': 'revised', 'controller-revision-hash': 'next' }
  const { apiVersion, kind, data, metadata } = initial
  const { ownerReferences } = metadata
  await revisions.create({ apiVersion, kind, data, revision: 2, metadata: { name: next, labels, ownerReferences } })
  await untilCount(revisions, selector, 2)
  await revisions.remove(name)
  await untilCount(revisions, selector, 1)
  const updated = await revisions.replace(next, (revision) => {
    revision.metadata.labels[next] = 'updated'
  })
  expect(updated.metadata.labels).toMatchObject({ [next]: 'updated' })

  const spec = { template: { spec: { terminationGracePeriodSeconds: 2 } } }
  await daemonSets.patch('revised', { spec }, 'strategic-merge')
  await untilCount(revisions, selector, 2)
  await revisions.removeAll(`${next}=updated`)
  const [current] = await untilCount(revisions, selector, 1)
  expect(current.revision).toBe(3)
})

test('[sig-apps] Daemon set [Serial] should verify changes to a daemon set status [Conformance]', async () => {
  const { namespace, items, all } = await startNamespace('/apis/apps/v1', 'daemonsets')
  const selector = 'daemonset-name=status'
  const { resourceVersion } = (await all.list(selector)).metadata
  const watch = await items.watch(selector, resourceVersion)
  await items.create(podOwner('DaemonSet', 'status', { 'daemonset-name': 'status' }))
  await untilRunning(cluster, namespace, 1)
  expect((await items.get('status/status')).kind).toBe('DaemonSet')
  const seen = async (wanted: object): Promise<void> => {
    await untilEvent(watch, ({ object }) =>
      (object.status.conditions ?? []).some((one: object) => expect.objectContaining(wanted).asymmetricMatch(one)),
    )
  }
  const condition = { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set from e2e test' }
  await items.replace('status', ({ status }) => Object.assign(status, { conditions: [condition] }), '/status')
  await seen(condition)
  const patched = { type: 'StatusPatched', status: 'True' }
  await items.patch('status/status', { status: { conditions: [patched] } })
  await seen(patched)
  watch.close()
  expect((await items.get('status')).status.conditions).toEqual([expect.objectContaining(patched)])
})

test('[sig-apps] Deployment should run the lifecycle of a Deployment [Conformance]', async () => {
  const { items, all } = await startNamespace('/apis/apps/v1', 'deployments')
  const selector = 'test-deployment-static=true'
  const labels = { 'test-deployment-static': 'true' }
  const { resourceVersion } = (await all.list(selector)).metadata
  const watch = await items.watch(selector, resourceVersion)
  const isReady =
    (replicas: number) =>
    ({ status }: Json): boolean =>
      status.readyReplicas === replicas &&
      status.updatedReplicas === replicas &&
      (status.unavailableReplicas ?? 0) === 0
  const created = await items.create(podOwner('Deployment', 'life', labels, { replicas: 2 }))
  expectResourceVersion(created)
  expect((await watch.next()).type).toBe('ADDED')
  await untilObject(items, 'life', isReady(2))

  const container = { name: 'main', image: 'example.com/image:2' }
  const patched = await items.patch(
    'life',
    {
      metadata: { labels: { 'test-deployment': 'patched' } },
      spec: { replicas: 1, template: { spec: { terminationGracePeriodSeconds: 2, containers: [container] } } },
    },
    'strategic-merge',
  )
  expectLater(created, patched)
  await untilEvent(
    watch,
    ({ type, object }) => type === 'MODIFIED' && object.metadata.labels['test-deployment'] === 'patched',
  )
  const scaled = await untilObject(items, 'life', (object) => isReady(1)(object) && object.status.replicas === 1)
  expect(scaled.spec.template.spec).toMatchObject({ terminationGracePeriodSeconds: 2, containers: [container] })
  expect((await all.list(selector)).items).toHaveLength(1)

  await items.replace('life', ({ metadata, spec }) => {
    metadata.labels['test-deployment'] = 'updated'
    spec.template.spec.containers[0].image = 'example.com/image:3'
    spec.replicas = 2
  })
  const status = await items.get('life/status')
  expect(status.spec.template.spec.containers[0].image).toBe('example.com/image:3')
  expect(status.metadata.labels).toMatchObject({ 'test-deployment': 'updated' })
  await untilObject(items, 'life', isReady(2))

  const zero = { readyReplicas: 0, availableReplicas: 0 }
  await items.patch('life/status', { status: zero }, 'strategic-merge')
  await untilEvent(
    watch,
    ({ object }) => (object.status.readyReplicas ?? 0) === 0 && object.metadata.labels['test-deployment'] === 'updated',
  )
  expect((await items.get('life/status')).metadata.labels).toMatchObject({ 'test-deployment': 'updated' })
  // The controller finds out what is true.
  await untilObject(items, 'life', isReady(2))
  await items.removeAll(selector, { gracePeriodSeconds: 1 })
  await untilEvent(watch, ({ type }) => type === 'DELETED')
  watch.close()
})

test('[sig-apps] ReplicationController should test the lifecycle of a ReplicationController [Conformance]', async () => {
  const { items, all } = await startNamespace('/api/v1', 'replicationcontrollers')
  const selector = 'test-rc-static=true'
  const { resourceVersion } = (await items.list(selector)).metadata
  const watch = await items.watch(selector, resourceVersion)
  const created = await items.create(
    podOwner('ReplicationController', 'rc-test', { 'test-rc-static': 'true' }, { replicas: 1 }),
  )
  expectResourceVersion(created)
  expect((await watch.next()).type).toBe('ADDED')
  await untilObject(items, 'rc-test', ({ status }) => status.replicas === 1 && status.readyReplicas === 1)
  const patched = await items.patch('rc-test', { metadata: { labels: { 'test-rc': 'patched' } } }, 'strategic-merge')
  expect(patched.metadata.labels).toMatchObject({ 'test-rc': 'patched' })
  expectLater(created, patched)
  await untilEvent(watch, ({ type, object }) => type === 'MODIFIED' && object.metadata.labels['test-rc'] === 'patched')

  const zero = { readyReplicas: 0, availableReplicas: 0 }
  const status = await items.patch('rc-test/status', { status: zero }, 'strategic-merge')
  expect(status.status.readyReplicas ?? 0).toBe(0)
  await untilEvent(watch, ({ type, object }) => type === 'MODIFIED' && (object.status.readyReplicas ?? 0) === 0)
  expect((await items.get('rc-test/status')).status.replicas).toBe(1)
  await items.patch('rc-test/scale', { spec: { replicas: 2 } }, 'strategic-merge')
  const scaled = await untilObject(items, 'rc-test', (rc) => rc.status.replicas === 2 && rc.status.readyReplicas === 2)
  expect(scaled.metadata.labels).toMatchObject({ 'test-rc': 'patched' })

  const before = scaled.metadata.resourceVersion
  await items.replace(
    'rc-test',
    (rc) => Object.assign(rc.status, { readyReplicas: 1, availableReplicas: 1 }),
    '/status',
  )
  await untilEvent(
    watch,
    ({ type, object }) => type === 'MODIFIED' && BigInt(object.metadata.resourceVersion) > BigInt(before),
  )
  const { items: found } = await all.list(selector)
  expect(found.map(({ metadata }: Json) => metadata.labels)).toEqual([
    { 'test-rc-static': 'true', 'test-rc': 'patched' },
  ])
  await items.removeAll(selector)
  await untilEvent(watch, ({ type }) => type === 'DELETED')
  watch.close()
})

const jobObject = (name: string, labels: Readonly<Record<string, string>>, spec: object = {}): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, labels },
  spec: {
    parallelism: 2,
    completions: 4,
    template: { metadata: { labels }, spec: podSpec({ restartPolicy: 'Never' }) },
    ...spec,
  },
})

test('[sig-apps] Job should apply changes to a job status [Conformance]', async () => {
  const { namespace, items } = await startNamespace('/apis/batch/v1', 'jobs')
  const job = await items.create(jobObject('status', { job: 'status' }))
  await untilRunning(cluster, namespace, 2)
  const condition = { type: 'CustomConditionType', status: 'True', lastTransitionTime: '2026-01-02T03:04:05Z' }
  const patched = await items.patch('status/status', {
    metadata: { annotations: { patchedstatus: 'true' } },
    status: { conditions: [condition] },
  })
  expect(patched.status.conditions).toContainEqual(expect.objectContaining(condition))
  expect(patched.metadata.annotations).toMatchObject({ patchedstatus: 'true' })
  const later = '2026-01-02T03:04:06Z'
  const updated = await items.replace(
    'status',
    ({ status }) => {
      for (const one of status.conditions) if (one.type === condition.type) one.lastTransitionTime = later
    },
    '/status',
  )
  expect(updated.status.conditions).toContainEqual(expect.objectContaining({ ...condition, lastTransitionTime: later }))
  expect((await items.get('status/status')).metadata.uid).toBe(job.metadata.uid)
})

test('[sig-apps] Job should manage the lifecycle of a job [Conformance]', async () => {
  const { items, all } = await startNamespace('/apis/batch/v1', 'jobs')
  const selector = 'e2e-job-label=life'
  const { resourceVersion } = (await items.list(selector)).metadata
  const watch = await items.watch(selector, resourceVersion)
  const labels = { 'e2e-job-label': 'life', ends: 'yes' }
  const job = await items.create(jobObject('life', labels, { suspend: true }))
  expectResourceVersion(job)
  const patched = await items.patch('life', { metadata: { labels: { life: 'patched' } } }, 'strategic-merge')
  expect(patched.metadata.labels).toMatchObject({ life: 'patched' })
  expectLater(job, patched)
  await untilEvent(watch, ({ type, object }) => type === 'MODIFIED' && object.metadata.labels.life === 'patched')
  const updated = await items.replace('life', ({ metadata, spec }) => {
    spec.suspend = false
    metadata.annotations = { ...metadata.annotations, updated: 'true' }
  })
  expect(updated.metadata.annotations).toMatchObject({ updated: 'true' })
  await untilEvent(watch, ({ type, object }) => type === 'MODIFIED' && object.metadata.annotations?.updated === 'true')
  expect((await all.list(selector)).items).toHaveLength(1)
  const done = await untilObject(
    items,
    'life',
    ({ status }) => status.succeeded === 4 && status.completionTime !== undefined,
  )
  expect(done.status.conditions).toContainEqual(
    expect.objectContaining({ type: 'Complete', status: 'True', reason: 'CompletionsReached' }),
  )
  await items.removeAll(selector, { propagationPolicy: 'Background' })
  await untilEvent(watch, ({ type }) => type === 'DELETED')
  watch.close()
  expect((await all.list(selector)).items).toEqual([])
})

type Budgets = {
  readonly namespace: string
  readonly budgets: Collection
  readonly pods: Collection
  readonly evict: (name: string) => Promise<RawAnswer>
}

const labels = { foo: 'bar' }
const budget = (spec: object): object => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'foo' },
  spec: { selector: { matchLabels: labels }, ...spec },
})

async function startBudgets(): Promise<Budgets> {
  const { namespace, items: budgets } = await startNamespace('/apis/policy/v1', 'poddisruptionbudgets')
  const path = `/api/v1/namespaces/${namespace}/pods`
  const evict = async (name: string): Promise<RawAnswer> => {
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
    return await cluster.send(`${path}/${name}/eviction`, { method: 'POST', body })
  }
  return { namespace, budgets, evict, pods: collectionAt(cluster, path) }
}

test('[sig-apps] DisruptionController should create a PodDisruptionBudget [Conformance]', async () => {
  const { budgets } = await startBudgets()
  expect((await budgets.create(budget({ minAvailable: '1%' }))).spec.minAvailable).toBe('1%')
  await untilObject(budgets, 'foo', ({ status, metadata }) => status.observedGeneration === metadata.generation)
  const updated = await budgets.replace('foo', ({ spec }) => Object.assign(spec, { minAvailable: '2%' }))
  expect(updated.spec.minAvailable).toBe('2%')
  expectResourceVersion(updated)
  const patched = await budgets.patch('foo', { spec: { minAvailable: '3%' } })
  expect(patched.spec.minAvailable).toBe('3%')
  expectLater(updated, patched)
  await budgets.remove('foo')
  await budgets.gone('foo')
})

test('[sig-apps] DisruptionController should observe PodDisruptionBudget status updated [Conformance]', async () => {
  const { namespace, budgets, pods } = await startBudgets()
  await budgets.create(budget({ minAvailable: 1 }))
  for (const name of ['a', 'b', 'c']) await pods.create(podObject(name, labels))
  await untilRunning(cluster, namespace, 3)
  const { status } = await untilObject(budgets, 'foo', (found) => found.status.disruptionsAllowed === 2)
  expect(status).toMatchObject({ currentHealthy: 3, desiredHealthy: 1, expectedPods: 3 })
})

test('[sig-apps] DisruptionController should update/patch PodDisruptionBudget status [Conformance]', async () => {
  const { namespace, budgets, pods } = await startBudgets()
  await budgets.create(budget({ minAvailable: 1 }))
  await pods.create(podObject('disrupted', labels))
  await untilRunning(cluster, namespace, 1)
  await untilObject(budgets, 'foo', ({ status }) => status.currentHealthy === 1)
  const now = `${new Date().toISOString().slice(0, -5)}Z`
  await budgets.replace('foo', ({ status }) => Object.assign(status, { disruptedPods: { disrupted: now } }), '/status')
  expect((await budgets.get('foo/status')).status.disruptedPods).toHaveProperty('disrupted')
  const patched = await budgets.patch('foo/status', { status: { disruptedPods: { disrupted: null } } })
  expect(patched.status.disruptedPods ?? {}).toEqual({})
})

test('[sig-apps] DisruptionController should block an eviction until the PDB is updated to allow it [Conformance]', async () => {
  const { namespace, budgets, evict } = await startBudgets()
  await budgets.create(budget({ minAvailable: 3 }))
  const sets = collectionAt(cluster, `/apis/apps/v1/namespaces/${namespace}/replicasets`)
  await sets.create(podOwner('ReplicaSet', 'three', labels, { replicas: 3 }))
  const running = async (): Promise<string> => (await untilRunning(cluster, namespace, 3))[0].metadata.name
  const expectBlocked = async (name: string): Promise<void> => {
    const { code, json } = await evict(name)
    expect([code, json.reason]).toEqual([429, 'TooManyRequests'])
    expect(json.details.causes).toContainEqual(expect.objectContaining({ reason: 'DisruptionBudget' }))
  }
  const first = await running()
  await expectBlocked(first)
  await budgets.replace('foo', ({ spec }) => Object.assign(spec, { minAvailable: 2 }))
  await running()
  await untilObject(budgets, 'foo', ({ status }) => status.currentHealthy === 3 && status.disruptionsAllowed === 1)
  expect((await evict(first)).code).toBe(201)

  await budgets.patch('foo', { spec: { minAvailable: null, maxUnavailable: 0 } })
  const second = await running()
  await expectBlocked(second)
  await budgets.remove('foo')
  await budgets.gone('foo')
  expect((await evict(second)).code).toBe(201)
})
