/** What mutating webhooks make of writes: order, defaults, pruning, versions. */
import { expect, test } from 'vitest'
import { type Definition, definition, definitionsPath, establish, objectsPath } from './custom-definitions.ts'
import { conformanceCluster } from './fixture.ts'
import { only, rule, webhooksOf } from './webhook-configurations.ts'
import { type Answer, patched } from './webhook-server.ts'

const cluster = conformanceCluster()
const { expectCode, namespace } = cluster
const webhooks = webhooksOf(cluster)
const { hook, configure } = webhooks

/** Adds a key to `data` of objects that have another. */
function stage(has: string, adds: string): Answer {
  return ({ object }) =>
    object.data?.[has] === 'yes' ? patched({ op: 'add', path: `/data/${adds}`, value: 'yes' }) : { allowed: true }
}

/** Answers the two stages of a mutation, the second of which needs the first. */
function answerStages(): void {
  webhooks.answer('/stage-1', stage('mutation-start', 'mutation-stage-1'))
  webhooks.answer('/stage-2', stage('mutation-stage-1', 'mutation-stage-2'))
}

const start = { 'mutation-start': 'yes' }
const group = 'webhook.example.com'
const v1AndV2 = [{ name: 'v1' }, { name: 'v2' }]

/** Mutates a custom kind in two stages, the second of them on creation only. */
async function mutate(kind: Definition, ns: string): Promise<void> {
  answerStages()
  const plural = String(kind.spec.names['plural'])
  await configure('Mutating', plural, [
    hook('stage-1', rule(['CREATE', 'UPDATE'], plural, group), only(ns)),
    hook('stage-2', rule(['CREATE'], plural, group), only(ns)),
  ])
}

function object(kind: Definition, version = 'v1'): object {
  const apiVersion = `${group}/${version}`
  return { apiVersion, kind: kind.spec.names['kind'], metadata: { name: 'cr-instance-1' }, data: start }
}

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate configmap [Conformance]', async () => {
  const ns = await namespace()
  answerStages()
  await configure('Mutating', 'configmaps', [
    hook('stage-1', rule(['CREATE'], 'configmaps'), only(ns)),
    hook('stage-2', rule(['CREATE'], 'configmaps'), only(ns)),
  ])
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'to-be-mutated' }, data: start }
  const made = await expectCode(201, `/api/v1/namespaces/${ns}/configmaps`, { method: 'POST', body })
  const all = { ...start, 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' }
  expect(made.data).toEqual(all)
  expect((await expectCode(200, `/api/v1/namespaces/${ns}/configmaps/to-be-mutated`)).data).toEqual(all)
})

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate pod and apply defaults after mutation [Conformance]', async () => {
  const ns = await namespace()
  const added = { name: 'webhook-added-init-container', image: 'registry.k8s.io/pause:3.10' }
  webhooks.answer('/pods', () => patched({ op: 'add', path: '/spec/initContainers', value: [added] }))
  await configure('Mutating', 'pods', [hook('pods', rule(['CREATE'], 'pods', '', 'v1'), only(ns))])
  const spec = { containers: [{ name: 'example', image: 'registry.k8s.io/pause:3.10' }] }
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'webhook-to-be-mutated' }, spec }
  const made = await expectCode(201, `/api/v1/namespaces/${ns}/pods`, { method: 'POST', body })
  expect(made.spec.initContainers).toHaveLength(1)
  expect(made.spec.initContainers[0]).toMatchObject({ ...added, terminationMessagePolicy: 'File' })
})

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource [Conformance]', async () => {
  const ns = await namespace()
  const kind = definition(group, 'Plain')
  await establish(cluster, kind)
  await mutate(kind, ns)
  const made = await expectCode(201, objectsPath(kind, ns), { method: 'POST', body: object(kind) })
  expect(made.data).toEqual({ ...start, 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' })
})

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with pruning [Conformance]', async () => {
  const ns = await namespace()
  const properties = { 'mutation-start': { type: 'string' }, 'mutation-stage-1': { type: 'string' } }
  const schema = { type: 'object', properties: { data: { type: 'object', properties } } }
  const versions = v1AndV2.map((one) => ({ ...one, schema }))
  const kind = definition(group, 'Pruned', versions, { preserveUnknownFields: false })
  await establish(cluster, kind)
  await mutate(kind, ns)
  const made = await expectCode(201, objectsPath(kind, ns), { method: 'POST', body: object(kind) })
  expect(made.data).toEqual({ ...start, 'mutation-stage-1': 'yes' })
})

test('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with different stored version [Conformance]', async () => {
  const ns = await namespace()
  const kind = definition(group, 'Versioned', v1AndV2)
  await establish(cluster, kind)
  await mutate(kind, ns)
  await expectCode(201, objectsPath(kind, ns), { method: 'POST', body: object(kind) })
  await expectCode(200, `${definitionsPath}/${kind.metadata.name}`, {
    method: 'PATCH',
    contentType: 'application/strategic-merge-patch+json',
    body: {
      spec: {
        versions: definition(group, 'Versioned', [{ name: 'v2' }, { name: 'v1' }]).spec['versions'],
      },
    },
  })
  const patchedObject = await expectCode(200, `${objectsPath(kind, ns, 'v2')}/cr-instance-1`, {
    method: 'PATCH',
    contentType: 'application/json-patch+json',
    body: [{ op: 'add', path: '/dummy', value: 'test' }],
  })
  expect(patchedObject).toMatchObject({
    apiVersion: `${group}/v2`,
    data: { ...start, 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' },
    dummy: 'test',
  })
})

test("[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate everything except 'skip-me' configmaps [Conformance]", async () => {
  const ns = await namespace()
  answerStages()
  const matchConditions = [{ name: 'skip-me', expression: "object.metadata.name != 'skip-me'" }]
  await configure('Mutating', 'skip-me', [
    hook('stage-1', rule(['CREATE'], 'configmaps'), { ...only(ns), matchConditions }),
  ])
  const data = async (name: string): Promise<unknown> => {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: start }
    return (await expectCode(201, `/api/v1/namespaces/${ns}/configmaps`, { method: 'POST', body })).data
  }
  expect(await data('mutate-me')).toEqual({ ...start, 'mutation-stage-1': 'yes' })
  expect(await data('skip-me')).toEqual(start)
})
