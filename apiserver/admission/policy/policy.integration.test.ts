import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RawClient, rawClient } from '../../../test/fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../../../test/fixtures/control-plane.ts'
import { eventually } from '../../../test/fixtures/process.ts'

type Fields = Record<string, unknown>

let plane: TestControlPlane
let api: RawClient
const registration = '/apis/admissionregistration.k8s.io/v1'
const configMaps = '/api/v1/namespaces/default/configmaps'
const kinds = [
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
]

beforeAll(async () => {
  plane = await startControlPlane()
  api = await rawClient(plane)
})
afterAll(async () => await plane?.close())
afterEach(async () => {
  for (const plural of kinds) await api.send(`${registration}/${plural}`, { method: 'DELETE' })
  await api.send(configMaps, { method: 'DELETE' })
})

const rules = [{ operations: ['CREATE', 'UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }]

async function post(plural: string, kind: string, name: string, spec: Fields) {
  const body = { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name }, spec }
  return await api.send(`${registration}/${plural}`, { method: 'POST', body })
}

async function validating(name: string, spec: Fields, binding: Fields = {}) {
  const matchConstraints = { resourceRules: rules }
  const made = await post('validatingadmissionpolicies', 'ValidatingAdmissionPolicy', name, {
    matchConstraints,
    ...spec,
  })
  expect(made.json).toMatchObject({ kind: 'ValidatingAdmissionPolicy' })
  const bound = await post('validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding', `${name}-binding`, {
    policyName: name,
    validationActions: ['Deny'],
    ...binding,
  })
  expect(bound.json).toMatchObject({ kind: 'ValidatingAdmissionPolicyBinding' })
}

async function mutating(name: string, spec: Fields, binding: Fields = {}) {
  const made = await post('mutatingadmissionpolicies', 'MutatingAdmissionPolicy', name, {
    matchConstraints: { resourceRules: rules },
    reinvocationPolicy: 'Never',
    ...spec,
  })
  expect(made.json).toMatchObject({ kind: 'MutatingAdmissionPolicy' })
  const bound = await post('mutatingadmissionpolicybindings', 'MutatingAdmissionPolicyBinding', `${name}-binding`, {
    policyName: name,
    ...binding,
  })
  expect(bound.json).toMatchObject({ kind: 'MutatingAdmissionPolicyBinding' })
}

async function make(name: string, data: Record<string, string> = {}, metadata: Fields = {}) {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data }
  return await api.send(configMaps, { method: 'POST', body })
}

const apply = (expression: string) => ({ patchType: 'ApplyConfiguration', applyConfiguration: { expression } })
const patch = (expression: string) => ({ patchType: 'JSONPatch', jsonPatch: { expression } })

describe('ValidatingAdmissionPolicy', () => {
  it('refuses what a validation is false for, in upstream’s words', async () => {
    await validating('p', { validations: [{ expression: "object.data.a != 'bad'" }] })
    const refused = await make('x', { a: 'bad' })
    const message = `ValidatingAdmissionPolicy 'p' with binding 'p-binding' denied request: failed expression: object.data.a != 'bad'`
    expect(refused.json).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: `configmaps "x" is forbidden: ${message}`,
      details: { name: 'x', kind: 'configmaps', causes: [{ message }] },
    })
    expect((await make('x', { a: 'good' })).code).toBe(201)
  })
  it('says the reason and the message that it is given', async () => {
    await validating('p', {
      validations: [
        { expression: 'false', messageExpression: "'not ' + object.metadata.name", reason: 'Forbidden', message: 'no' },
      ],
    })
    const refused = await make('x')
    expect(refused.json).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: `configmaps "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p-binding' denied request: not x`,
    })
  })
  it('takes a failure for a denial, unless failures are ignored', async () => {
    await validating('p', { validations: [{ expression: "object.data.missing == ''" }] })
    expect((await make('x', { a: 'b' })).json.message).toBe(
      `configmaps "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p-binding' denied request: expression 'object.data.missing == ''' resulted in error: no such key: missing`,
    )
    for (const plural of kinds) await api.send(`${registration}/${plural}`, { method: 'DELETE' })
    await validating('q', { failurePolicy: 'Ignore', validations: [{ expression: "object.data.missing == ''" }] })
    expect((await make('x', { a: 'b' })).code).toBe(201)
  })
  it('warns instead of refusing', async () => {
    await validating('p', { validations: [{ expression: 'false' }] }, { validationActions: ['Warn', 'Audit'] })
    const warned = await make('x')
    expect(warned.code).toBe(201)
    expect(warned.headers['warning']).toContain(
      "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p-binding': failed expression: false",
    )
  })
  it('asks only where conditions, selectors and rules say so', async () => {
    await validating('p', {
      matchConstraints: {
        resourceRules: rules,
        excludeResourceRules: [{ ...rules[0], resourceNames: ['spared'] }],
        objectSelector: { matchLabels: { watched: 'yes' } },
      },
      matchConditions: [{ name: 'not-me', expression: "object.metadata.name != 'me'" }],
      validations: [{ expression: 'false' }],
    })
    const labels = { labels: { watched: 'yes' } }
    expect((await make('x', {}, labels)).code).toBe(422)
    expect((await make('unwatched')).code).toBe(201)
    expect((await make('spared', {}, labels)).code).toBe(201)
    expect((await make('me', {}, labels)).code).toBe(201)
  })
  it('has variables that build on each other', async () => {
    await validating('p', {
      variables: [
        { name: 'name', expression: 'object.metadata.name' },
        { name: 'long', expression: 'variables.name.size() > 3' },
      ],
      validations: [{ expression: '!variables.long', messageExpression: "variables.name + ' is long'" }],
    })
    expect((await make('abc')).code).toBe(201)
    expect((await make('abcd')).json.message).toContain('denied request: abcd is long')
  })
  it('takes parameters by name and by selector', async () => {
    await make('limits', { max: '2' }, { labels: { params: 'yes' } })
    const spec = {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      validations: [{ expression: 'object.data.size() <= int(params.data.max)' }],
    }
    await validating('p', spec, {
      paramRef: { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' },
    })
    expect((await make('two', { a: '', b: '' })).code).toBe(201)
    expect((await make('three', { a: '', b: '', c: '' })).code).toBe(422)
    await api.send(`${registration}/validatingadmissionpolicybindings`, { method: 'DELETE' })
    await post('validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding', 'other', {
      policyName: 'p',
      validationActions: ['Deny'],
      paramRef: { selector: { matchLabels: { params: 'no' } }, parameterNotFoundAction: 'Deny' },
    })
    expect((await make('one', { a: '' })).json.message).toBe(
      `configmaps "one" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'other' denied request: failed to configure binding: no params found for policy binding with \`Deny\` parameterNotFoundAction`,
    )
  })
  it('knows who asks and what they may do', async () => {
    await validating('p', {
      validations: [
        { expression: "request.userInfo.username == 'test-admin' && request.operation == 'CREATE'" },
        { expression: "request.resource.resource == 'configmaps' && request.namespace == 'default'" },
        { expression: "authorizer.group('').resource('secrets').namespace('default').check('delete').allowed()" },
        { expression: "!authorizer.serviceAccount('default', 'x').group('').resource('pods').check('get').allowed()" },
        { expression: "namespaceObject.metadata.name == 'default' && oldObject == null" },
      ],
    })
    expect((await make('x')).json).toMatchObject({ kind: 'ConfigMap' })
  })
  it('stops when the budget is used up', async () => {
    // Looking for a long text in another costs much and takes no time, or the time would be up before.
    const expression = '[1, 2].all(i, !object.data.text.contains(object.data.sought))'
    await validating('p', { validations: [{ expression }] })
    const data = { text: 'a'.repeat(100_000), sought: 'b'.repeat(2_000) }
    expect((await make('x', data)).json.message).toContain('operation cancelled: actual cost limit exceeded')
  })
  it('cannot be written with expressions that do not compile', async () => {
    const refused = await post('validatingadmissionpolicies', 'ValidatingAdmissionPolicy', 'p', {
      matchConstraints: { resourceRules: rules },
      validations: [{ expression: 'object.x +' }, { expression: "'text'" }],
    })
    expect(refused.code).toBe(422)
    const [first, second] = refused.json.details.causes
    expect(first.field).toBe('spec.validations[0].expression')
    expect(first.message).toContain('compilation failed: ERROR: <input>:1:')
    expect(second).toMatchObject({
      field: 'spec.validations[1].expression',
      message: `Invalid value: "'text'": must evaluate to bool but got string`,
    })
  })
})

describe('MutatingAdmissionPolicy', () => {
  it('lays an apply configuration over the object', async () => {
    await mutating('p', {
      mutations: [apply("Object{metadata: Object.metadata{labels: {'made': 'by-policy'}}, data: {'more': 'data'}}")],
    })
    const made = await make('x', { a: 'b' }, { labels: { own: 'label' } })
    expect(made.json).toMatchObject({
      metadata: { labels: { own: 'label', made: 'by-policy' } },
      data: { a: 'b', more: 'data' },
    })
  })
  it('applies the operations of a JSON patch', async () => {
    await mutating('p', {
      mutations: [
        patch(
          "[JSONPatch{op: 'test', path: '/data/a', value: 'b'}, JSONPatch{op: 'replace', path: '/data/a', value: 'c'}]",
        ),
        patch("[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('x/y'), value: 'z'}]"),
      ],
    })
    const labels = { labels: { own: 'label' } }
    const changed = { metadata: { labels: { own: 'label', 'x/y': 'z' } }, data: { a: 'c' } }
    expect((await make('x', { a: 'b' }, labels)).json).toMatchObject(changed)
    expect((await make('y', { a: 'other' }, labels)).json).toMatchObject({ ...changed, data: { a: 'other' } })
  })
  it('refuses what it cannot change, in upstream’s words', async () => {
    await mutating('p', { mutations: [apply('Object{nonsense: Object.nonsense{}}')] })
    expect((await make('x')).json).toMatchObject({
      code: 403,
      reason: 'Invalid',
      message:
        "policy 'p' with binding 'p-binding' denied request: error applying patch: failed to convert patch object to typed object: .nonsense: field not declared in schema",
    })
  })
  it('runs again when others have changed the object after it', async () => {
    const count = "string(int(has(object.data) && 'n' in object.data ? object.data.n : '0') + 1)"
    const mutations = [apply(`Object{data: {'n': ${count}}}`)]
    await mutating('a', { mutations, reinvocationPolicy: 'IfNeeded' })
    await mutating('b', { mutations })
    expect((await make('x', { other: '' })).json.data).toEqual({ n: '3', other: '' })
  })
  it('is seen by validating policies', async () => {
    await mutating('p', { mutations: [apply("Object{data: {'set': 'yes'}}")] })
    await validating('q', { validations: [{ expression: "object.data.set == 'yes'" }] })
    expect((await make('x')).code).toBe(201)
  })
})

describe('matchConditions of webhooks', () => {
  const configure = async (matchConditions: readonly Fields[]) =>
    await api.send(`${registration}/validatingwebhookconfigurations`, {
      method: 'POST',
      body: {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'hooks' },
        webhooks: [
          {
            name: 'hook.example.com',
            clientConfig: { url: 'https://127.0.0.1:1/' },
            rules,
            sideEffects: 'None',
            admissionReviewVersions: ['v1'],
            matchConditions,
          },
        ],
      },
    })
  afterEach(async () => {
    await api.send(`${registration}/validatingwebhookconfigurations`, { method: 'DELETE' })
  })

  it('keep a webhook from being asked', async () => {
    await configure([{ name: 'only-asked', expression: "object.metadata.name == 'asked'" }])
    expect((await make('other')).code).toBe(201)
    expect((await make('asked')).json.message).toContain('failed calling webhook "hook.example.com"')
  })
  it('refuse a write when they cannot be evaluated', async () => {
    await configure([{ name: 'broken', expression: 'object.missing == 1' }])
    expect((await make('x')).json).toMatchObject({
      code: 403,
      message: `configmaps "x" is forbidden: expression 'object.missing == 1' resulted in error: no such key: missing`,
    })
  })
  it('are compiled when they are written', async () => {
    const refused = await configure([{ name: 'bad', expression: 'variables.x' }])
    expect(refused.json.message).toContain(
      `webhooks[0].matchConditions[0].expression: Invalid value: "variables.x": compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables'`,
    )
  })
})

describe('parameters of policies', () => {
  it('are only for those who may read them', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1'
    const name = 'policy-author'
    const metadata = { name }
    await api.send(`${rbac}/clusterroles`, {
      method: 'POST',
      body: { metadata, rules: [{ apiGroups: ['admissionregistration.k8s.io'], resources: ['*'], verbs: ['*'] }] },
    })
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name }
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'alice' }]
    await api.send(`${rbac}/clusterrolebindings`, { method: 'POST', body: { metadata, roleRef, subjects } })
    const alice = await rawClient(plane, await plane.authority.issue('alice', ['dev']))
    const kind = 'ValidatingAdmissionPolicy'
    const spec = {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConstraints: { resourceRules: rules },
      validations: [{ expression: 'true' }],
    }
    const refused = await alice.send(`${registration}/validatingadmissionpolicies`, {
      method: 'POST',
      body: { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata, spec },
    })
    expect(refused.json.message).toMatch(
      /^ValidatingAdmissionPolicy.admissionregistration.k8s.io "policy-author" is invalid: spec.paramKind: Forbidden: user &{alice .* must have "get" permission on all objects of the referenced paramKind \(kind=ConfigMap, apiVersion=v1\)$/,
    )
    await post('validatingadmissionpolicies', kind, name, spec)
    const paramRef = { name: 'x', namespace: 'default', parameterNotFoundAction: 'Deny' }
    const bound = await alice.send(`${registration}/validatingadmissionpolicybindings`, {
      method: 'POST',
      body: {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: `${kind}Binding`,
        metadata,
        spec: { policyName: name, validationActions: ['Deny'], paramRef },
      },
    })
    expect(bound.json.message).toContain('does not have "get" permission on the object referenced by paramRef')
  })
  it('may be of a custom kind', async () => {
    const group = 'params.example.com'
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
    await api.send('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      method: 'POST',
      body: {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `limits.${group}` },
        spec: {
          group,
          scope: 'Cluster',
          names: { plural: 'limits', kind: 'Limit' },
          versions: [{ name: 'v1', served: true, storage: true, schema }],
        },
      },
    })
    const limits = `/apis/${group}/v1/limits`
    const body = { apiVersion: `${group}/v1`, kind: 'Limit', metadata: { name: 'one' }, max: 1 }
    await eventually('the kind', async () => (await api.send(limits, { method: 'POST', body })).code === 201)
    await validating(
      'p',
      {
        paramKind: { apiVersion: `${group}/v1`, kind: 'Limit' },
        validations: [
          { expression: 'object.data.size() <= params.max', messageExpression: "'max ' + string(params.max)" },
        ],
      },
      { paramRef: { selector: {}, parameterNotFoundAction: 'Deny' } },
    )
    expect((await make('x', { a: '' })).code).toBe(201)
    expect((await make('y', { a: '', b: '' })).json.message).toContain('denied request: max 1')
  })
})

describe('other operations', () => {
  it('see what is deleted as the old object', async () => {
    const resourceRules = [{ ...rules[0], operations: ['DELETE'] }]
    const expression = "object == null && oldObject.data.keep != 'yes' && request.operation == 'DELETE'"
    await validating('p', { matchConstraints: { resourceRules }, validations: [{ expression, message: 'kept' }] })
    await make('x', { keep: 'yes' })
    await make('y', { keep: 'no' })
    expect((await api.send(`${configMaps}/x`, { method: 'DELETE' })).json.message).toContain('denied request: kept')
    expect((await api.send(`${configMaps}/y`, { method: 'DELETE' })).code).toBe(200)
    for (const plural of kinds) await api.send(`${registration}/${plural}`, { method: 'DELETE' })
  })
  it('see a scale as a scale, in policies of both kinds', async () => {
    const deployments = '/apis/apps/v1/namespaces/default/deployments'
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'a', image: 'b' }] } }
    const spec = { replicas: 1, selector: { matchLabels: { a: 'b' } }, template }
    const metadata = { name: 'd' }
    await api.send(deployments, { method: 'POST', body: { metadata, spec } })
    const resourceRules = [
      { operations: ['UPDATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments/scale'] },
    ]
    await validating('p', {
      matchConstraints: { resourceRules },
      validations: [
        { expression: "object.kind == 'Scale' && request.subResource == 'scale' && object.spec.replicas < 5" },
      ],
    })
    const scale = async (replicas: number) =>
      await api.send(`${deployments}/d/scale`, {
        method: 'PATCH',
        contentType: 'application/merge-patch+json',
        body: { spec: { replicas } },
      })
    expect((await scale(2)).json.spec).toEqual({ replicas: 2 })
    expect((await scale(6)).code).toBe(422)
    await mutating('m', {
      matchConstraints: { resourceRules },
      mutations: [apply('Object{spec: Object.spec{replicas: 3}}')],
    })
    expect((await scale(6)).json.spec).toEqual({ replicas: 3 })
  })
  it('are asked in the version that a policy names', async () => {
    const scalers = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers'
    const resourceRules = [
      { operations: ['*'], apiGroups: ['autoscaling'], apiVersions: ['v1'], resources: ['horizontalpodautoscalers'] },
    ]
    await validating('p', {
      matchConstraints: { resourceRules },
      validations: [
        {
          expression: 'object.spec.targetCPUUtilizationPercentage < 90',
          messageExpression: 'object.apiVersion + request.kind.version + request.requestKind.version',
        },
      ],
    })
    const metrics = [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 95 } } },
    ]
    const scaleTargetRef = { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' }
    const body = { metadata: { name: 'h' }, spec: { maxReplicas: 3, scaleTargetRef, metrics } }
    expect((await api.send(scalers, { method: 'POST', body })).json.message).toContain(
      'denied request: autoscaling/v1v1v2',
    )
  })
})
