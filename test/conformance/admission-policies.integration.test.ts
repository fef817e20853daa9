/** ValidatingAdmissionPolicy and MutatingAdmissionPolicy: what their expressions do, and their API. */
import { expect, test } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { eventually } from '../fixtures/process.ts'
import { conformanceCluster } from './fixture.ts'
import { type Collection, supportsOperations } from './operations.ts'

const cluster = conformanceCluster()
const { expectCode, send, namespace } = cluster
const group = 'admissionregistration.k8s.io'

/** Writes of Deployments, of one namespace or everywhere. */
function deployments(operations: readonly string[], ns?: string): object {
  const resourceRules = [{ operations, apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] }]
  const selected = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': ns } } }
  return { resourceRules, ...(ns === undefined ? {} : selected) }
}

/** Puts a policy about the Deployments of a namespace into force. */
async function enforce(kind: 'Validating' | 'Mutating', ns: string, spec: object): Promise<void> {
  const name = `${ns}.policy.example.com`
  const make = async (suffix: string, plural: string, fields: object): Promise<void> => {
    const body = {
      apiVersion: `${group}/v1`,
      kind: `${kind}AdmissionPolicy${suffix}`,
      metadata: { name },
      spec: fields,
    }
    await expectCode(201, `/apis/${group}/v1/${kind.toLowerCase()}admission${plural}`, { method: 'POST', body })
  }
  await make('', 'policies', { matchConstraints: deployments(['CREATE', 'UPDATE'], ns), ...spec })
  const validationActions = kind === 'Validating' ? { validationActions: ['Deny'] } : {}
  await make('Binding', 'policybindings', { policyName: name, ...validationActions })
}

/** Creates a Deployment or a ReplicaSet with so many replicas. */
async function create(ns: string, kind: 'Deployment' | 'ReplicaSet', replicas: number): Promise<RawAnswer> {
  const labels = { app: 'policy' }
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'registry.k8s.io/pause:3.10' }] } }
  const spec = { replicas, selector: { matchLabels: labels }, template }
  const body = { apiVersion: 'apps/v1', kind, metadata: { generateName: 'subject-' }, spec }
  return await send(`/apis/apps/v1/namespaces/${ns}/${kind.toLowerCase()}s`, { method: 'POST', body })
}

/** The first answer that shows the policy at work: servers may learn of a policy a moment after it was written. */
async function settled(ns: string, inForce: (answer: RawAnswer) => boolean): Promise<RawAnswer> {
  return await eventually('the policy to be in force', async () => {
    const answer = await create(ns, 'Deployment', 1)
    return inForce(answer) && answer
  })
}

test('[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should validate against a Deployment [Conformance]', async () => {
  const ns = await namespace()
  const messageExpression = "'wants replicas > 1, got ' + string(object.spec.replicas)"
  await enforce('Validating', ns, {
    validations: [
      { expression: 'object.spec.replicas > 1', messageExpression },
      { expression: `namespaceObject.metadata.name == '${ns}'`, message: 'Other namespaces are not meant.' },
    ],
  })
  const refused = await settled(ns, ({ code }) => code !== 201)
  expect(refused.json).toMatchObject({ code: 422, reason: 'Invalid' })
  const policy = `${ns}.policy.example.com`
  expect(refused.json.message).toContain(
    `ValidatingAdmissionPolicy '${policy}' with binding '${policy}' denied request: wants replicas > 1, got 1`,
  )
  expect((await create(ns, 'Deployment', 2)).code).toBe(201)
  expect((await create(ns, 'ReplicaSet', 1)).code).toBe(201)
  expect((await create(await namespace(), 'Deployment', 1)).code).toBe(201)
})

test('[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should allow expressions to refer variables. [Conformance]', async () => {
  const ns = await namespace()
  await enforce('Validating', ns, {
    variables: [
      { name: 'replicas', expression: 'object.spec.replicas' },
      { name: 'oddReplicas', expression: 'variables.replicas % 2 == 1' },
    ],
    validations: [{ expression: 'variables.replicas > 1' }, { expression: 'variables.oddReplicas' }],
  })
  const refused = await settled(ns, ({ code }) => code !== 201)
  expect(refused.json).toMatchObject({ code: 422, reason: 'Invalid' })
  expect(refused.json.message).toContain('denied request: failed expression: variables.replicas > 1')
  const even = await create(ns, 'Deployment', 2)
  expect(even.json.message).toContain('denied request: failed expression: variables.oddReplicas')
  expect((await create(ns, 'Deployment', 3)).code).toBe(201)
  expect((await create(ns, 'ReplicaSet', 1)).code).toBe(201)
})

/** A policy that makes this of every Deployment of the namespace. */
async function apply(ns: string, expression: string): Promise<void> {
  const mutations = [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }]
  await enforce('Mutating', ns, { reinvocationPolicy: 'Never', mutations })
}

test('[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment [Conformance]', async () => {
  const ns = await namespace()
  await apply(ns, 'Object{spec: Object.spec{replicas: 1337}}')
  const { json } = await settled(ns, (answer) => answer.json.spec?.replicas !== 1)
  expect(json).toMatchObject({
    kind: 'Deployment',
    spec: { replicas: 1337, selector: { matchLabels: { app: 'policy' } } },
  })
  expect((await create(ns, 'ReplicaSet', 0)).json.spec.replicas).toBe(0)
})

test('[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment with annotations [Conformance]', async () => {
  const ns = await namespace()
  await apply(ns, 'Object{metadata: Object.metadata{annotations: {"mutated-by": "admission-policy"}}}')
  const { json } = await settled(ns, (answer) => answer.json.metadata?.annotations !== undefined)
  expect(json.metadata.annotations).toEqual({ 'mutated-by': 'admission-policy' })
  expect(json.spec.replicas).toBe(1)
})

/** `/status` of a policy is read, patched and replaced. */
async function keepsStatus(items: Collection, name: string): Promise<void> {
  const read = await items.get(`${name}/status`)
  expect(read).toMatchObject({ apiVersion: `${group}/v1`, kind: 'ValidatingAdmissionPolicy', metadata: { name } })
  const lastTransitionTime = '2024-01-01T00:00:00Z'
  const condition = { type: 'PatchStatusFailed', status: 'False', reason: 'e2e', message: 'm', lastTransitionTime }
  const patched = await items.patch(`${name}/status`, { status: { conditions: [condition] } })
  expect(patched.status.conditions).toEqual([condition])
  const another = { ...condition, type: 'StatusUpdateFailed' }
  const updated = await items.replace(name, ({ status }) => status.conditions.push(another), '/status')
  expect(updated.status.conditions).toEqual([condition, another])
  expect((await items.get(name)).status.conditions).toEqual([condition, another])
}

test('[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicy API operations [Conformance]', async () => {
  await supportsOperations(cluster, {
    ...{ group, version: 'v1', kind: 'ValidatingAdmissionPolicy', resource: 'validatingadmissionpolicies' },
    subresources: ['status'],
    fields: {
      spec: {
        matchConstraints: deployments(['CREATE']),
        validations: [{ expression: 'object.spec.replicas <= 100' }],
      },
    },
    patched: { spec: { failurePolicy: 'Ignore' } },
    updated: ({ spec }) => {
      spec.failurePolicy = 'Fail'
    },
    further: async (items, name) => {
      expect((await items.get(name)).spec.failurePolicy).toBe('Fail')
      await keepsStatus(items, name)
    },
  })
})

test('[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicyBinding API operations [Conformance]', async () => {
  await supportsOperations(cluster, {
    ...{
      group,
      version: 'v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      resource: 'validatingadmissionpolicybindings',
    },
    fields: { spec: { policyName: 'replicalimit-policy.example.com', validationActions: ['Deny'] } },
    patched: { spec: { validationActions: ['Warn'] } },
    updated: ({ spec }) => {
      spec.validationActions = ['Deny']
    },
    further: async (items, name) => {
      expect((await items.get(name)).spec.validationActions).toEqual(['Deny'])
    },
  })
})

test('[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicy API operations [Conformance]', async () => {
  const applyConfiguration = { expression: 'Object{spec: Object.spec{replicas: 100}}' }
  await supportsOperations(cluster, {
    ...{ group, version: 'v1', kind: 'MutatingAdmissionPolicy', resource: 'mutatingadmissionpolicies' },
    fields: {
      spec: {
        reinvocationPolicy: 'Never',
        matchConstraints: deployments(['CREATE']),
        mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration }],
      },
    },
    patched: { spec: { reinvocationPolicy: 'IfNeeded' } },
    updated: ({ spec }) => {
      spec.reinvocationPolicy = 'Never'
    },
    further: async (items, name) => {
      expect((await items.get(name)).spec.reinvocationPolicy).toBe('Never')
    },
  })
})

test('[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicyBinding API operations [Conformance]', async () => {
  await supportsOperations(cluster, {
    ...{ group, version: 'v1', kind: 'MutatingAdmissionPolicyBinding', resource: 'mutatingadmissionpolicybindings' },
    fields: { spec: { policyName: 'replicalimit-policy.example.com' } },
    patched: { spec: { matchResources: { namespaceSelector: { matchLabels: { env: 'test' } } } } },
    updated: ({ spec }) => {
      spec.matchResources.namespaceSelector.matchLabels.env = 'prod'
    },
    further: async (items, name) => {
      expect((await items.get(name)).spec.matchResources.namespaceSelector.matchLabels).toEqual({ env: 'prod' })
    },
  })
})
