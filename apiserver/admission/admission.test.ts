import { describe, expect, it } from 'vitest'
import { factsOf } from '../../api/facts/resources.ts'
import type { ApiObject } from '../../api/resource.ts'
import { StatusError } from '../../apimachinery/status.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import { createAuthorizer } from '../authz/chain.ts'
import { createRbacPlugin } from '../authz/rbac.ts'
import { readerOf } from '../registry/plain-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { certificateRequester } from './certificates.ts'
import { claimResize } from './claim-resize.ts'
import { defaultIngressClass, defaultStorageClass } from './default-classes.ts'
import { defaultTolerationSeconds } from './default-toleration-seconds.ts'
import { limitRanger } from './limit-ranger.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { isForbiddenLabel, nodeRestriction } from './node-restriction.ts'
import { podSecurity } from './pod-security.ts'
import { priorityAdmission } from './priority.ts'
import { rbacEscalation } from './rbac-escalation.ts'
import { resourceQuota } from './resource-quota.ts'
import { runtimeClassAdmission } from './runtime-class.ts'
import { serviceAccountAdmission } from './service-account.ts'
import { taintNodesByCondition } from './taint-nodes-by-condition.ts'

const never = new AbortController().signal
const clock = { now: () => 0, sleep: async () => {} }

type Partial = Omit<AdmissionRequest, 'resource' | 'subresource' | 'namespace' | 'name' | 'user' | 'dryRun'>
type Given = {
  readonly group?: string
  readonly plural: string
  readonly namespace?: string
  readonly user?: AdmissionRequest['user']
}

function request(
  given: Given & { [Key in keyof Partial]: unknown } & { subresource?: string; name?: string },
): AdmissionRequest {
  const { group = '', plural, namespace = 'ns', user = { name: 'jane', groups: [] }, object, ...rest } = given
  const name =
    (object as ApiObject | undefined)?.metadata?.name ?? (given.oldObject as ApiObject | undefined)?.metadata?.name
  return {
    resource: { facts: factsOf(group, plural), definition: '' },
    subresource: '',
    namespace,
    name: name ?? 'x',
    user,
    dryRun: false,
    ...(object === undefined ? {} : { object }),
    ...rest,
  } as AdmissionRequest
}

const create = (plural: string, object: object, more: Omit<Given, 'plural'> = {}) =>
  request({ operation: 'CREATE', plural, object, ...more })
const pod = (spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'ns', uid: 'u', ...metadata },
  spec: { containers: [{ name: 'a', image: 'x' }], ...spec },
  status: {},
})
const stored = (apiVersion: string, kind: string, name: string, rest: object = {}, namespace?: string) => ({
  apiVersion,
  kind,
  metadata: {
    name,
    uid: name,
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...(namespace === undefined ? {} : { namespace }),
  },
  ...rest,
})

/** The result of mutation, or the message of the refusal. */
async function run(plugin: AdmissionPlugin, asked: AdmissionRequest): Promise<unknown> {
  try {
    const object = (await plugin.mutate?.(asked, never)) ?? asked.object
    await plugin.validate?.({ ...asked, ...(object === undefined ? {} : { object }) }, never)
    return object
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    return `${error.code} ${error.message}`
  }
}

const lookup = (objects: readonly object[], live: readonly object[] = []) => {
  const later = readerOf(live)
  return {
    reader: readerOf(objects),
    live: async (...[facts, namespace, name]: Parameters<ReturnType<typeof readerOf>['get']>) =>
      later.get(facts, namespace, name),
  }
}

describe('namespaceLifecycle()', () => {
  const going = stored('v1', 'Namespace', 'ns', { status: { phase: 'Terminating' } })
  const active = stored('v1', 'Namespace', 'ns', { status: { phase: 'Active' } })

  it.each<[string, AdmissionRequest, readonly object[], string | undefined]>([
    ['lets objects into a namespace', create('pods', pod()), [active], undefined],
    ['refuses missing namespaces', create('pods', pod()), [], '404 namespaces "ns" not found'],
    [
      'refuses new objects in a namespace that goes away',
      create('pods', pod()),
      [going],
      '403 pods "web" is forbidden: unable to create new content in namespace ns because it is being terminated',
    ],
    [
      'lets objects change while a namespace goes away',
      request({ operation: 'UPDATE', plural: 'pods', object: pod() }),
      [going],
      undefined,
    ],
    [
      'lets objects go from a namespace',
      request({ operation: 'DELETE', plural: 'pods', oldObject: pod() }),
      [],
      undefined,
    ],
    [
      'keeps the namespaces of the system',
      request({
        operation: 'DELETE',
        plural: 'namespaces',
        namespace: 'kube-system',
        oldObject: stored('v1', 'Namespace', 'kube-system'),
      }),
      [],
      '403 namespaces "kube-system" is forbidden: this namespace may not be deleted',
    ],
  ])('%s', async (_, asked, objects, expected) => {
    const result = await run(namespaceLifecycle(lookup(objects)), asked)
    expect(typeof result === 'string' ? result : undefined).toBe(expected)
  })

  it('asks the store for a namespace that the cache does not have yet', async () => {
    expect(typeof (await run(namespaceLifecycle(lookup([], [active])), create('pods', pod())))).toBe('object')
  })

  it('names the cause that clients look for', async () => {
    const refused = namespaceLifecycle(lookup([going])).mutate?.(create('pods', pod()), never)
    await expect(refused).rejects.toMatchObject({
      details: {
        causes: [
          { reason: 'NamespaceTerminating', message: 'namespace ns is being terminated', field: 'metadata.namespace' },
        ],
      },
    })
  })
})

describe('serviceAccountAdmission()', () => {
  const account = (rest: object = {}, name = 'default') => stored('v1', 'ServiceAccount', name, rest, 'ns')
  const plugin = (objects: readonly object[]) =>
    serviceAccountAdmission({ lookup: lookup(objects), clock, random: () => 0 })
  const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'

  it('mounts token, CA and namespace in every container, init containers too', async () => {
    const asked = pod({ initContainers: [{ name: 'i' }] })
    expect(await run(plugin([account({ imagePullSecrets: [{ name: 'p' }] })]), create('pods', asked))).toMatchObject({
      spec: {
        serviceAccountName: 'default',
        imagePullSecrets: [{ name: 'p' }],
        containers: [{ volumeMounts: [{ name: 'kube-api-access-bbbbb', readOnly: true, mountPath }] }],
        initContainers: [{ volumeMounts: [{ name: 'kube-api-access-bbbbb', readOnly: true, mountPath }] }],
        volumes: [
          {
            name: 'kube-api-access-bbbbb',
            projected: {
              defaultMode: 420,
              sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: 'token' } }, {}, {}],
            },
          },
        ],
      },
    })
  })

  it.each([
    ['the pod', pod({ automountServiceAccountToken: false }), account()],
    ['the account', pod(), account({ automountServiceAccountToken: false })],
  ])('mounts nothing when %s says so', async (_, asked, found) => {
    expect(await run(plugin([found]), create('pods', asked))).not.toHaveProperty('spec.volumes')
  })

  it('leaves a container alone that has something at the path', async () => {
    const volumeMounts = [{ name: 'own', mountPath }]
    const asked = pod({ containers: [{ name: 'a', volumeMounts }] })
    expect(await run(plugin([account()]), create('pods', asked))).toMatchObject({
      spec: { containers: [{ volumeMounts }] },
    })
  })

  it('refuses accounts that are not there', async () => {
    expect(await run(plugin([]), create('pods', pod({ serviceAccountName: 'robot' })))).toBe(
      '403 pods "web" is forbidden: error looking up service account ns/robot: serviceaccount "robot" not found',
    )
  })

  it('lets mirror pods use no account', async () => {
    const mirror = { annotations: { 'kubernetes.io/config.mirror': 'x' } }
    expect(await run(plugin([account()]), create('pods', pod({}, mirror)))).not.toHaveProperty('spec.volumes')
    expect(await run(plugin([account()]), create('pods', pod({ serviceAccountName: 'a' }, mirror)))).toBe(
      '403 pods "web" is forbidden: a mirror pod may not reference service accounts',
    )
  })
})

describe('priorityAdmission()', () => {
  const classOf = (name: string, value: number, rest: object = {}) =>
    stored('scheduling.k8s.io/v1', 'PriorityClass', name, { value, ...rest })
  const classes = [classOf('high', 1000, { preemptionPolicy: 'Never' }), classOf('usual', 5, { globalDefault: true })]

  it.each<[string, object, readonly object[], unknown]>([
    ['without classes', {}, [], { priority: 0, preemptionPolicy: 'PreemptLowerPriority' }],
    ['with a default class', {}, classes, { priority: 5, priorityClassName: 'usual' }],
    ['by name', { priorityClassName: 'high' }, classes, { priority: 1000, preemptionPolicy: 'Never' }],
  ])('fills the number in %s', async (_, spec, objects, expected) => {
    expect(await run(priorityAdmission(readerOf(objects)), create('pods', pod(spec)))).toMatchObject({ spec: expected })
  })

  it.each([
    [{ priorityClassName: 'nope' }, 'no PriorityClass with name nope was found'],
    [
      { priorityClassName: 'high', priority: 1 },
      'the integer value of priority (1) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name',
    ],
    [
      { priorityClassName: 'high', preemptionPolicy: 'PreemptLowerPriority' },
      'the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority admission controller computed Never from the given PriorityClass name',
    ],
  ])('refuses %o', async (spec, message) => {
    expect(await run(priorityAdmission(readerOf(classes)), create('pods', pod(spec)))).toBe(
      `403 pods "web" is forbidden: ${message}`,
    )
  })

  it('allows one default class only', async () => {
    const second = classOf('second', 6, { globalDefault: true })
    const asked = create('priorityclasses', second, { group: 'scheduling.k8s.io', namespace: '' })
    expect(await run(priorityAdmission(readerOf(classes)), asked)).toBe(
      '403 priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    )
  })
})

describe('defaultTolerationSeconds()', () => {
  const added = (key: string) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 })
  const [notReady, unreachable] = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']

  it.each<[readonly object[], readonly object[]]>([
    [[], [added(notReady), added(unreachable)]],
    [[{ operator: 'Exists' }], [{ operator: 'Exists' }]],
    [
      [{ key: notReady, effect: 'NoExecute', operator: 'Exists' }],
      [{ key: notReady, effect: 'NoExecute', operator: 'Exists' }, added(unreachable)],
    ],
    [
      [{ key: notReady, effect: 'NoSchedule', operator: 'Exists' }],
      [{ key: notReady, effect: 'NoSchedule', operator: 'Exists' }, added(notReady), added(unreachable)],
    ],
  ])('makes of %o', async (tolerations, expected) => {
    expect(await run(defaultTolerationSeconds(), create('pods', pod({ tolerations })))).toMatchObject({
      spec: { tolerations: expected },
    })
  })
})

describe('taintNodesByCondition', () => {
  it('taints a new node once', async () => {
    const taints = [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]
    const once = await run(taintNodesByCondition, create('nodes', stored('v1', 'Node', 'one'), { namespace: '' }))
    expect(once).toMatchObject({ spec: { taints } })
    expect(await run(taintNodesByCondition, create('nodes', once as object, { namespace: '' }))).toMatchObject({
      spec: { taints },
    })
  })
})

describe('limitRanger()', () => {
  const range = (limit: object) => stored('v1', 'LimitRange', 'l', { spec: { limits: [limit] } }, 'ns')
  const withResources = (resources: object) => create('pods', pod({ containers: [{ name: 'a', resources }] }))

  it('fills in defaults and says so', async () => {
    const limits = range({ type: 'Container', default: { cpu: '1', memory: '1Gi' }, defaultRequest: { cpu: '100m' } })
    expect(await run(limitRanger(readerOf([limits])), withResources({ limits: { memory: '2Gi' } }))).toMatchObject({
      metadata: {
        annotations: {
          'kubernetes.io/limit-ranger':
            'LimitRanger plugin set: cpu request for container a; cpu limit for container a',
        },
      },
      spec: { containers: [{ resources: { limits: { cpu: '1', memory: '2Gi' }, requests: { cpu: '100m' } } }] },
    })
  })

  it.each<[object, object, string]>([
    [
      { type: 'Container', max: { cpu: '1' } },
      { limits: { cpu: '2' } },
      'maximum cpu usage per Container is 1, but limit is 2',
    ],
    [{ type: 'Container', max: { cpu: '1' } }, {}, 'maximum cpu usage per Container is 1.  No limit is specified'],
    [
      { type: 'Container', min: { memory: '1Gi' } },
      { requests: { memory: '1Mi' } },
      'minimum memory usage per Container is 1Gi, but request is 1Mi',
    ],
    [
      { type: 'Container', min: { memory: '1Gi' } },
      {},
      'minimum memory usage per Container is 1Gi.  No request is specified',
    ],
    [
      { type: 'Pod', max: { cpu: '500m' } },
      { limits: { cpu: '1' } },
      'maximum cpu usage per Pod is 500m, but limit is 1',
    ],
    [
      { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
      { requests: { cpu: '100m' }, limits: { cpu: '500m' } },
      'cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000',
    ],
  ])('%o refuses %o', async (limit, resources, message) => {
    expect(await run(limitRanger(readerOf([range(limit)])), withResources(resources))).toBe(
      `403 pods "web" is forbidden: ${message}`,
    )
  })

  it('limits claims', async () => {
    const claim = stored(
      'v1',
      'PersistentVolumeClaim',
      'c',
      { spec: { resources: { requests: { storage: '5Gi' } } } },
      'ns',
    )
    const limits = range({ type: 'PersistentVolumeClaim', max: { storage: '2Gi' } })
    expect(await run(limitRanger(readerOf([limits])), create('persistentvolumeclaims', claim))).toBe(
      '403 persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi',
    )
  })
})

describe('resourceQuota()', () => {
  const quota = (hard: object, more: object = {}) =>
    stored('v1', 'ResourceQuota', 'q', { spec: { hard, ...more } }, 'ns')
  const plugin = (objects: readonly object[], written: unknown[] = []) =>
    resourceQuota({
      reader: readerOf(objects),
      clock,
      resource: (group, plural) => ({ facts: factsOf(group, plural), definition: '' }),
      writeStatus: async ({ status }) => {
        written.push(status)
      },
    })
  const sized = (name: string, cpu: string, status: object = {}) => ({
    ...pod({ containers: [{ name: 'a', resources: { requests: { cpu } } }] }, { name, uid: name }),
    status,
  })

  it.each<[string, object, readonly object[], object, string | undefined]>([
    ['pods', { pods: '1' }, [], sized('b', '1'), undefined],
    [
      'pods over the limit',
      { pods: '1' },
      [sized('a', '1')],
      sized('b', '1'),
      'exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
    ],
    ['pods that have ended', { pods: '1' }, [sized('a', '1', { phase: 'Succeeded' })], sized('b', '1'), undefined],
    [
      'several amounts',
      { 'requests.cpu': '1500m', pods: '1' },
      [sized('a', '1')],
      sized('b', '700m'),
      'exceeded quota: q, requested: pods=1,requests.cpu=700m, used: pods=1,requests.cpu=1, limited: pods=1,requests.cpu=1500m',
    ],
    [
      'unstated amounts',
      { 'limits.memory': '1Gi', cpu: '1' },
      [],
      pod(),
      'failed quota: q: must specify cpu for: a; limits.memory for: a',
    ],
  ])('counts %s', async (_, hard, live, asked, message) => {
    const result = await run(plugin([quota(hard), ...live]), create('pods', asked))
    const expected =
      message === undefined ? undefined : `403 pods "${(asked as ApiObject).metadata.name}" is forbidden: ${message}`
    expect(typeof result === 'string' ? result : undefined).toBe(expected)
  })

  it('counts writes under way, and gives back what failed', async () => {
    const one = plugin([quota({ pods: '1' })])
    const first = create('pods', sized('a', '1'))
    expect(typeof (await run(one, first))).toBe('object')
    expect(await run(one, create('pods', sized('b', '1')))).toContain('exceeded quota')
    await one.settled?.(first, 'failed')
    expect(typeof (await run(one, create('pods', sized('b', '1'))))).toBe('object')
  })

  it('counts pods of its scopes only', async () => {
    const scoped = quota({ pods: '0' }, { scopes: ['BestEffort'] })
    expect(await run(plugin([scoped]), create('pods', pod()))).toContain('exceeded quota')
    expect(typeof (await run(plugin([scoped]), create('pods', sized('a', '1'))))).toBe('object')
  })

  it('records what is used', async () => {
    const written: unknown[] = []
    await run(plugin([quota({ pods: '5', secrets: '1' }), sized('a', '1')], written), create('pods', sized('b', '1')))
    expect(written).toEqual([{ hard: { pods: '5', secrets: '1' }, used: { pods: '2', secrets: '0' } }])
  })
})

describe('podSecurity()', () => {
  const namespace = (labels: object) => ({ ...stored('v1', 'Namespace', 'ns'), metadata: { name: 'ns', labels } })
  const enforce = (level: string) => namespace({ 'pod-security.kubernetes.io/enforce': level })
  const good = {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [{ name: 'a', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
  }
  const container = (securityContext: object, rest: object = {}) => ({
    containers: [{ name: 'a', securityContext, ...rest }],
  })

  it.each<[string, object, string]>([
    ['baseline', { hostNetwork: true, hostPID: true }, 'host namespaces (hostNetwork=true, hostPID=true)'],
    [
      'baseline',
      container({ privileged: true }),
      'privileged (container "a" must not set securityContext.privileged=true)',
    ],
    [
      'baseline',
      container({ capabilities: { add: ['NET_ADMIN', 'CHOWN', 'BPF'] } }),
      'non-default capabilities (container "a" must not include "BPF", "NET_ADMIN" in securityContext.capabilities.add)',
    ],
    ['baseline', { volumes: [{ name: 'v', hostPath: { path: '/' } }] }, 'hostPath volumes (volume "v")'],
    [
      'baseline',
      container({}, { ports: [{ hostPort: 80 }, { hostPort: 443 }] }),
      'hostPort (container "a" uses hostPorts 443, 80)',
    ],
    [
      'baseline',
      { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } },
      'forbidden sysctls (kernel.msgmax)',
    ],
    [
      'baseline',
      { securityContext: { seccompProfile: { type: 'Unconfined' } } },
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      'baseline',
      container({ seLinuxOptions: { type: 'spc_t', user: 'u' } }),
      'seLinuxOptions (container "a" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
    ],
    [
      'restricted',
      { ...good, volumes: [{ name: 'v', hostPath: { path: '/' } }] },
      'restricted volume types (volume "v" uses restricted volume type "hostPath")',
    ],
    [
      'restricted',
      { ...good, securityContext: { ...good.securityContext, runAsUser: 0 } },
      'runAsUser=0 (pod must not set runAsUser=0)',
    ],
    [
      'restricted',
      {},
      'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    ],
  ])('%s refuses %o', async (level, spec, message) => {
    expect(await run(podSecurity(lookup([enforce(level)])), create('pods', pod(spec)))).toBe(
      `403 pods "web" is forbidden: violates PodSecurity "${level}:latest": ${message}`,
    )
  })

  it.each<[string, object]>([
    ['privileged', container({ privileged: true })],
    ['baseline', {}],
    ['restricted', good],
  ])('%s lets %o in', async (level, spec) => {
    expect(typeof (await run(podSecurity(lookup([enforce(level)])), create('pods', pod(spec))))).toBe('object')
  })

  it('warns about templates instead of refusing them', async () => {
    const warnings: string[] = []
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/warn': 'baseline' }
    const deployment = stored(
      'apps/v1',
      'Deployment',
      'd',
      { spec: { template: pod(container({ privileged: true })) } },
      'ns',
    )
    const asked = {
      ...create('deployments', deployment, { group: 'apps' }),
      warn: (text: string) => warnings.push(text),
    }
    expect(typeof (await run(podSecurity(lookup([namespace(labels)])), asked))).toBe('object')
    expect(warnings).toEqual([
      'would violate PodSecurity "baseline:latest": privileged (container "a" must not set securityContext.privileged=true)',
    ])
  })

  it('refuses levels that do not exist', async () => {
    expect(await run(podSecurity(lookup([])), create('namespaces', enforce('strict'), { namespace: 'ns' }))).toBe(
      '422 Namespace "ns" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
    )
  })
})

describe('nodeRestriction()', () => {
  const user = { name: 'system:node:one', groups: ['system:nodes'] }
  const nobody: Authorizer = () => ({ type: 'noOpinion', reason: '' })
  const plugin = (objects: readonly object[] = [], authorizer = nobody) => nodeRestriction(lookup(objects), authorizer)
  const node = (name: string, rest: object = {}, labels: object = {}) => ({
    ...stored('v1', 'Node', name, rest),
    metadata: { name, labels },
  })
  const change = (plural: string, oldObject: object, object: object, more: object = {}) =>
    request({ operation: 'UPDATE', plural, oldObject, object, user, ...more })

  it.each<[string, AdmissionRequest, string | undefined]>([
    ['its own node', create('nodes', node('one'), { user, namespace: '' }), undefined],
    [
      'another node',
      create('nodes', node('two'), { user, namespace: '' }),
      'nodes "two" is forbidden: node "one" is not allowed to modify node "two"',
    ],
    [
      'a node with a label of the isolation prefix',
      create('nodes', node('one', {}, { 'node-restriction.kubernetes.io/a': 'b' }), { user, namespace: '' }),
      'nodes "one" is forbidden: node "one" is not allowed to set the following labels: node-restriction.kubernetes.io/a',
    ],
    [
      'other taints',
      change('nodes', node('one'), node('one', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } })),
      'nodes "one" is forbidden: node "one" is not allowed to modify taints',
    ],
    ['labels of its own', change('nodes', node('one'), node('one', {}, { team: 'a' })), undefined],
    [
      'an ordinary pod',
      create('pods', pod(), { user }),
      'pods "web" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "one" can only create mirror pods',
    ],
    [
      'the status of a foreign pod',
      change('pods', pod({ nodeName: 'two' }), pod({ nodeName: 'two' }), { subresource: 'status' }),
      'pods "web" is forbidden: node "one" can only update pod status for pods with spec.nodeName set to itself',
    ],
    [
      'the status of its own pod',
      change('pods', pod({ nodeName: 'one' }), pod({ nodeName: 'one' }), { subresource: 'status' }),
      undefined,
    ],
    [
      'the deletion of a foreign pod',
      request({ operation: 'DELETE', plural: 'pods', oldObject: pod({ nodeName: 'two' }), user }),
      'pods "web" is forbidden: node "one" can only delete pods with spec.nodeName set to itself',
    ],
    [
      'a token without a pod',
      request({
        operation: 'CREATE',
        plural: 'serviceaccounts',
        subresource: 'token',
        name: 'robot',
        object: { metadata: { name: 'robot' }, spec: {} },
        user,
      }),
      'serviceaccounts "robot" is forbidden: node requested token not bound to a pod',
    ],
    [
      'the lease of another node',
      create('leases', stored('coordination.k8s.io/v1', 'Lease', 'two'), {
        group: 'coordination.k8s.io',
        namespace: 'kube-node-lease',
        user,
      }),
      'leases.coordination.k8s.io "two" is forbidden: can only access node lease with the same name as the requesting node',
    ],
  ])('answers a node that writes %s', async (_, asked, message) => {
    const result = await run(plugin(), asked)
    expect(typeof result === 'string' ? result : undefined).toBe(message === undefined ? undefined : `403 ${message}`)
  })

  it('gives tokens for pods of the node only', async () => {
    const bound = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'u' }
    const asked = request({
      operation: 'CREATE',
      plural: 'serviceaccounts',
      subresource: 'token',
      object: { metadata: { name: 'robot' }, spec: { boundObjectRef: bound } },
      user,
    })
    const volumes = [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }]
    expect(typeof (await run(plugin([pod({ nodeName: 'one', volumes })]), asked))).toBe('object')
    expect(await run(plugin([pod({ nodeName: 'two' })]), asked)).toContain(
      'bound to a pod scheduled on a different node',
    )
  })

  it.each([
    ['kubernetes.io/hostname', false],
    ['node.kubernetes.io/anything', false],
    ['topology.kubernetes.io/zone', false],
    ['example.com/x', false],
    ['team', false],
    ['node-role.kubernetes.io/control-plane', true],
    ['node-restriction.kubernetes.io/x', true],
    ['sub.node-restriction.kubernetes.io/x', true],
    ['k8s.io/x', true],
  ])('isForbiddenLabel(%s) is %s', (label, expected) => {
    expect(isForbiddenLabel(label)).toBe(expected)
  })
})

describe('rbacEscalation()', () => {
  const rbac = 'rbac.authorization.k8s.io'
  const clusterRole = (name: string, rules: readonly object[]) => stored(`${rbac}/v1`, 'ClusterRole', name, { rules })
  const bindingTo = (roleName: string, subject = 'jane', name = `to-${roleName}`) =>
    stored(
      `${rbac}/v1`,
      'RoleBinding',
      name,
      { roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: roleName }, subjects: [{ kind: 'User', name: subject }] },
      'ns',
    )
  const reader = clusterRole('reader', [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }])
  const writer = clusterRole('writer', [{ verbs: ['get', 'delete'], apiGroups: [''], resources: ['pods'] }])
  const binder = clusterRole('binder', [
    { verbs: ['bind'], apiGroups: [rbac], resources: ['clusterroles'], resourceNames: ['writer'] },
  ])
  const plugin = (objects: readonly object[]) => {
    const found = readerOf(objects)
    return rbacEscalation({ reader: found, authorizer: createAuthorizer([createRbacPlugin(found)]).authorize })
  }
  const ask = (object: object) => create('rolebindings', object, { group: rbac })

  it('lets a user grant what the user has', async () => {
    expect(typeof (await run(plugin([reader, bindingTo('reader')]), ask(bindingTo('reader', 'bob', 'new'))))).toBe(
      'object',
    )
  })

  it('refuses to grant more', async () => {
    expect(await run(plugin([reader, writer, bindingTo('reader')]), ask(bindingTo('writer', 'bob', 'new')))).toBe(
      '403 rolebindings.rbac.authorization.k8s.io "new" is forbidden: user "jane" (groups=[]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
    )
  })

  it('lets a user with the verb bind grant more', async () => {
    expect(
      typeof (await run(plugin([writer, binder, bindingTo('binder')]), ask(bindingTo('writer', 'bob', 'new')))),
    ).toBe('object')
  })

  it('refuses roles with more than the user has', async () => {
    const role = {
      ...stored(
        `${rbac}/v1`,
        'Role',
        'r',
        { rules: [{ verbs: ['list'], apiGroups: [''], resources: ['pods'] }] },
        'ns',
      ),
    }
    expect(await run(plugin([reader, bindingTo('reader')]), create('roles', role, { group: rbac }))).toContain(
      '{APIGroups:[""], Resources:["pods"], Verbs:["list"]}',
    )
  })

  it('says that a role is missing', async () => {
    expect(await run(plugin([]), ask(bindingTo('nope', 'bob', 'new')))).toBe(
      '404 rolebindings.rbac.authorization.k8s.io "nope" not found',
    )
  })
})

describe('default classes', () => {
  const annotated = (kind: string, group: string, name: string, annotation: string, time = '2026-01-01T00:00:00Z') => ({
    apiVersion: `${group}/v1`,
    kind,
    metadata: { name, creationTimestamp: time, annotations: { [annotation]: 'true' } },
  })
  const storage = (name: string, time?: string) =>
    annotated('StorageClass', 'storage.k8s.io', name, 'storageclass.kubernetes.io/is-default-class', time)

  it('gives claims the newest default storage class, unless they say which', async () => {
    const plugin = defaultStorageClass(readerOf([storage('old'), storage('new', '2026-02-01T00:00:00Z')]))
    const claim = stored('v1', 'PersistentVolumeClaim', 'c', { spec: {} }, 'ns')
    expect(await run(plugin, create('persistentvolumeclaims', claim))).toMatchObject({
      spec: { storageClassName: 'new' },
    })
    const none = { ...claim, spec: { storageClassName: '' } }
    expect(await run(plugin, create('persistentvolumeclaims', none))).toMatchObject({ spec: { storageClassName: '' } })
  })

  it('gives ingresses the default class', async () => {
    const one = annotated('IngressClass', 'networking.k8s.io', 'nginx', 'ingressclass.kubernetes.io/is-default-class')
    const ingress = stored('networking.k8s.io/v1', 'Ingress', 'i', { spec: {} }, 'ns')
    expect(
      await run(defaultIngressClass(readerOf([one])), create('ingresses', ingress, { group: 'networking.k8s.io' })),
    ).toMatchObject({
      spec: { ingressClassName: 'nginx' },
    })
  })
})

describe('certificateRequester', () => {
  it('writes down who asks, whatever the request says', async () => {
    const group = 'certificates.k8s.io'
    const spec = { request: 'x', signerName: 'a/b', username: 'root', groups: ['system:masters'], extra: { a: ['b'] } }
    const asked = create(
      'certificatesigningrequests',
      stored(`${group}/v1`, 'CertificateSigningRequest', 'c', { spec }),
      { group },
    )
    expect(await run(certificateRequester, asked)).toMatchObject({
      spec: { request: 'x', signerName: 'a/b', username: 'jane' },
    })
    expect(JSON.stringify(await run(certificateRequester, asked))).not.toContain('system:masters')
  })
})

describe('claimResize()', () => {
  const claim = (storage: string, phase = 'Bound') =>
    stored(
      'v1',
      'PersistentVolumeClaim',
      'c',
      { spec: { storageClassName: 's', resources: { requests: { storage } } }, status: { phase } },
      'ns',
    )
  const classes = (allowVolumeExpansion: boolean) =>
    readerOf([stored('storage.k8s.io/v1', 'StorageClass', 's', { allowVolumeExpansion })])

  it.each<[string, object, boolean, string | undefined]>([
    ['a larger size', claim('1Gi'), true, undefined],
    [
      'a class without expansion',
      claim('1Gi'),
      false,
      '403 persistentvolumeclaims "c" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    ],
    [
      'a claim that is not bound',
      claim('1Gi', 'Pending'),
      true,
      '403 persistentvolumeclaims "c" is forbidden: Only bound persistent volume claims can be expanded',
    ],
    ['the same size', claim('2048Mi'), false, undefined],
  ])('answers for %s', async (_, old, allows, expected) => {
    const asked = request({
      operation: 'UPDATE',
      plural: 'persistentvolumeclaims',
      object: claim('2Gi'),
      oldObject: old,
    })
    const result = await run(claimResize(classes(allows)), asked)
    expect(typeof result === 'string' ? result : undefined).toBe(expected)
  })
})

describe('runtimeClassAdmission()', () => {
  const sandboxed = stored('node.k8s.io/v1', 'RuntimeClass', 'vm', {
    handler: 'vm',
    overhead: { podFixed: { cpu: '100m' } },
    scheduling: { nodeSelector: { vm: 'yes' } },
  })

  it('takes over overhead and node selector', async () => {
    const asked = create('pods', pod({ runtimeClassName: 'vm', nodeSelector: { a: 'b' } }))
    expect(await run(runtimeClassAdmission(readerOf([sandboxed])), asked)).toMatchObject({
      spec: { overhead: { cpu: '100m' }, nodeSelector: { a: 'b', vm: 'yes' } },
    })
  })

  it('refuses classes that are not there', async () => {
    expect(await run(runtimeClassAdmission(readerOf([])), create('pods', pod({ runtimeClassName: 'vm' })))).toBe(
      '403 pods "web" is forbidden: pod rejected: RuntimeClass "vm" not found',
    )
  })
})
