/**
 * What webhooks are asked about writes to subresources and about connections, and what their changes do. The expectations are what
 * an upstream 1.36 server asked the same webhook for the same requests.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RawClient, rawClient } from '../../../test/fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../../../test/fixtures/control-plane.ts'
import { eventually } from '../../../test/fixtures/process.ts'

/** Unchecked, because tests reach into objects of every kind. */
type Parsed = ReturnType<typeof JSON.parse>

let folder: string
let plane: TestControlPlane
let api: RawClient
let server: Server
const asked: { readonly hook: string; readonly request: Parsed }[] = []
/** Operations of JSON patches, by resource and subresource. */
let patches: Readonly<Record<string, readonly object[]>> = {}
const core = '/api/v1/namespaces/default'
const merge = 'application/merge-patch+json'

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-webhooks-'))
  const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Request' }] }
  await writeFile(join(folder, 'policy.yaml'), JSON.stringify(policy))
  plane = await startControlPlane({
    flags: [
      '--disable-admission-plugins=ServiceAccount',
      `--audit-policy-file=${join(folder, 'policy.yaml')}`,
      `--audit-log-path=${join(folder, 'audit.log')}`,
    ],
  })
  api = await rawClient(plane)
  const { cert, key } = await plane.authority.issue('webhook', [], ['localhost', '127.0.0.1'])
  server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { request: question, apiVersion } = JSON.parse(Buffer.concat(chunks).toString())
      const hook = (request.url ?? '').slice(1).split('?')[0] ?? ''
      asked.push({ hook, request: question })
      const operations = patches[`${question.resource.resource}/${question.subResource ?? ''}`]
      const patch =
        hook === 'mutating' && operations !== undefined
          ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(operations)).toString('base64') }
          : {}
      const auditAnnotations = { seen: question.operation }
      response.setHeader('content-type', 'application/json')
      const reply = { uid: question.uid, allowed: true, auditAnnotations, ...patch }
      response.end(JSON.stringify({ kind: 'AdmissionReview', apiVersion, response: reply }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, resolve))
  await post('/api/v1/nodes', { metadata: { name: 'one', labels: { 'topology.kubernetes.io/zone': 'z1' } } })
  await post(`${core}/serviceaccounts`, { metadata: { name: 'sa' } })
  for (const name of ['bound', 'evicted', 'patched', 'running']) await post(`${core}/pods`, pod(name))
  await post('/apis/apps/v1/namespaces/default/deployments', deployment)
  for (const kind of ['Mutating', 'Validating']) await configure(kind)
})
afterAll(async () => {
  server?.closeAllConnections()
  server?.close()
  await plane?.close()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(() => {
  asked.length = 0
  patches = {}
})

const containers = [{ name: 'c', image: 'i' }]
function pod(name: string): object {
  return { metadata: { name }, spec: { containers, ...(name === 'running' ? { nodeName: 'one' } : {}) } }
}
const labels = { a: 'b' }
const deployment = {
  metadata: { name: 'd' },
  spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
}

async function configure(kind: string): Promise<void> {
  const hook = kind.toLowerCase()
  await post(`/apis/admissionregistration.k8s.io/v1/${hook}webhookconfigurations`, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name: 'all' },
    webhooks: [
      {
        name: `${hook}.example.com`,
        clientConfig: {
          url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/${hook}`,
          caBundle: Buffer.from(plane.authority.cert).toString('base64'),
        },
        rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }],
        matchConditions: [{ name: 'mine', expression: "request.userInfo.username == 'test-admin'" }],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  })
}

async function post(path: string, body: object): Promise<Parsed> {
  const { code, json } = await api.send(path, { method: 'POST', body })
  expect(json).not.toMatchObject({ status: 'Failure' })
  expect(code).toBe(201)
  return json
}

/** Who was asked, about what, as which kind. */
function questions(): readonly string[] {
  return asked.map(({ hook, request: { operation, kind, resource, subResource = '', name = '' } }) => {
    const type = [kind.group, kind.version, kind.kind].filter((part) => part !== '').join('/')
    return `${hook} ${operation} ${type} ${resource.resource}/${subResource} ${name}`
  })
}

function both(question: string): readonly string[] {
  return [`mutating ${question}`, `validating ${question}`]
}

const upgrade = { connection: 'Upgrade', upgrade: 'SPDY/3.1' }
const review = { spec: { user: 'bob', resourceAttributes: { verb: 'get', resource: 'pods' } } }
const scale = '/apis/apps/v1/namespaces/default/deployments/d/scale'

describe('webhooks', () => {
  it.each<[string, string, object | undefined, object, string]>([
    [
      'POST',
      `${core}/pods/bound/binding`,
      { metadata: { name: 'bound' }, target: { kind: 'Node', name: 'one' } },
      {},
      'CREATE v1/Binding pods/binding bound',
    ],
    [
      'POST',
      `${core}/pods/evicted/eviction`,
      { metadata: { name: 'evicted' } },
      {},
      'CREATE policy/v1/Eviction pods/eviction evicted',
    ],
    [
      'POST',
      `${core}/serviceaccounts/sa/token`,
      { spec: { audiences: ['a'] } },
      {},
      'CREATE authentication.k8s.io/v1/TokenRequest serviceaccounts/token sa',
    ],
    [
      'PATCH',
      scale,
      { spec: { replicas: 2 } },
      { contentType: merge },
      'UPDATE autoscaling/v1/Scale deployments/scale d',
    ],
    [
      'PATCH',
      `${core}/pods/running/status`,
      { status: { message: 'x' } },
      { contentType: merge },
      'UPDATE v1/Pod pods/status running',
    ],
    [
      'PATCH',
      `${core}/pods/running/ephemeralcontainers`,
      { spec: { ephemeralContainers: [{ name: 'e', image: 'i' }] } },
      { contentType: merge },
      'UPDATE v1/Pod pods/ephemeralcontainers running',
    ],
    [
      'POST',
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      review,
      {},
      'CREATE authorization.k8s.io/v1/SubjectAccessReview subjectaccessreviews/ ',
    ],
    [
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      {},
      {},
      'CREATE authentication.k8s.io/v1/SelfSubjectReview selfsubjectreviews/ ',
    ],
    [
      'POST',
      `${core}/pods/none/exec?command=ls`,
      undefined,
      { headers: upgrade },
      'CONNECT v1/PodExecOptions pods/exec none',
    ],
    [
      'POST',
      `${core}/pods/running/attach?stdin=1`,
      undefined,
      { headers: upgrade },
      'CONNECT v1/PodAttachOptions pods/attach running',
    ],
    [
      'POST',
      `${core}/pods/running/portforward?ports=80`,
      undefined,
      { headers: upgrade },
      'CONNECT v1/PodPortForwardOptions pods/portforward running',
    ],
    [
      'GET',
      `${core}/pods/https:running:443/proxy/x`,
      undefined,
      {},
      'CONNECT v1/PodProxyOptions pods/proxy https:running:443',
    ],
    ['GET', '/api/v1/nodes/one/proxy/healthz', undefined, {}, 'CONNECT v1/NodeProxyOptions nodes/proxy one'],
  ])('are asked about %s %s', async (method, path, body, more, question) => {
    await api.send(path, { method, ...(body === undefined ? {} : { body }), ...more })
    expect(questions()).toEqual(both(question))
  })

  it('see a binding with the labels of its node, and may add others, which the pod takes over', async () => {
    patches = { 'pods/binding': [{ op: 'add', path: '/metadata/labels/mine', value: 'x' }] }
    await post(`${core}/pods/patched/binding`, { metadata: { name: 'patched' }, target: { kind: 'Node', name: 'one' } })
    expect(asked[0]?.request).toMatchObject({
      requestKind: { group: '', version: 'v1', kind: 'Binding' },
      requestSubResource: 'binding',
      object: { kind: 'Binding', metadata: { labels: { 'topology.kubernetes.io/zone': 'z1' } } },
      oldObject: null,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    })
    const { json } = await api.send(`${core}/pods/patched`)
    expect(json.metadata).toMatchObject({ generation: 1, labels: { 'topology.kubernetes.io/zone': 'z1', mine: 'x' } })
  })

  it('change commands, audiences, questions and replicas before anything comes of them', async () => {
    patches = {
      'pods/exec': [{ op: 'replace', path: '/command', value: ['true'] }],
      'serviceaccounts/token': [{ op: 'add', path: '/spec/audiences/-', value: 'b' }],
      'subjectaccessreviews/': [{ op: 'add', path: '/spec/groups', value: ['system:masters'] }],
      'deployments/scale': [{ op: 'replace', path: '/spec/replicas', value: 9 }],
    }
    await api.send(`${core}/pods/none/exec?command=ls`, { method: 'POST', headers: upgrade })
    expect(asked.map(({ request }) => request.object)).toEqual([
      { kind: 'PodExecOptions', apiVersion: 'v1', command: ['ls'] },
      { kind: 'PodExecOptions', apiVersion: 'v1', command: ['true'] },
    ])
    const token = await post(`${core}/serviceaccounts/sa/token`, { spec: { audiences: ['a'] } })
    expect(token.spec.audiences).toEqual(['a', 'b'])
    const answer = await post('/apis/authorization.k8s.io/v1/subjectaccessreviews', review)
    expect(answer.status.allowed).toBe(true)
    const { json } = await api.send(scale, { method: 'PATCH', body: { spec: { replicas: 3 } }, contentType: merge })
    expect(json.spec.replicas).toBe(9)
  })

  it('leave their names, changes and annotations in the audit log', async () => {
    const operation = { value: ['true'], path: '/command', op: 'replace' }
    patches = { 'pods/exec': [operation] }
    const auditId = 'webhooks-in-the-audit-log'
    const headers = { ...upgrade, 'audit-id': auditId }
    await api.send(`${core}/pods/none/exec?command=ls`, { method: 'POST', headers })
    const events = await eventually('the event', async () => {
      const lines = (await readFile(join(folder, 'audit.log'), 'utf8')).trim().split('\n')
      const own: Parsed[] = lines.map((line) => JSON.parse(line)).filter(({ auditID }) => auditID === auditId)
      expect(own.some(({ stage }) => stage === 'ResponseComplete')).toBe(true)
      return own
    })
    const names = '"configuration":"all","webhook":"mutating.example.com"'
    expect(events.at(-1).annotations).toMatchObject({
      'mutation.webhook.admission.k8s.io/round_0_index_0': `{${names},"mutated":true}`,
      'patch.webhook.admission.k8s.io/round_0_index_0': `{${names},"patch":[{"op":"replace","path":"/command","value":["true"]}],"patchType":"JSONPatch"}`,
      'mutating.example.com/seen': 'CONNECT',
      'validating.example.com/seen': 'CONNECT',
    })
  })
})
