import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RawClient, rawClient } from '../../test/fixtures/api-client.ts'
import { createAuthority, type TestAuthority } from '../../test/fixtures/certificates.ts'
import { startControlPlane, type TestControlPlane } from '../../test/fixtures/control-plane.ts'
import { eventually, run } from '../../test/fixtures/process.ts'

/** Endpoints may not be on the loopback. */
const hostAddress =
  Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? ''
const path = '/apis/wardle.example.com/v1alpha1'
const apiServices = '/apis/apiregistration.k8s.io/v1/apiservices'
let folder: string
let frontProxy: TestAuthority
let plane: TestControlPlane
let api: RawClient
let server: Server
const asked: { method: string; url: string; client: string; headers: IncomingMessage['headers']; body: string }[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-aggregator-'))
  frontProxy = await createAuthority()
  const client = await frontProxy.issue('front-proxy-client')
  await writeFile(join(folder, 'client.crt'), client.cert)
  await writeFile(join(folder, 'client.key'), client.key)
  const flags = [`--proxy-client-cert-file=${folder}/client.crt`, `--proxy-client-key-file=${folder}/client.key`]
  plane = await startControlPlane({ flags })
  api = await rawClient(plane)
  const { cert, key } = await plane.authority.issue('wardle', [], ['wardle.default.svc'])
  server = createServer({ cert, key, ca: frontProxy.cert, requestCert: true, rejectUnauthorized: true }, answer)
  await new Promise<void>((resolve) => server.listen(0, resolve))
})
afterAll(async () => {
  server?.closeAllConnections()
  server?.close()
  await plane?.close()
  await rm(folder, { recursive: true, force: true })
})

function answer(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { method = '', url = '', headers } = request
    const client = (request.socket as TLSSocket).getPeerCertificate().subject.CN
    asked.push({ method, url, client: String(client), headers, body: Buffer.concat(chunks).toString() })
    response.setHeader('content-type', 'application/json')
    response.statusCode = method === 'POST' ? 201 : 200
    response.end(
      JSON.stringify(
        url === path
          ? resources
          : { kind: 'Flunder', apiVersion: 'wardle.example.com/v1alpha1', metadata: { name: 'one' } },
      ),
    )
  })
}

const resources = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: 'wardle.example.com/v1alpha1',
  resources: [
    {
      name: 'flunders',
      singularName: 'flunder',
      namespaced: true,
      kind: 'Flunder',
      verbs: ['get', 'create'],
      shortNames: ['fl'],
    },
    { name: 'flunders/status', singularName: '', namespaced: true, kind: 'Flunder', verbs: ['get'] },
  ],
}

async function condition(): Promise<Record<string, string>> {
  const { json } = await api.send(`${apiServices}/v1alpha1.wardle.example.com`)
  return json.status?.conditions?.find(({ type }: { readonly type: string }) => type === 'Available') ?? {}
}

it('an APIService without a server says what is missing, and answers 503', async () => {
  const made = await api.send(apiServices, {
    method: 'POST',
    body: {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1alpha1.wardle.example.com' },
      spec: {
        group: 'wardle.example.com',
        version: 'v1alpha1',
        groupPriorityMinimum: 2000,
        versionPriority: 200,
        service: { namespace: 'default', name: 'wardle', port: 7443 },
        caBundle: Buffer.from(plane.authority.cert).toString('base64'),
      },
    },
  })
  expect(made.code).toBe(201)
  await eventually('the condition', async () => {
    expect(await condition()).toMatchObject({
      status: 'False',
      reason: 'ServiceNotFound',
      message: 'service/wardle in "default" is not present',
    })
    return true
  })
  const refused = await api.send(`${path}/namespaces/default/flunders`)
  expect([refused.code, refused.text]).toEqual([503, 'service unavailable\n'])
})

it('an APIService becomes available with its server', async () => {
  await api.send('/api/v1/namespaces/default/services', {
    method: 'POST',
    body: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'wardle' }, spec: { ports: [{ port: 7443 }] } },
  })
  await api.send('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    method: 'POST',
    body: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'wardle-1', labels: { 'kubernetes.io/service-name': 'wardle' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [hostAddress] }],
      ports: [{ port: (server.address() as AddressInfo).port }],
    },
  })
  await eventually('the server', async () => (await condition())['reason'] === 'Passed')
  expect(asked[0]).toMatchObject({ client: 'front-proxy-client', url: path })
})

it('requests go to the other server with who asks', async () => {
  asked.length = 0
  const body = { kind: 'Flunder', apiVersion: 'wardle.example.com/v1alpha1', metadata: { name: 'one' } }
  const url = `${path}/namespaces/default/flunders?fieldManager=me`
  const made = await api.send(url, { method: 'POST', body, headers: { 'x-remote-user': 'somebody-else' } })
  expect([made.code, made.json.kind]).toEqual([201, 'Flunder'])
  const sent = asked.find((one) => one.method === 'POST')
  expect(sent).toMatchObject({
    url,
    client: 'front-proxy-client',
    headers: { 'x-remote-user': 'test-admin', 'x-remote-group': 'system:masters, system:authenticated' },
  })
  expect(JSON.parse(sent?.body ?? '')).toEqual(body)
})

it('those who may not are refused before', async () => {
  asked.length = 0
  const nobody = await rawClient(plane, await plane.authority.issue('nobody'))
  expect((await nobody.send(`${path}/namespaces/default/flunders`)).code).toBe(403)
  // What asks whether the server is there goes on meanwhile.
  expect(asked.filter(({ url }) => url !== path)).toEqual([])
})

it('discovery shows the group, and kubectl finds it', async () => {
  const { json } = await api.send('/apis')
  expect(json.groups.at(-1)).toMatchObject({ name: 'wardle.example.com', preferredVersion: { version: 'v1alpha1' } })
  expect((await api.send('/apis/wardle.example.com')).json.versions).toHaveLength(1)
  expect((await api.send(path)).json.resources).toHaveLength(2)
  const listed = await run('kubectl', [
    `--kubeconfig=${plane.kubeconfig}`,
    'api-resources',
    '--api-group=wardle.example.com',
  ])
  expect(listed).toContain('flunders')
  expect(listed).toContain('Flunder')
})
