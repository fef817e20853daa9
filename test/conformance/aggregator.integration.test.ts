/** An API server of somebody else's behind ours: a small copy of upstream's sample-apiserver, which keeps Flunders. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json as readJson } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { createAuthority } from '../fixtures/certificates.ts'
import { eventually, run } from '../fixtures/process.ts'
import { conformanceCluster } from './fixture.ts'
import { collectionAt, expectLater, expectResourceVersion } from './operations.ts'
import { publishService } from './webhook-server.ts'

type Json = RawAnswer['json']

const group = 'wardle.example.com'
const groupVersion = `${group}/v1alpha1`
const apiServices = '/apis/apiregistration.k8s.io/v1/apiservices'
const name = `v1alpha1.${group}`

const folder = await mkdtemp(join(tmpdir(), 'kubets-sample-api-'))
const file = (base: string): string => join(folder, base)
const frontProxy = await createAuthority('front-proxy-ca')
const proxyClient = await frontProxy.issue('front-proxy-client')
await writeFile(file('client.crt'), proxyClient.cert)
await writeFile(file('client.key'), proxyClient.key)
await writeFile(file('front-proxy-ca.crt'), frontProxy.cert)

const cluster = conformanceCluster({
  flags: [
    `--proxy-client-cert-file=${file('client.crt')}`,
    `--proxy-client-key-file=${file('client.key')}`,
    `--requestheader-client-ca-file=${file('front-proxy-ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
  ],
})
const { expectCode, send } = cluster

const flunders = new Map<string, Json>()
const users = new Set<string>()
let sample: Server | undefined

beforeAll(async () => {
  // As the library of extension API servers does it: whom to believe is read from the cluster.
  const { data } = await expectCode(200, '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication')
  const ca = data['requestheader-client-ca-file']
  const allowed = JSON.parse(data['requestheader-allowed-names'])
  const { cert, key } = await cluster.plane().authority.issue('sample-api', [], ['sample-api.default.svc'])
  sample = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    void answer(request, response, allowed)
  })
  const listening = sample
  await new Promise<void>((resolve) => listening.listen(0, resolve))
  await publishService(cluster, 'sample-api', (listening.address() as AddressInfo).port)
})
afterAll(async () => {
  sample?.closeAllConnections()
  sample?.close()
  await rm(folder, { recursive: true, force: true })
})

const resourceList = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion,
  resources: [
    {
      name: 'flunders',
      singularName: 'flunder',
      namespaced: true,
      kind: 'Flunder',
      verbs: ['create', 'delete', 'get', 'list'],
    },
  ],
}

async function answer(request: IncomingMessage, response: ServerResponse, allowed: readonly string[]): Promise<void> {
  const { method = '', url = '', headers, socket } = request
  const client = String((socket as TLSSocket).getPeerCertificate().subject.CN)
  const body = method === 'POST' ? await readJson(request) : undefined
  const [code, object] = allowed.includes(client) ? handle(method, url, body) : [401, {}]
  users.add(String(headers['x-remote-user']))
  response.statusCode = code
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(object))
}

/** What the sample server answers to a request. */
function handle(method: string, url: string, body: Json): readonly [number, object] {
  const { pathname } = new URL(url, 'https://sample-api')
  if (pathname === `/apis/${groupVersion}`) return [200, resourceList]
  const [, namespace = '', flunder] = /\/namespaces\/([^/]+)\/flunders(?:\/([^/]+))?$/.exec(pathname) ?? []
  const key = `${namespace}/${flunder ?? body?.metadata.name}`
  if (method === 'POST') {
    const made = { ...body, metadata: { ...body.metadata, namespace, resourceVersion: String(flunders.size + 1) } }
    flunders.set(key, made)
    return [201, made]
  }
  if (flunder === undefined)
    return [200, { kind: 'FlunderList', apiVersion: groupVersion, items: [...flunders.values()] }]
  const found = flunders.get(key)
  if (found === undefined) return [404, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 }]
  if (method === 'DELETE') flunders.delete(key)
  return [200, found]
}

/** Registers the sample server and waits until it is found available. */
async function register(): Promise<void> {
  const spec = {
    ...{ group, version: 'v1alpha1', groupPriorityMinimum: 2000, versionPriority: 200 },
    service: { namespace: 'default', name: 'sample-api', port: 443 },
    caBundle: Buffer.from(cluster.plane().authority.cert).toString('base64'),
  }
  const body = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name }, spec }
  await expectCode(201, apiServices, { method: 'POST', body })
  await eventually('the sample server to be available', async () => {
    const { status } = await expectCode(200, `${apiServices}/${name}/status`)
    return status.conditions?.[0]?.message === 'all checks passed'
  })
}

test('[sig-api-machinery] Aggregator Should be able to support the 1.17 Sample API Server using the current Aggregator [LinuxOnly] [Conformance]', async () => {
  const ns = await cluster.namespace()
  await register()
  const path = `/apis/${groupVersion}/namespaces/${ns}/flunders`
  const flunder = (flunderName: string): object => ({
    apiVersion: groupVersion,
    kind: 'Flunder',
    metadata: { name: flunderName, labels: { 'sample-label': 'true' } },
    spec: {},
  })
  const names = async (): Promise<readonly string[]> =>
    (await expectCode(200, path)).items.map(({ metadata }: Json) => metadata.name)

  const made = await expectCode(201, path, { method: 'POST', body: flunder('rest-flunder') })
  expect(made).toMatchObject({
    apiVersion: groupVersion,
    kind: 'Flunder',
    metadata: { name: 'rest-flunder', namespace: ns },
  })
  expect(await names()).toEqual(['rest-flunder'])
  await expectCode(200, `${path}/rest-flunder`, { method: 'DELETE' })
  expect(await names()).toEqual([])
  expect(users).toContain('test-admin')

  // A client that knows nothing of the group finds it by discovery.
  const { kubeconfig, folder: home } = cluster.plane()
  await writeFile(file('flunder.json'), JSON.stringify(flunder('dynamic-flunder')))
  const kubectl = async (...args: readonly string[]): Promise<string> =>
    await run('kubectl', [`--kubeconfig=${kubeconfig}`, `--cache-dir=${home}/cache`, `--namespace=${ns}`, ...args])
  await kubectl('create', '--validate=false', '-f', file('flunder.json'))
  expect(await kubectl('get', 'flunders', '-o', 'name')).toBe('flunder.wardle.example.com/dynamic-flunder\n')

  const services = collectionAt(cluster, apiServices)
  const status = await services.get(`${name}/status`)
  expectResourceVersion(status)
  expect(status.status.conditions[0]).toMatchObject({ type: 'Available', status: 'True', message: 'all checks passed' })
  const patched = await services.patch(name, { spec: { versionPriority: 400 } })
  expect(patched.spec.versionPriority).toBe(400)
  expectLater(status, patched)
  expect((await services.list()).items.map(({ metadata }: Json) => metadata.name)).toContain(name)

  await services.patch(name, { metadata: { labels: { 'e2e-apiservice': 'patched' } } }, 'strategic-merge')
  expect((await services.get(name)).metadata.labels).toMatchObject({ 'e2e-apiservice': 'patched' })
  const condition = (type: string): object => ({ type, status: 'True', reason: 'E2E', message: 'Set by a test' })
  await services.replace(name, (one) => one.status.conditions.push(condition('StatusUpdated')), '/status')
  const conditions = async (): Promise<readonly object[]> => (await services.get(`${name}/status`)).status.conditions
  expect(await conditions()).toContainEqual(expect.objectContaining(condition('StatusUpdated')))
  const relabelled = await services.replace(name, ({ metadata }) => {
    metadata.labels = { [name]: 'updated' }
  })
  expect(relabelled.metadata.labels).toEqual({ [name]: 'updated' })

  await kubectl('delete', 'flunder', 'dynamic-flunder')
  expect(await names()).toEqual([])
  await expectCode(201, path, { method: 'POST', body: flunder('dynamic-flunder') })
  expect(await names()).toEqual(['dynamic-flunder'])

  const all = [...(await conditions()), condition('StatusPatched')]
  await services.patch(`${name}/status`, { status: { conditions: all } })
  expect(await conditions()).toContainEqual(expect.objectContaining(condition('StatusPatched')))

  await services.removeAll(`${name}=updated`)
  await services.empty(`${name}=updated`)
  await eventually('the group to be gone', async () => (await send(path)).code === 404)
})
