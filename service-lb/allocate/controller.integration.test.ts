/** The allocating part against a real API server, with the rights that `npm start` gives it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Service } from '../../api/core/v1.ts'
import { type Client, createClient } from '../../client/rest/client.ts'
import { loadKubeconfig } from '../../client/rest/kubeconfig.ts'
import { events, namespaces, nodes as nodesRef, services } from '../../client/rest/resource-refs.ts'
import { systemClock } from '../../component-base/clock.ts'
import { silentLogger } from '../../component-base/logger.ts'
import { loadBalancerManifests } from '../../deploy/local/load-balancer.ts'
import { pathOf } from '../../deploy/local/manifest.ts'
import { startControlPlane, type TestControlPlane } from '../../test/fixtures/control-plane.ts'
import { createLoadBalancerMetrics } from '../metrics.ts'
import { finalizer, statusAddresses } from '../services.ts'
import { classes, node, poolOf } from '../testing.ts'
import { runAllocator } from './controller.ts'

let plane: TestControlPlane
let admin: Client
let client: Client
let stop: AbortController
let running: Promise<void>
const signal = AbortSignal.timeout(300_000)
const namespace = 'balanced'

function startAllocator(): void {
  stop = new AbortController()
  const pool = poolOf('192.0.2.10-192.0.2.12')
  const options = { client, pool, classes, nodes: () => [node('a')], metrics: createLoadBalancerMetrics() }
  running = runAllocator({ ...options, clock: systemClock, logger: silentLogger }, stop.signal).catch(() => {})
}

async function stopAllocator(): Promise<void> {
  stop.abort()
  await running
}

beforeAll(async () => {
  plane = await startControlPlane()
  admin = createClient(await loadKubeconfig(plane.kubeconfig))
  for (const manifest of loadBalancerManifests([])) {
    const headers = { 'content-type': 'application/apply-patch+yaml' }
    const path = `${pathOf(manifest)}?fieldManager=test`
    await admin.raw({ method: 'PATCH', path, headers, body: JSON.stringify(manifest) }, signal)
  }
  await admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, signal)
  client = createClient(await loadKubeconfig(await plane.kubeconfigFor('system:service-lb')))
  startAllocator()
})

afterAll(async () => {
  await stopAllocator()
  client.close()
  admin.close()
  await plane.close()
})

async function create(name: string, spec: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const ports = [{ port: 80 }]
  const draft = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { type: 'LoadBalancer', ports, ...spec },
  }
  await admin.create(services, draft as unknown as Service, signal)
}

async function until(name: string, check: (service: Service) => boolean): Promise<Service> {
  for (;;) {
    const service = await admin.get(services, { namespace, name }, signal)
    if (check(service)) return service
    await systemClock.sleep(30, signal)
  }
}

const hasAddress = (service: Service): boolean => statusAddresses(service).length > 0

async function eventsOf(name: string): Promise<readonly string[]> {
  const { items } = await admin.list(events, { namespace, fieldSelector: `involvedObject.name=${name}` }, signal)
  return items.map(({ reason = '', message = '', source }) => `${source?.component} ${reason}: ${message}`)
}

async function untilEvent(name: string, text: string): Promise<void> {
  while (!(await eventsOf(name)).some((each) => each.includes(text))) await systemClock.sleep(30, signal)
}

test('Services get addresses, a finalizer and events, and give the address back', async () => {
  await create('a')
  const service = await until('a', hasAddress)
  expect(service.status.loadBalancer?.ingress).toEqual([{ ip: '192.0.2.10', ipMode: 'VIP' }])
  expect(service.metadata.finalizers).toEqual([finalizer])
  await untilEvent('a', 'EnsuredLoadBalancer')
  expect(await eventsOf('a')).toEqual([
    'service-controller EnsuringLoadBalancer: Ensuring load balancer',
    'service-controller EnsuredLoadBalancer: Ensured load balancer',
  ])
  await create('b')
  await create('c', { loadBalancerIP: '192.0.2.12' })
  expect(statusAddresses(await until('c', hasAddress))).toEqual(['192.0.2.12'])
  expect(statusAddresses(await until('b', hasAddress))).toEqual(['192.0.2.11'])
  await create('waiting')
  await untilEvent(
    'waiting',
    'Error syncing load balancer: failed to ensure load balancer: all 3 addresses of the IPv4 pool are in use',
  )
  await admin.delete(services, { namespace, name: 'b' }, {}, signal)
  expect(statusAddresses(await until('waiting', hasAddress))).toEqual(['192.0.2.11'])
  await untilEvent('b', 'DeletedLoadBalancer')
})

test('a Service that changes its type loses address and finalizer, and may come back', async () => {
  await admin.patch(
    services,
    { namespace, name: 'a' },
    { type: 'merge', body: { spec: { type: 'ClusterIP' } } },
    signal,
  )
  const service = await until('a', (each) => !hasAddress(each) && each.metadata.finalizers === undefined)
  expect(service.spec.type).toBe('ClusterIP')
  await admin.patch(
    services,
    { namespace, name: 'a' },
    { type: 'merge', body: { spec: { type: 'LoadBalancer' } } },
    signal,
  )
  expect(statusAddresses(await until('a', hasAddress))).toEqual(['192.0.2.10'])
})

test('a restart changes nothing, and does what was left undone', async () => {
  const before = await admin.list(services, { namespace }, signal)
  await stopAllocator()
  await admin.delete(services, { namespace, name: 'c' }, {}, signal)
  await create('later')
  startAllocator()
  expect(statusAddresses(await until('later', hasAddress))).toEqual(['192.0.2.12'])
  for (const { metadata, status } of before.items.filter((each) => each.metadata.name !== 'c')) {
    const now = await admin.get(services, { namespace, name: metadata.name }, signal)
    expect([now.metadata.resourceVersion, now.status]).toEqual([metadata.resourceVersion, status])
  }
})

test('Services of another class are left alone', async () => {
  await create('foreign', { loadBalancerClass: 'example.com/x' })
  await admin.delete(services, { namespace, name: 'later' }, {}, signal)
  await create('own', { loadBalancerClass: 'kubets.io/service-lb' })
  await until('own', hasAddress)
  const foreign = await admin.get(services, { namespace, name: 'foreign' }, signal)
  expect([statusAddresses(foreign), foreign.metadata.finalizers]).toEqual([[], undefined])
})

test('a namespace with balanced Services goes away whole', async () => {
  await admin.deleteCollection(services, { namespace }, {}, signal)
  while ((await admin.list(services, { namespace }, signal)).items.length > 0) await systemClock.sleep(50, signal)
  expect((await admin.list(nodesRef, {}, signal)).items).toEqual([])
})
