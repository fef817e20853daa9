/** What validating webhooks can refuse, and what becomes of writes when they cannot be asked. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { run } from '../fixtures/process.ts'
import { definition, definitionsPath, establish, objectsPath } from './custom-definitions.ts'
import { conformanceCluster } from './fixture.ts'
import { only, rule, webhooksOf } from './webhook-configurations.ts'
import { denied, type ReviewRequest } from './webhook-server.ts'

const cluster = conformanceCluster()
const { expectCode, send, namespace } = cluster
const webhooks = webhooksOf(cluster)
const { hook, configure } = webhooks

const pods = (ns: string): string => `/api/v1/namespaces/${ns}/pods`
const configMaps = (ns: string): string => `/api/v1/namespaces/${ns}/configmaps`

function pod(name: string, container = 'main', labels = {}): object {
  const spec = { containers: [{ name: container, image: 'registry.k8s.io/pause:3.10' }] }
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec }
}

function configMap(name: string, data: Readonly<Record<string, string>> = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data }
}

const unwanted = { 'webhook-e2e-test': 'webhook-disallow' }

async function create(path: string, body: object): Promise<RawAnswer> {
  return await send(path, { method: 'POST', body })
}

/** Fails unless the answer is a refusal in the words of the webhook; upstream's default code is 400. */
function expectDenied(answer: RawAnswer, name: string, words: string): void {
  expect(answer.json).toMatchObject({
    kind: 'Status',
    status: 'Failure',
    code: 400,
    message: `admission webhook "${name}.example.com" denied the request: ${words}`,
  })
}

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny pod and configmap creation [Conformance]', async () => {
  const ns = await namespace()
  const exempted = await namespace({ 'skip-webhook-admission': 'yes' })
  webhooks.answer('/deny-pods', async ({ object }) => {
    if (object.metadata.name === 'hanging-pod') await sleep(10_000, undefined, { ref: false })
    const problems = [
      ...(object.spec.containers[0].name === 'webhook-disallow' ? ['the pod contains unwanted container name'] : []),
      ...(object.metadata.labels?.['webhook-e2e-test'] === undefined ? [] : ['the pod contains unwanted label']),
    ]
    return problems.length === 0 ? { allowed: true } : denied(problems.join('; '))
  })
  webhooks.answer('/deny-configmaps', ({ object }) =>
    object.data?.['webhook-e2e-test'] === undefined ? { allowed: true } : denied('unwanted key and value'),
  )
  const notExempted = [{ key: 'skip-webhook-admission', operator: 'NotIn', values: ['yes'] }]
  await configure('Validating', 'deny', [
    hook('deny-pods', rule(['CREATE'], 'pods'), { ...only(ns), timeoutSeconds: 1 }),
    hook('deny-configmaps', rule(['CREATE', 'UPDATE', 'DELETE'], 'configmaps'), {
      namespaceSelector: { matchExpressions: notExempted },
    }),
  ])
  expectDenied(
    await create(pods(ns), pod('disallowed-pod', 'webhook-disallow', unwanted)),
    'deny-pods',
    'the pod contains unwanted container name; the pod contains unwanted label',
  )
  const hung = await create(pods(ns), pod('hanging-pod'))
  expect(hung.code).toBe(500)
  expect(hung.json.message).toMatch(/failed calling webhook "deny-pods.example.com".*context deadline exceeded$/)
  await expectCode(404, `${pods(ns)}/hanging-pod`)
  expectDenied(await create(configMaps(ns), configMap('no', unwanted)), 'deny-configmaps', 'unwanted key and value')
  await expectCode(404, `${configMaps(ns)}/no`)
  const allowed = await expectCode(201, configMaps(ns), { method: 'POST', body: configMap('yes', { admit: 'this' }) })
  const path = `${configMaps(ns)}/yes`
  const data = { ...allowed.data, ...unwanted }
  expectDenied(
    await send(path, { method: 'PUT', body: { ...allowed, data } }),
    'deny-configmaps',
    'unwanted key and value',
  )
  const patch = { method: 'PATCH', contentType: 'application/strategic-merge-patch+json', body: { data: unwanted } }
  expectDenied(await send(path, patch), 'deny-configmaps', 'unwanted key and value')
  expect((await expectCode(200, path)).data).toEqual({ admit: 'this' })
  await expectCode(201, configMaps(exempted), { method: 'POST', body: configMap('no', unwanted) })
})

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny attaching pod [Conformance]', async () => {
  const ns = await namespace()
  const asked: ReviewRequest[] = []
  webhooks.answer('/deny-attach', (request) => {
    asked.push(request)
    return denied("attaching to pod 'to-be-attached-pod' is not allowed")
  })
  await configure('Validating', 'attach', [hook('deny-attach', rule(['CONNECT'], 'pods/attach'), only(ns))])
  await expectCode(201, pods(ns), { method: 'POST', body: pod('to-be-attached-pod', 'container1') })
  const attach = run('kubectl', [
    `--kubeconfig=${cluster.plane().kubeconfig}`,
    ...['attach', `--namespace=${ns}`, 'to-be-attached-pod', '-i', '-c=container1'],
  ])
  await expect(attach).rejects.toThrow("attaching to pod 'to-be-attached-pod' is not allowed")
  expect(asked[0]).toMatchObject({
    operation: 'CONNECT',
    subResource: 'attach',
    name: 'to-be-attached-pod',
    object: { kind: 'PodAttachOptions', container: 'container1', stdin: true },
  })
})

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny custom resource creation, update and deletion [Conformance]', async () => {
  const ns = await namespace()
  const kind = definition('webhook.example.com', 'Denied')
  await establish(cluster, kind)
  webhooks.answer('/deny-custom', ({ operation, object, oldObject }) => {
    const value = (operation === 'DELETE' ? oldObject : object).data['webhook-e2e-test']
    if (operation === 'DELETE') return value === 'webhook-nondeletable' ? denied('it cannot be deleted') : yes
    return value === 'webhook-disallow' ? denied('unwanted data') : yes
  })
  const yes = { allowed: true }
  const rules = rule(['CREATE', 'UPDATE', 'DELETE'], 'denieds', 'webhook.example.com', 'v1')
  await configure('Validating', 'custom', [hook('deny-custom', rules, only(ns))])
  const path = objectsPath(kind, ns)
  const object = (name: string, value: string): object => ({
    apiVersion: 'webhook.example.com/v1',
    kind: 'Denied',
    metadata: { name },
    data: { 'webhook-e2e-test': value },
  })
  expectDenied(await create(path, object('one', 'webhook-disallow')), 'deny-custom', 'unwanted data')
  const made = await expectCode(201, path, { method: 'POST', body: object('two', 'webhook-nondeletable') })
  const changed = { ...made, data: unwanted }
  expectDenied(await send(`${path}/two`, { method: 'PUT', body: changed }), 'deny-custom', 'unwanted data')
  expectDenied(await send(`${path}/two`, { method: 'DELETE' }), 'deny-custom', 'it cannot be deleted')
  const harmless = { ...made, data: { 'webhook-e2e-test': 'webhook-allow' } }
  await expectCode(200, `${path}/two`, { method: 'PUT', body: harmless })
  await expectCode(200, `${path}/two`, { method: 'DELETE' })
  await expectCode(404, `${path}/two`)
})

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should deny crd creation [Conformance]', async () => {
  webhooks.answer('/deny-crd', ({ object }) =>
    object.metadata.labels?.['webhook-e2e-test'] === 'webhook-disallow' ? denied('unwanted label') : { allowed: true },
  )
  const rules = rule(['CREATE'], 'customresourcedefinitions', 'apiextensions.k8s.io')
  await configure('Validating', 'crd', [hook('deny-crd', rules)])
  const crd = definition('webhook.example.com', 'Refused')
  const labelled = { ...crd, metadata: { ...crd.metadata, labels: unwanted } }
  expectDenied(await create(definitionsPath, labelled), 'deny-crd', 'unwanted label')
  await expectCode(404, `${definitionsPath}/${crd.metadata.name}`)
})

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should unconditionally reject operations on fail closed webhook [Conformance]', async () => {
  const ns = await namespace()
  webhooks.answer('/closed', () => ({ allowed: true }))
  const { service } = webhooks.clientConfig('/closed')
  const closed = { clientConfig: { service }, failurePolicy: 'Fail' }
  await configure('Validating', 'closed', [hook('closed', rule(['CREATE'], 'configmaps'), { ...only(ns), ...closed })])
  const answer = await create(configMaps(ns), configMap('foo'))
  expect(answer.json).toMatchObject({ code: 500, reason: 'InternalError' })
  expect(answer.json.message).toMatch(/^Internal error occurred: failed calling webhook "closed.example.com".*x509/)
  await expectCode(404, `${configMaps(ns)}/foo`)
})

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should honor timeout [Conformance]', async () => {
  const ns = await namespace()
  webhooks.answer('/slow', async () => {
    await sleep(5_000, undefined, { ref: false })
    return { allowed: true }
  })
  const outcome = async (name: string, failurePolicy: string, timeoutSeconds?: number): Promise<RawAnswer> => {
    const timeout = timeoutSeconds === undefined ? {} : { timeoutSeconds }
    const made = await configure('Validating', name, [
      hook('slow', rule(['CREATE'], 'configmaps'), { ...only(ns), failurePolicy, ...timeout }),
    ])
    expect(made.webhooks[0].timeoutSeconds).toBe(timeoutSeconds ?? 10)
    const answer = await create(configMaps(ns), configMap(name))
    const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations'
    await expectCode(200, `${path}/${name}`, { method: 'DELETE' })
    return answer
  }
  const late = await outcome('fail-early', 'Fail', 1)
  expect(late.code).toBe(500)
  expect(late.json.message).toMatch(/\/slow\?timeout=1s": context deadline exceeded/)
  expect((await outcome('ignored', 'Ignore', 1)).code).toBe(201)
  expect((await outcome('long', 'Fail', 10)).code).toBe(201)
  expect((await outcome('defaulted', 'Fail')).code).toBe(201)
})
