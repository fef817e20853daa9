import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RawClient, rawClient } from '../../../test/fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../../../test/fixtures/control-plane.ts'

/** Unchecked, because tests reach into objects of every kind. */
type Parsed = ReturnType<typeof JSON.parse>
type Reply = Record<string, unknown>

/** Endpoints may not be on the loopback. */
const hostAddress =
  Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? ''
let plane: TestControlPlane
let api: RawClient
let server: Server
/** What was asked, by path. */
const asked: { readonly path: string; readonly request: Parsed }[] = []
/** What is answered, by path. */
const replies: Record<string, (request: Parsed) => Promise<Reply> | Reply> = {}
const configurations = '/apis/admissionregistration.k8s.io/v1'
const configMaps = '/api/v1/namespaces/default/configmaps'

beforeAll(async () => {
  plane = await startControlPlane()
  api = await rawClient(plane)
  const { cert, key } = await plane.authority.issue('webhook', [], ['localhost', 'hook.default.svc', '127.0.0.1'])
  server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      void (async () => {
        const { request: question, apiVersion } = JSON.parse(Buffer.concat(chunks).toString())
        const path = new URL(request.url ?? '', 'https://x').pathname
        // The server's own writes (ServiceCIDR, FlowSchema status) meet webhooks too, whenever they come.
        if (question.userInfo.username !== 'system:apiserver') asked.push({ path, request: question })
        const reply = await (replies[path] ?? (() => ({ allowed: true })))(question)
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ kind: 'AdmissionReview', apiVersion, response: { uid: question.uid, ...reply } }))
      })()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, resolve))
})
afterAll(async () => {
  server?.closeAllConnections()
  server?.close()
  await plane?.close()
})
afterEach(async () => {
  for (const plural of ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations']) {
    await api.send(`${configurations}/${plural}`, { method: 'DELETE' })
  }
  await api.send(configMaps, { method: 'DELETE' })
  asked.length = 0
  for (const path of Object.keys(replies)) delete replies[path]
})

function port(): number {
  return (server.address() as AddressInfo).port
}

function hook(path: string, more: Reply = {}): Reply {
  return {
    name: `${path.slice(1)}.example.com`,
    clientConfig: {
      url: `https://127.0.0.1:${port()}${path}`,
      caBundle: Buffer.from(plane.authority.cert).toString('base64'),
    },
    rules: [{ operations: ['CREATE', 'UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    ...more,
  }
}

async function configure(kind: 'Validating' | 'Mutating', webhooks: readonly Reply[], name = 'hooks') {
  const body = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks,
  }
  return await api.send(`${configurations}/${kind.toLowerCase()}webhookconfigurations`, { method: 'POST', body })
}

async function make(metadata: Reply, data: Record<string, string> = {}, query = '') {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
  return await api.send(`${configMaps}${query}`, { method: 'POST', body })
}

function patch(...operations: readonly Reply[]): Reply {
  return {
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
  }
}

describe('validating webhooks', () => {
  it('are asked about a write, and refuse it in their own words', async () => {
    replies['/deny'] = ({ object }) =>
      object.data.bad === 'yes'
        ? { allowed: false, status: { message: 'no bad data' }, warnings: ['think'] }
        : { allowed: true }
    expect((await configure('Validating', [hook('/deny')])).code).toBe(201)
    const refused = await make({ name: 'a' }, { bad: 'yes' })
    expect(refused.json).toMatchObject({
      code: 400,
      message: 'admission webhook "deny.example.com" denied the request: no bad data',
    })
    expect(refused.headers['warning']).toContain('think')
    expect((await make({ name: 'a' }, { good: 'yes' })).code).toBe(201)
    const [{ request } = { request: undefined }] = asked
    expect(request).toMatchObject({
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      name: 'a',
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'test-admin' },
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    })
    const update = await api.send(`${configMaps}/a`, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { data: { bad: 'yes' } },
    })
    expect(update.code).toBe(400)
    expect(asked.at(-1)?.request).toMatchObject({ operation: 'UPDATE', oldObject: { data: { good: 'yes' } } })
  })
  it('give code and reason of the refusal', async () => {
    replies['/deny'] = () => ({ allowed: false, status: { code: 403, reason: 'Forbidden' } })
    await configure('Validating', [hook('/deny')])
    expect((await make({ name: 'b' })).json).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: 'admission webhook "deny.example.com" denied the request: Forbidden',
    })
  })
  it('choose by namespace, object, scope and operation', async () => {
    replies['/deny'] = () => ({ allowed: false })
    const objects = { matchLabels: { watched: 'yes' } }
    await configure('Validating', [hook('/deny', { objectSelector: objects })])
    expect((await make({ name: 'c' })).code).toBe(201)
    expect((await make({ name: 'd', labels: { watched: 'yes' } })).json.message).toBe(
      'admission webhook "deny.example.com" denied the request without explanation',
    )
    const elsewhere = { matchLabels: { 'kubernetes.io/metadata.name': 'other' } }
    await configure('Validating', [hook('/other', { namespaceSelector: elsewhere })], 'other')
    const cluster = { apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'], operations: ['*'], scope: 'Cluster' }
    await configure('Validating', [hook('/cluster', { rules: [cluster] })], 'cluster')
    expect((await make({ name: 'e' })).code).toBe(201)
    expect(asked.map(({ path }) => path)).toEqual(['/deny'])
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } }
    expect((await api.send('/api/v1/namespaces', { method: 'POST', body: namespace })).code).toBe(201)
    expect(asked.filter(({ path }) => path === '/cluster').map(({ request }) => request)).toMatchObject([
      { name: 'other', namespace: 'other', kind: { kind: 'Namespace' } },
    ])
  })
  it('hear of deletions with the old object', async () => {
    replies['/keep'] = ({ oldObject }) => ({ allowed: oldObject.data.keep !== 'yes', status: { message: 'keep it' } })
    const rule = { operations: ['DELETE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }
    await configure('Validating', [hook('/keep', { rules: [rule] })])
    await make({ name: 'f' }, { keep: 'yes' })
    expect((await api.send(`${configMaps}/f`, { method: 'DELETE' })).json.message).toContain('keep it')
    expect(asked.at(-1)?.request).toMatchObject({ operation: 'DELETE', object: null, name: 'f' })
  })
  it('cannot be asked about themselves', async () => {
    replies['/deny'] = () => ({ allowed: false })
    const all = { apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'], operations: ['*'] }
    await configure('Validating', [hook('/deny', { rules: [all] })])
    expect((await configure('Mutating', [hook('/other')], 'more')).code).toBe(201)
    const path = `${configurations}/validatingwebhookconfigurations/hooks`
    expect((await api.send(path, { method: 'DELETE' })).code).toBe(200)
  })
  it('that are silent stop a write, or not, as they are configured', async () => {
    replies['/slow'] = async () => {
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      return { allowed: true }
    }
    const slow = { timeoutSeconds: 1 }
    await configure('Validating', [hook('/slow', { ...slow, failurePolicy: 'Ignore' })])
    expect((await make({ name: 'g' })).code).toBe(201)
    await configure('Validating', [hook('/slow', { ...slow, failurePolicy: 'Fail' })], 'strict')
    const refused = await make({ name: 'h' })
    expect(refused.json).toMatchObject({
      code: 500,
      message:
        'Internal error occurred: failed calling webhook "slow.example.com": failed to call webhook: ' +
        `Post "https://127.0.0.1:${port()}/slow?timeout=1s": context deadline exceeded`,
    })
  })
  it('must show a certificate of the bundle', async () => {
    const { clientConfig, ...rest } = hook('/x')
    const { url } = clientConfig as { readonly url: string }
    await configure('Validating', [{ ...rest, clientConfig: { url } }])
    expect((await make({ name: 'i' })).json.message).toContain('x509: certificate signed by unknown authority')
  })
  it('must answer the question that was asked', async () => {
    replies['/odd'] = () => ({ uid: 'another', allowed: true })
    await configure('Validating', [hook('/odd')])
    expect((await make({ name: 'j' })).json.message).toContain(
      'received invalid webhook response: expected response.uid=',
    )
  })
  it('are found behind a Service', async () => {
    const { clientConfig, ...rest } = hook('/deny')
    const { caBundle } = clientConfig as { readonly caBundle: string }
    const service = { namespace: 'default', name: 'hook', path: '/deny', port: 8443 }
    replies['/deny'] = () => ({ allowed: false, status: { message: 'from the service' } })
    await configure('Validating', [{ ...rest, clientConfig: { service, caBundle } }])
    const missing = await make({ name: 'k' })
    expect(missing.json.message).toContain(
      'Post "https://hook.default.svc:8443/deny?timeout=10s": service "hook" not found',
    )
    await api.send('/api/v1/namespaces/default/services', {
      method: 'POST',
      body: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'hook' }, spec: { ports: [{ port: 8443 }] } },
    })
    expect((await make({ name: 'k' })).json.message).toContain('no endpoints available for service "hook"')
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'hook-1', labels: { 'kubernetes.io/service-name': 'hook' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [hostAddress] }],
      ports: [{ port: port() }],
    }
    const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'
    expect((await api.send(slices, { method: 'POST', body: slice })).code).toBe(201)
    expect((await make({ name: 'k' })).json.message).toContain('denied the request: from the service')
  })
})

describe('mutating webhooks', () => {
  it('change the object in order, and defaults follow', async () => {
    replies['/one'] = () => patch({ op: 'add', path: '/data/one', value: '1' })
    replies['/two'] = ({ object }) =>
      object.data.one === '1' ? patch({ op: 'add', path: '/data/two', value: '2' }) : { allowed: true }
    await configure('Mutating', [hook('/one')], 'a-first')
    await configure('Mutating', [hook('/two')], 'b-second')
    const made = await make({ name: 'a' }, { given: 'yes' })
    expect(made.json).toMatchObject({ data: { given: 'yes', one: '1', two: '2' }, metadata: { name: 'a' } })
    expect(made.json.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
  })
  it('see no name that the server has made up', async () => {
    replies['/label'] = () => patch({ op: 'add', path: '/metadata/labels', value: { by: 'hook' } })
    await configure('Mutating', [hook('/label')])
    const made = await make({ generateName: 'gen-' }, { some: 'data' })
    expect(made.json.metadata).toMatchObject({ labels: { by: 'hook' } })
    expect(made.json.metadata.name).toMatch(/^gen-[a-z0-9]{5}$/)
    const request = asked[0]?.request
    expect([request.name, request.object.metadata.name, request.object.metadata.uid]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })
  it('are asked again when a later one has changed the object, if they want that', async () => {
    replies['/again'] = ({ object }) =>
      patch({ op: 'add', path: '/data/seen', value: String(Object.keys(object.data).length) })
    replies['/later'] = () => patch({ op: 'add', path: '/data/later', value: 'x' })
    await configure('Mutating', [hook('/again', { reinvocationPolicy: 'IfNeeded' }), hook('/later')])
    expect((await make({ name: 'b' }, { given: 'yes' })).json.data).toEqual({ given: 'yes', seen: '3', later: 'x' })
    expect(asked.map(({ path }) => path)).toEqual(['/again', '/later', '/again'])
  })
  it('hear of dry runs', async () => {
    replies['/dry'] = () => patch({ op: 'add', path: '/data/dry', value: 'yes' })
    await configure('Mutating', [hook('/dry')])
    expect((await make({ name: 'c' }, { a: 'b' }, '?dryRun=All')).json.data).toEqual({ a: 'b', dry: 'yes' })
    expect(asked[0]?.request).toMatchObject({ dryRun: true })
    expect((await api.send(`${configMaps}/c`)).code).toBe(404)
  })
  it('must give patches that fit', async () => {
    replies['/wrong'] = () => patch({ op: 'remove', path: '/data/nothing' })
    await configure('Mutating', [hook('/wrong')])
    expect((await make({ name: 'd' }, { a: 'b' })).json).toMatchObject({ code: 500, reason: 'InternalError' })
    replies['/wrong'] = () => ({ allowed: true, patch: 'e30=' })
    expect((await make({ name: 'd' })).json.message).toContain(
      'webhook returned response.patch but not response.patchType',
    )
  })
  it('see a write in the version of their rules', async () => {
    const rule = {
      operations: ['CREATE'],
      apiGroups: ['autoscaling'],
      apiVersions: ['v1'],
      resources: ['horizontalpodautoscalers'],
    }
    replies['/v1'] = () => patch({ op: 'replace', path: '/spec/targetCPUUtilizationPercentage', value: 55 })
    await configure('Mutating', [hook('/v1', { rules: [rule] })])
    const body = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'scaler' },
      spec: {
        maxReplicas: 3,
        scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' },
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
        ],
      },
    }
    const path = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers'
    const made = await api.send(path, { method: 'POST', body })
    expect(asked[0]?.request).toMatchObject({
      kind: { version: 'v1' },
      requestKind: { version: 'v2' },
      object: { apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 80 } },
    })
    expect(made.json.spec.metrics[0].resource.target.averageUtilization).toBe(55)
  })
})

it('webhooks are asked over connections that are kept', async () => {
  await configure('Validating', [hook('/keep')])
  const connections = new Set<unknown>()
  server.on('secureConnection', (socket) => connections.add(socket))
  for (const name of ['x', 'y', 'z']) await make({ name })
  expect(connections.size).toBeLessThan(2)
  expect(asked.length).toBe(3)
})
