import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RawClient, rawClient } from '../test/fixtures/api-client.ts'
import { createAuthority } from '../test/fixtures/certificates.ts'
import { startControlPlane, type TestControlPlane } from '../test/fixtures/control-plane.ts'
import { eventually } from '../test/fixtures/process.ts'
import { startSecondApiServer } from '../test/fixtures/second-api-server.ts'

const configMaps = '/api/v1/namespaces/default/configmaps'
let folder: string
let plane: TestControlPlane
let api: RawClient
let collector: Server
const collected: Event[] = []

type Event = {
  readonly auditID: string
  readonly stage: string
  readonly level: string
  readonly verb: string
  readonly requestURI: string
  readonly user: { readonly username?: string; readonly groups?: readonly string[] }
  readonly impersonatedUser?: { readonly username?: string }
  readonly sourceIPs: readonly string[]
  readonly objectRef?: { readonly name?: string; readonly resource?: string }
  readonly responseStatus?: { readonly code?: number; readonly message?: string; readonly reason?: string }
  readonly requestObject?: { readonly data?: object; readonly metadata?: object }
  readonly responseObject?: { readonly kind?: string; readonly metadata?: { readonly managedFields?: object } }
  readonly annotations?: Readonly<Record<string, string>>
}

const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitManagedFields: true,
  rules: [
    { level: 'None', users: ['system:apiserver'] },
    { level: 'RequestResponse', resources: [{ group: '', resources: ['configmaps'] }], verbs: ['create', 'patch'] },
    { level: 'Metadata' },
  ],
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-operations-'))
  collector = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      collected.push(...(JSON.parse(Buffer.concat(chunks).toString()).items as readonly Event[]))
      response.end('{}')
    })
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const cluster = { server: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/events` }
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: '' } }],
    'current-context': 'x',
  }
  await writeFile(join(folder, 'webhook.json'), JSON.stringify(kubeconfig))
  await writeFile(join(folder, 'policy.yaml'), JSON.stringify(policy))
  plane = await startControlPlane({
    flags: [
      `--audit-policy-file=${folder}/policy.yaml`,
      `--audit-log-path=${folder}/log/audit.log`,
      `--audit-webhook-config-file=${folder}/webhook.json`,
      '--audit-webhook-batch-max-wait=100ms',
    ],
  })
  api = await rawClient(plane)
})
afterAll(async () => {
  await plane?.close()
  collector?.close()
  await rm(folder, { recursive: true, force: true })
})

/** What was written about a request, once the last event of it is there. */
async function events(auditId: string, last = 'ResponseComplete'): Promise<readonly Event[]> {
  return await eventually(`the events of ${auditId}`, async () => {
    const found = await eventsSoFar(auditId)
    return found.at(-1)?.stage === last && found
  })
}

async function eventsSoFar(auditId: string): Promise<readonly Event[]> {
  const text = await readFile(join(folder, 'log/audit.log'), 'utf8')
  const all = text.split('\n').filter((line) => line !== '')
  return all.map((line) => JSON.parse(line) as Event).filter(({ auditID }) => auditID === auditId)
}

it('a write is recorded with its object and answer, and the id goes in and out', async () => {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'audited' }, data: { a: 'b' } }
  const headers = { 'audit-id': 'write-1', 'x-forwarded-for': '198.51.100.7' }
  const answer = await api.send(`${configMaps}?fieldManager=me`, { method: 'POST', body, headers })
  expect([answer.code, answer.headers['audit-id']]).toEqual([201, 'write-1'])
  const [received, complete] = await events('write-1')
  expect(received).toMatchObject({ stage: 'RequestReceived', level: 'RequestResponse', verb: 'create' })
  expect(complete).toMatchObject({
    stage: 'ResponseComplete',
    requestURI: `${configMaps}?fieldManager=me`,
    user: { username: 'test-admin', groups: ['system:masters', 'system:authenticated'] },
    sourceIPs: ['198.51.100.7', '127.0.0.1'],
    objectRef: { resource: 'configmaps', namespace: 'default', name: 'audited', apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 201 },
    requestObject: { kind: 'ConfigMap', data: { a: 'b' } },
    responseObject: { kind: 'ConfigMap', data: { a: 'b' } },
    annotations: { 'authorization.k8s.io/decision': 'allow' },
  })
  expect(complete?.responseObject?.metadata?.managedFields).toBeUndefined()
})

it('a refusal, a patch, a watch and an unknown caller are recorded as what they are', async () => {
  await api.send('/api/v1/namespaces/default/secrets/none', { headers: { 'audit-id': 'missing' } })
  const missing = (await events('missing')).at(-1)
  expect(missing).toMatchObject({
    level: 'Metadata',
    responseStatus: { code: 404, reason: 'NotFound', status: 'Failure' },
  })
  expect([missing?.requestObject, missing?.responseObject]).toEqual([undefined, undefined])

  const patch = { method: 'PATCH', contentType: 'application/merge-patch+json', body: { data: { a: 'c' } } }
  await api.send(`${configMaps}/audited`, { ...patch, headers: { 'audit-id': 'patch' } })
  expect((await events('patch')).at(-1)?.requestObject).toEqual({ data: { a: 'c' } })

  const forbidden = { 'audit-id': 'forbidden', 'impersonate-user': 'nobody' }
  await api.send(configMaps, { headers: forbidden })
  expect((await events('forbidden')).at(-1)).toMatchObject({
    user: { username: 'test-admin' },
    impersonatedUser: { username: 'nobody' },
    responseStatus: { code: 403, reason: 'Forbidden' },
    annotations: { 'authorization.k8s.io/decision': 'forbid' },
  })

  await api.send(`${configMaps}?watch=true&timeoutSeconds=1`, { headers: { 'audit-id': 'watch' } })
  const stages = async (): Promise<readonly string[]> => (await events('watch')).map(({ stage }) => stage)
  expect(await stages()).toEqual(['RequestReceived', 'ResponseStarted', 'ResponseComplete'])

  const unknown = { ...plane, authority: await createAuthority() }
  const stranger = await rawClient(plane, await unknown.authority.issue('stranger'))
  await stranger.send(configMaps, { headers: { 'audit-id': 'stranger', authorization: 'Bearer nonsense' } })
  const refused = await events('stranger', 'ResponseStarted')
  expect(refused.map(({ stage }) => stage)).toEqual(['ResponseStarted'])
  expect(refused[0]?.responseStatus).toMatchObject({
    code: 401,
    message: 'Unauthorized',
    reason: 'Unauthorized',
  })
})

it('the webhook gets the same events in batches', async () => {
  await eventually('the events', () =>
    collected.some(({ auditID, stage }) => auditID === 'write-1' && stage === 'ResponseComplete'),
  )
  expect(collected.filter(({ auditID }) => auditID === 'write-1').map(({ stage }) => stage)).toEqual([
    'RequestReceived',
    'ResponseComplete',
  ])
})

async function servedName(port: number, servername: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

it('certificates are chosen by name and renewed without a restart', async () => {
  const write = async (name: string, commonName: string, names: readonly string[]): Promise<void> => {
    const { cert, key } = await plane.authority.issue(commonName, [], names)
    await writeFile(join(folder, `${name}.key`), key)
    await writeFile(join(folder, `${name}.crt`), cert)
  }
  await write('serving', 'first', ['localhost'])
  await write('sni', 'special', ['special.example.com'])
  const flags = [
    `--tls-cert-file=${folder}/serving.crt`,
    `--tls-private-key-file=${folder}/serving.key`,
    `--tls-sni-cert-key=${folder}/sni.crt,${folder}/sni.key:special.example.com,*.more.example.com`,
    '--tls-min-version=VersionTLS13',
  ]
  const server = await startSecondApiServer(plane, { flags })
  try {
    expect(await servedName(server.port, 'localhost')).toBe('first')
    expect(await servedName(server.port, 'special.example.com')).toBe('special')
    expect(await servedName(server.port, 'a.more.example.com')).toBe('special')
    await write('serving', 'second', ['localhost'])
    await eventually('the renewed certificate', async () => (await servedName(server.port, 'localhost')) === 'second')
    expect(await servedName(server.port, 'special.example.com')).toBe('special')
  } finally {
    await server.close()
  }
})

it('a new client authority is taken, and told to aggregated servers', async () => {
  const other = await createAuthority('other')
  const file = join(folder, 'clients.crt')
  await writeFile(file, plane.authority.cert)
  const server = await startSecondApiServer(plane, { flags: [`--client-ca-file=${file}`] })
  try {
    const place = { ...plane, url: server.url, port: server.port }
    const issued = await other.issue('newcomer', ['system:masters'])
    const ask = async (): Promise<number> => (await (await rawClient(place, issued)).send(configMaps)).code
    expect(await ask()).toBe(401)
    await writeFile(file, `${plane.authority.cert}\n${other.cert}`)
    await eventually('the new authority', async () => (await ask()) === 200)
    expect(await ask()).toBe(200)
    await eventually('the ConfigMap', async () => {
      const { json } = await server.api.send(
        '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication',
      )
      return String(json.data['client-ca-file']).includes(other.cert.trim())
    })
  } finally {
    await server.close()
  }
})

it('a server that stops is unready first, then refuses, then ends its watches', async () => {
  const flags = ['--shutdown-delay-duration=6s', '--shutdown-send-retry-after', '--advertise-address=192.0.2.9']
  const server = await startSecondApiServer(plane, { flags })
  const place = { ...plane, url: server.url, port: server.port }
  const client = await rawClient(place)
  expect((await client.send('/readyz')).text).toBe('ok')
  const watch = await client.watch(`${configMaps}?watch=true`)
  const closed = server.close()
  await eventually('readiness off', async () => (await client.send('/readyz')).code === 500)
  const unready = await client.send('/readyz')
  expect(unready.text).toContain('[-]shutdown failed: reason withheld\n')
  expect((await client.send('/livez')).code).toBe(200)
  expect((await client.send(configMaps)).code).toBe(200)
  await closed
  await expect(client.send(configMaps)).rejects.toThrow()
  watch.close()
})

it('an event is forgotten when its time is over', async () => {
  const server = await startSecondApiServer(plane, { flags: ['--event-ttl=6s', '--advertise-address=192.0.2.8'] })
  try {
    const events = '/api/v1/namespaces/default/events'
    const involvedObject = { kind: 'Pod', namespace: 'default', name: 'x' }
    const body = { apiVersion: 'v1', kind: 'Event', metadata: { name: 'short' }, involvedObject, reason: 'Test' }
    expect((await server.api.send(events, { method: 'POST', body })).code).toBe(201)
    const watch = await api.watch(`${events}?watch=true&fieldSelector=metadata.name%3Dshort`)
    expect((await watch.next()).type).toBe('ADDED')
    await eventually('the end of the event', async () => (await api.send(`${events}/short`)).code === 404)
    expect((await watch.next()).type).toBe('DELETED')
    watch.close()
  } finally {
    await server.close()
  }
})

it('health checks are listed and left out by name', async () => {
  const all = await api.send('/livez?verbose')
  expect(all.text).toContain('[+]poststarthook/start-service-ip-repair-controllers ok\n')
  expect(all.text).toMatch(/livez check passed\n$/)
  const some = await api.send('/readyz?verbose&exclude=etcd&exclude=nothing')
  expect(some.text).toContain('[+]etcd excluded: ok\n')
  expect(some.text).toContain('warn: some health checks cannot be excluded: no matches for "nothing"\n')
  expect((await api.send('/livez/poststarthook/rbac/bootstrap-roles')).text).toBe('ok')
})
