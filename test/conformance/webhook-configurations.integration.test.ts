/** Configurations of webhooks as objects of the API: found, listed, changed, and out of reach of webhooks. */
import { describe, expect, test } from 'vitest'
import { conformanceCluster } from './fixture.ts'
import { expectDiscovered } from './operations.ts'
import {
  configuration,
  configurationsPath,
  only,
  rule,
  type WebhookKind,
  webhooksOf,
} from './webhook-configurations.ts'
import { denied, patched } from './webhook-server.ts'

const cluster = conformanceCluster()
const { expectCode, send, namespace } = cluster
const webhooks = webhooksOf(cluster)
const { hook, configure } = webhooks
const kinds = ['Validating', 'Mutating'] as const

/** Creates a ConfigMap and tells whether the webhook of this kind had its way with it. */
async function intervenes(kind: WebhookKind, ns: string): Promise<boolean> {
  const metadata = { generateName: 'marked-' }
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'mutation-start': 'yes' } }
  const { code, json, text } = await send(`/api/v1/namespaces/${ns}/configmaps`, { method: 'POST', body })
  if (code === 400 && kind === 'Validating' && json.message.includes('denied the request: no')) return true
  if (code !== 201) throw new Error(text)
  return kind === 'Mutating' && json.data['mutation-stage-1'] === 'yes'
}

function answerAll(): void {
  webhooks.answer('/validating', () => denied('no'))
  webhooks.answer('/mutating', () => patched({ op: 'add', path: '/data/mutation-stage-1', value: 'yes' }))
}

/** One webhook of this kind about ConfigMaps of one namespace. */
function configMapHook(kind: WebhookKind, ns: string): object {
  return hook(kind.toLowerCase(), rule(['CREATE'], 'configmaps'), only(ns))
}

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should include webhook resources in discovery documents [Conformance]', async () => {
  const resources = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']
  await expectDiscovered(cluster, { group: 'admissionregistration.k8s.io', version: 'v1', resources })
})

async function updateAndPatch(kind: WebhookKind): Promise<void> {
  const ns = await namespace()
  answerAll()
  const made = await configure(kind, 'changed', [configMapHook(kind, ns)])
  expect(await intervenes(kind, ns)).toBe(true)
  const path = `${configurationsPath(kind)}/changed`
  const [first] = made.webhooks
  const rules = [{ ...first.rules[0], operations: ['UPDATE'] }]
  const body = { ...made, webhooks: [{ ...first, rules }] }
  const updated = await expectCode(200, path, { method: 'PUT', body })
  expect(await intervenes(kind, ns)).toBe(false)
  const patchedHook = await expectCode(200, path, {
    method: 'PATCH',
    contentType: 'application/json-patch+json',
    body: [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] }],
  })
  expect(Number(patchedHook.metadata.resourceVersion)).toBeGreaterThan(Number(updated.metadata.resourceVersion))
  expect(await intervenes(kind, ns)).toBe(true)
}

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a validating webhook should work [Conformance]', async () => {
  await updateAndPatch('Validating')
})

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a mutating webhook should work [Conformance]', async () => {
  await updateAndPatch('Mutating')
})

async function listAndDelete(kind: WebhookKind): Promise<void> {
  const ns = await namespace()
  answerAll()
  const names = Array.from({ length: 10 }, (_, index) => `listed-${index}`)
  for (const name of names) {
    const body = configuration(kind, name, [configMapHook(kind, ns)], { list: 'this' })
    await expectCode(201, configurationsPath(kind), { method: 'POST', body })
  }
  await configure(kind, 'unlabelled', [hook('nothing', rule(['CREATE'], 'nothing'))])
  const selected = `${configurationsPath(kind)}?labelSelector=list%3Dthis`
  const { items } = await expectCode(200, selected)
  expect(items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual(names)
  expect(await intervenes(kind, ns)).toBe(true)
  await expectCode(200, selected, { method: 'DELETE' })
  expect((await expectCode(200, selected)).items).toEqual([])
  await expectCode(200, `${configurationsPath(kind)}/unlabelled`)
  expect(await intervenes(kind, ns)).toBe(false)
}

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] listing validating webhooks should work [Conformance]', async () => {
  await listAndDelete('Validating')
})

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] listing mutating webhooks should work [Conformance]', async () => {
  await listAndDelete('Mutating')
})

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should not be able to mutate or prevent deletion of webhook configuration objects [Conformance]', async () => {
  const asked: string[] = []
  webhooks.answer('/deny-deletion', () => {
    asked.push('deny-deletion')
    return denied('no')
  })
  webhooks.answer('/add-label', () => {
    asked.push('add-label')
    return patched({ op: 'add', path: '/metadata/labels', value: { 'added-label': 'yes' } })
  })
  const all = (operations: readonly string[]): object => ({
    ...{ operations, apiGroups: ['admissionregistration.k8s.io'], apiVersions: ['*'] },
    resources: ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'],
  })
  await configure('Validating', 'blocking', [hook('deny-deletion', all(['DELETE']))])
  await configure('Mutating', 'blocking', [hook('add-label', all(['CREATE']))])
  for (const kind of kinds) {
    const dummy = hook('dummy', rule(['CREATE'], 'invalid'), { failurePolicy: 'Ignore' })
    const body = { ...configuration(kind, 'dummy', [dummy]), metadata: { name: 'dummy' } }
    const made = await expectCode(201, configurationsPath(kind), { method: 'POST', body })
    expect(made.metadata.labels).toBeUndefined()
    await expectCode(200, `${configurationsPath(kind)}/dummy`, { method: 'DELETE' })
    await expectCode(404, `${configurationsPath(kind)}/dummy`)
  }
  expect(asked).toEqual([])
})

describe('match conditions', () => {
  const production = { name: 'expression-1', expression: "object.metadata.namespace == 'production'" }
  const staging = { name: 'expression-2', expression: "object.metadata.namespace == 'staging'" }

  function conditional(kind: WebhookKind, matchConditions: readonly object[]) {
    const body = configuration(kind, 'conditional', [hook('x', rule(['CREATE'], 'configmaps'), { matchConditions })])
    return { method: 'POST', body }
  }

  async function createAndUpdate(kind: WebhookKind): Promise<void> {
    const path = `${configurationsPath(kind)}/conditional`
    await expectCode(201, configurationsPath(kind), conditional(kind, [production]))
    const read = await expectCode(200, path)
    expect(read.webhooks[0].matchConditions).toEqual([production])
    const more = { ...read, webhooks: [{ ...read.webhooks[0], matchConditions: [production, staging] }] }
    await expectCode(200, path, { method: 'PUT', body: more })
    expect((await expectCode(200, path)).webhooks[0].matchConditions).toEqual([production, staging])
  }

  async function refuseInvalid(kind: WebhookKind): Promise<void> {
    const expression = '... [] bad expression'
    const answer = await send(
      configurationsPath(kind),
      conditional(kind, [{ name: 'invalid-expression-1', expression }]),
    )
    expect(answer.json).toMatchObject({
      code: 422,
      reason: 'Invalid',
      details: { causes: [{ reason: 'FieldValueInvalid', field: 'webhooks[0].matchConditions[0].expression' }] },
    })
    expect(answer.json.message).toContain(
      "compilation failed: ERROR: <input>:1:2: Syntax error: no viable alternative at input '..'",
    )
    await expectCode(404, `${configurationsPath(kind)}/conditional`)
  }

  test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update validating webhook configurations with match conditions [Conformance]', async () => {
    await createAndUpdate('Validating')
  })

  test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update mutating webhook configurations with match conditions [Conformance]', async () => {
    await createAndUpdate('Mutating')
  })

  test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should reject validating webhook configurations with invalid match conditions [Conformance]', async () => {
    await refuseInvalid('Validating')
  })

  test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should reject mutating webhook configurations with invalid match conditions [Conformance]', async () => {
    await refuseInvalid('Mutating')
  })
})
