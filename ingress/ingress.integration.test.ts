/** The whole controller against a real API server, with the rights that `npm start` gives it. */
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Secret, Service } from '../api/core/v1.ts'
import type { EndpointSlice } from '../api/discovery/v1.ts'
import type { Ingress } from '../api/networking/v1.ts'
import { type Client, createClient } from '../client/rest/client.ts'
import { loadKubeconfig } from '../client/rest/kubeconfig.ts'
import { endpointSlices, events, ingresses, leases, secrets, services } from '../client/rest/resource-refs.ts'
import { systemClock } from '../component-base/clock.ts'
import { parseFlags } from '../component-base/flags.ts'
import { silentLogger } from '../component-base/logger.ts'
import { selfSignedKeyPair } from '../component-base/self-signed.ts'
import { ingressManifests } from '../deploy/local/ingress.ts'
import { nodeLayout } from '../deploy/local/layout.ts'
import { pathOf } from '../deploy/local/manifest.ts'
import { startControlPlane, type TestControlPlane } from '../test/fixtures/control-plane.ts'
import { flags } from './config.ts'
import { runIngress } from './ingress.ts'
import { Testbed } from './proxy/testbed.ts'
import { ingress } from './testing.ts'

let plane: TestControlPlane
let admin: Client
let client: Client
let bed: Testbed
let ports = { http: 0, https: 0 }
let port: number
const stop = new AbortController()
let running: Promise<void>
const signal = AbortSignal.timeout(300_000)
const namespace = 'default'

beforeAll(async () => {
  plane = await startControlPlane()
  admin = createClient(await loadKubeconfig(plane.kubeconfig))
  const options = {
    nodes: 1,
    backend: 'udp',
    ipFamily: 'ipv4',
    proxyMode: 'iptables',
    hasLoadBalancer: true,
    hasIngress: true,
  } as const
  for (const manifest of ingressManifests(options, [nodeLayout(1)])) {
    const headers = { 'content-type': 'application/apply-patch+yaml' }
    const path = `${pathOf(manifest)}?fieldManager=test`
    await admin.raw({ method: 'PATCH', path, headers, body: JSON.stringify(manifest) }, signal)
  }
  bed = await Testbed.start()
  port = await bed.backend((request, response) => response.end(`${request.headers.host}${request.url}`))
  await createService('web')
  client = createClient(await loadKubeconfig(await plane.kubeconfigFor('system:ingress')))
  await new Promise<void>((resolve, reject) => {
    const { values } = parseFlags(flags, [
      ...[
        '--bind-address=127.0.0.1',
        '--http-port=0',
        '--https-port=0',
        '--metrics-bind-address=',
        '--shutdown-grace-period=200ms',
      ],
      ...[
        '--publish-service=kube-system/ingress',
        '--publish-status-address=192.0.2.77',
        '--node-name=kubets-node-1',
        '--endpoint-address=192.0.2.50',
        '--shutdown-delay=5s',
      ],
    ])
    const onListening = (actual: typeof ports): void => {
      ports = actual
      resolve()
    }
    running = runIngress(
      { flags: values, client, clock: systemClock, logger: silentLogger, random: Math.random, onListening },
      stop.signal,
    )
    running.catch(reject)
  })
  bed.ports = ports
})

afterAll(async () => {
  stop.abort()
  await running
  await bed.close()
  client.close()
  admin.close()
  await plane.close()
})

/** A Service with one endpoint, the backend on the loopback; the API refuses loopback addresses, so it stands on another. */
async function createService(name: string, endpoints: readonly string[] = ['192.0.2.1']): Promise<void> {
  const metadata = { name, namespace }
  await admin.create(
    services,
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { ports: [{ name: 'http', port: 80 }] },
    } as unknown as Service,
    signal,
  )
  const labels = { 'kubernetes.io/service-name': name }
  const slice = {
    ...{
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels },
      addressType: 'IPv4',
    },
    ...{ ports: [{ name: 'http', port }], endpoints: endpoints.map((address) => ({ addresses: [address] })) },
  }
  await admin.create(endpointSlices, slice as unknown as EndpointSlice, signal)
}

async function create(object: Ingress): Promise<Ingress> {
  const { name, annotations } = object.metadata
  const metadata = { name, namespace, ...(annotations === undefined ? {} : { annotations }) }
  return await admin.create(ingresses, { ...object, metadata } as unknown as Ingress, signal)
}

async function until<T>(check: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const value = await check()
    if (value !== undefined) return value
    await systemClock.sleep(30, signal)
  }
}

async function untilStatus(path: string, host: string, status: number): Promise<void> {
  await until(async () => ((await bed.ask(path, { headers: { host } })).status === status ? true : undefined))
}

async function addressesOf(name: string): Promise<string> {
  const { status } = await admin.get(ingresses, { namespace, name }, signal)
  return (status.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join()
}

async function untilEvent(name: string, text: string): Promise<void> {
  await until(async () => {
    const { items } = await admin.list(events, { namespace, fieldSelector: `involvedObject.name=${name}` }, signal)
    return items.some(({ reason, message }) => `${reason}: ${message}`.includes(text)) ? true : undefined
  })
}

test('an Ingress is served, shows its address, and stops being served when it goes', async () => {
  await untilStatus('/tea', 'cafe.example.com', 404)
  await create(ingress('cafe', { rules: { 'cafe.example.com': ['Prefix /tea web:80', 'Exact /coffee web:http'] } }))
  // The endpoint is a documentation address where nobody is: found, but not reached.
  await until(async () => ((await addressesOf('cafe')) === '192.0.2.77' ? true : undefined))
  const { holderIdentity } = (
    await admin.get(leases, { namespace: 'kube-system', name: 'ingress-controller-leader' }, signal)
  ).spec
  expect(holderIdentity).toMatch(/_/)
  await admin.delete(ingresses, { namespace, name: 'cafe' }, {}, signal)
  await untilStatus('/tea', 'cafe.example.com', 404)
})

test('the status follows the load balancer of the published Service', async () => {
  await create(ingress('published', { rules: { 'p.example': ['Prefix / web'] } }))
  await until(async () => ((await addressesOf('published')) === '192.0.2.77' ? true : undefined))
  const metadata = { name: 'ingress', namespace: 'kube-system' }
  const body = { status: { loadBalancer: { ingress: [{ ip: '192.0.2.200' }] } } }
  await admin.patch(services, metadata, { type: 'merge', subresource: 'status', body }, signal)
  await until(async () => ((await addressesOf('published')) === '192.0.2.200' ? true : undefined))
})

test('an Ingress of a class that is not there gets no address and no route, until the class is ours', async () => {
  await create(
    ingress('classless', { rules: { 'c.example': ['Prefix / absent-service'] }, className: 'some-invalid-class-name' }),
  )
  await systemClock.sleep(300, signal)
  expect(await addressesOf('classless')).toBe('')
  expect((await bed.ask('/', { headers: { host: 'c.example' } })).status).toBe(404)
  await admin.patch(
    ingresses,
    { namespace, name: 'classless' },
    { type: 'merge', body: { spec: { ingressClassName: 'kubets' } } },
    signal,
  )
  await untilStatus('/', 'c.example', 503)
  await until(async () => ((await addressesOf('classless')) === '192.0.2.200' ? true : undefined))
  await untilEvent('classless', 'ServiceNotFound: service "default/absent-service" not found')
  await admin.patch(
    ingresses,
    { namespace, name: 'classless' },
    { type: 'merge', body: { spec: { ingressClassName: 'gone' } } },
    signal,
  )
  await until(async () => ((await addressesOf('classless')) === '' ? true : undefined))
})

async function tlsTo(serverName: string): Promise<TLSSocket> {
  return await new Promise((resolve, reject) => {
    const options = {
      port: ports.https,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...(serverName === '' ? {} : { servername: serverName }),
    }
    const socket: TLSSocket = connectTls(options, () => resolve(socket))
    socket.once('error', reject)
  })
}

async function certificateName(serverName: string): Promise<string> {
  const socket = await tlsTo(serverName)
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return String(subject.CN)
}

async function putSecret(name: string, commonName: string): Promise<void> {
  const { cert, key } = await selfSignedKeyPair(commonName, [commonName], systemClock.now())
  const data = { 'tls.crt': Buffer.from(cert).toString('base64'), 'tls.key': Buffer.from(key).toString('base64') }
  const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type: 'kubernetes.io/tls', data }
  const patch = { type: 'apply', body, fieldManager: 'test', force: true } as const
  await admin.patch(secrets, { namespace, name }, patch, signal)
}

test('certificates come from Secrets by name, and change without closing connections', async () => {
  const own = 'kubets Ingress Controller Default Certificate'
  expect([await certificateName('tls.example'), await certificateName('')]).toEqual([own, own])
  const rules = { 'tls.example': ['Prefix / web'], '*.wild.example': ['Prefix / web'] }
  await create(ingress('tls', { rules, tls: { 'tls.example': 'exact', '*.wild.example': 'wild' } }))
  await untilEvent('tls', 'SecretNotFound: secret "default/exact" not found')
  await putSecret('exact', 'first')
  await putSecret('wild', 'wildcard')
  await until(async () => ((await certificateName('tls.example')) === 'first' ? true : undefined))
  await until(async () => ((await certificateName('a.wild.example')) === 'wildcard' ? true : undefined))
  expect([await certificateName('a.b.wild.example'), await certificateName('other.example')]).toEqual([own, own])
  const open = await tlsTo('tls.example')
  await putSecret('exact', 'second')
  await until(async () => ((await certificateName('tls.example')) === 'second' ? true : undefined))
  open.write('GET / HTTP/1.1\r\nHost: none.example\r\nConnection: close\r\n\r\n')
  const answer = await new Promise<string>((resolve) => open.once('data', (chunk) => resolve(chunk.toString())))
  expect(answer).toMatch(/^HTTP\/1\.1 404 /)
  open.destroy()
  const broken = { type: 'merge', body: { data: { 'tls.crt': Buffer.from('none').toString('base64') } } } as const
  await admin.patch(secrets, { namespace, name: 'exact' }, broken, signal)
  await untilEvent('tls', 'InvalidCertificate: secret "default/exact" has no usable certificate')
  expect(await certificateName('tls.example')).toBe(own)
})

test('the controller may read and write no more than it needs', async () => {
  await expect(client.list(leases, { namespace }, signal)).rejects.toThrow('cannot list resource "leases"')
  const grasp = { type: 'merge', body: { metadata: { labels: { a: 'b' } } } } as const
  await expect(client.patch(ingresses, { namespace, name: 'tls' }, grasp, signal)).rejects.toThrow(
    'cannot patch resource "ingresses"',
  )
  await expect(client.patch(services, { namespace, name: 'web' }, grasp, signal)).rejects.toThrow(
    'cannot patch resource "services"',
  )
  const secret: Pick<Secret, 'metadata'> = { metadata: { name: 'exact', namespace } as Secret['metadata'] }
  await expect(client.delete(secrets, secret.metadata, {}, signal)).rejects.toThrow('cannot delete resource "secrets"')
})

test('the instance stands behind the published Service, and goes before it stops taking requests', async () => {
  const at = { namespace: 'kube-system', name: 'ingress-kubets-node-1-ipv4' }
  const endpointOf = async () => (await admin.get(endpointSlices, at, signal)).endpoints?.[0]
  expect(await endpointOf()).toMatchObject({
    addresses: ['192.0.2.50'],
    nodeName: 'kubets-node-1',
    conditions: { ready: true, serving: true, terminating: false },
  })
  stop.abort()
  await until(async () => ((await endpointOf())?.conditions?.ready === false ? true : undefined))
  expect((await bed.ask('/', { headers: { host: 'none.example' } })).status).toBe(404)
  await running
  await expect(bed.ask('/')).rejects.toThrow('ECONNREFUSED')
})
