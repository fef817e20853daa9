import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cryptoProvider, Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Pod } from '../api/core/v1.ts'
import { type Client, createClient } from '../client/rest/client.ts'
import { loadKubeconfig } from '../client/rest/kubeconfig.ts'
import * as refs from '../client/rest/resource-refs.ts'
import { startControlPlane, type TestControlPlane } from '../test/fixtures/control-plane.ts'
import { startControllers, type TestControllers } from '../test/fixtures/controllers.ts'
import { type HollowNode, startHollowNode } from '../test/fixtures/hollow-node.ts'
import { patienceMs, run } from '../test/fixtures/process.ts'

let plane: TestControlPlane
let client: Client
let node: HollowNode
let controllers: TestControllers
const never = new AbortController().signal
/** How long kubectl waits for what takes a second or two. */
const patience = `--timeout=${patienceMs}ms`
vi.setConfig({ testTimeout: 4 * patienceMs })
/** A node that goes silent is missed within seconds. */
const quickToMissNodes = ['--node-monitor-grace-period=8s', '--node-monitor-period=500ms']
/** Pods whose label `play` says what becomes of them. */
const play = ({ metadata }: Pod): { phase: string; ready: boolean } | undefined => {
  switch (metadata.labels?.['play']) {
    case 'succeed':
      return { phase: 'Succeeded', ready: false }
    case 'fail':
      return { phase: 'Failed', ready: false }
    case 'wait':
      return { phase: 'Running', ready: false }
    default:
      return { phase: 'Running', ready: true }
  }
}

beforeAll(async () => {
  plane = await startControlPlane({ verbose: process.env['VERBOSE'] === '2' })
  client = createClient(await loadKubeconfig(plane.kubeconfig))
  controllers = await startControllers(plane, quickToMissNodes)
  node = await startHollowNode({ client, name: 'node-1', statusOf: play })
})
afterAll(async () => {
  await node?.stop()
  await controllers.stop()
  client?.close()
  await plane?.close()
})

async function kubectl(...args: string[]): Promise<string> {
  return (await run('kubectl', [`--kubeconfig=${plane.kubeconfig}`, ...args])).trim()
}

async function eventually<T>(read: () => Promise<T>, check: (value: T) => void): Promise<void> {
  await vi.waitFor(async () => check(await read()), { timeout: patienceMs, interval: 100 })
}

async function create(object: object): Promise<void> {
  const file = join(plane.folder, 'manifest.json')
  await writeFile(file, JSON.stringify(object))
  await kubectl('create', '--validate=false', '-f', file)
}

function deployment(name: string, replicas: number, labels: Readonly<Record<string, string>> = {}) {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, ...labels } },
        spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image: 'web:1' }] },
      },
    },
  }
}

const podsOf = async (app: string): Promise<readonly Pod[]> =>
  (await client.list(refs.pods, { namespace: 'default', labelSelector: `app=${app}` }, never)).items

test('every namespace gets its default service account and the root CA', async () => {
  await kubectl('create', 'namespace', 'fresh')
  await eventually(
    async () => await kubectl('-n', 'fresh', 'get', 'serviceaccount,configmap', '-o', 'name'),
    (names) => expect(names.split('\n')).toEqual(['serviceaccount/default', 'configmap/kube-root-ca.crt']),
  )
})

test('a node gets its part of the cluster range', async () => {
  await eventually(
    async () => await client.get(refs.nodes, { name: 'node-1' }, never),
    ({ spec }) => expect(spec).toMatchObject({ podCIDR: '10.244.0.0/24', podCIDRs: ['10.244.0.0/24'] }),
  )
})

test('a Deployment makes a ReplicaSet and pods, rolls out, and rolls back', async () => {
  await create(deployment('web', 3))
  await kubectl('rollout', 'status', 'deployment/web', patience)
  const [pod] = await podsOf('web')
  const hash = pod?.metadata.labels?.['pod-template-hash'] ?? ''
  expect(pod?.metadata.name).toMatch(new RegExp(`^web-${hash}-[bcdfghjklmnpqrstvwxz2456789]{5}$`))
  expect(pod?.metadata.ownerReferences).toMatchObject([
    { kind: 'ReplicaSet', controller: true, blockOwnerDeletion: true },
  ])

  await kubectl('set', 'image', 'deployment/web', 'c=web:2')
  await kubectl('rollout', 'status', 'deployment/web', patience)
  expect(await kubectl('rollout', 'history', 'deployment/web')).toMatch(/1 +<none>\n2 +<none>/)
  await kubectl('rollout', 'undo', 'deployment/web')
  await kubectl('rollout', 'status', 'deployment/web', patience)
  expect(await kubectl('rollout', 'history', 'deployment/web')).toMatch(/2 +<none>\n3 +<none>/)
  expect((await podsOf('web')).filter(({ metadata }) => metadata.deletionTimestamp === undefined)).toHaveLength(3)
  expect(
    (await client.list(refs.replicaSets, { namespace: 'default', labelSelector: 'app=web' }, never)).items,
  ).toHaveLength(2)

  await eventually(
    async () =>
      await kubectl('get', 'events', '--field-selector=involvedObject.name=web', '-o', 'jsonpath={.items[*].message}'),
    (messages) => {
      expect(messages).toContain(`Scaled up replica set web-${hash} from 0 to 3`)
      expect(messages).toContain(`Scaled down replica set web-${hash} from 3 to 2`)
    },
  )
  expect(await kubectl('get', 'deployment', 'web', '--no-headers')).toMatch(/^web +3\/3 +3 +3 /)
})

test('a Service gets an EndpointSlice and Endpoints of its ready pods', async () => {
  await create(deployment('served', 2))
  await create(deployment('unready', 1, { play: 'wait', in: 'served' }))
  await kubectl('expose', 'deployment', 'served', '--port=80', '--target-port=8080')
  await eventually(
    async () =>
      (
        await client.list(
          refs.endpointSlices,
          { namespace: 'default', labelSelector: 'kubernetes.io/service-name=served' },
          never,
        )
      ).items,
    (slices) => {
      expect(slices).toHaveLength(1)
      expect(slices[0]?.ports).toEqual([{ name: '', port: 8080, protocol: 'TCP' }])
      expect(slices[0]?.endpoints?.map(({ conditions, nodeName }) => [conditions, nodeName])).toEqual([
        [{ ready: true, serving: true, terminating: false }, 'node-1'],
        [{ ready: true, serving: true, terminating: false }, 'node-1'],
      ])
    },
  )
  await eventually(
    async () => await client.get(refs.endpoints, { namespace: 'default', name: 'served' }, never),
    ({ subsets }) => expect(subsets).toMatchObject([{ ports: [{ port: 8080 }] }]),
  )
  await kubectl('delete', 'service', 'served')
  await eventually(
    async () => await kubectl('get', 'endpoints,endpointslices', '-o', 'name'),
    (names) => expect(names).not.toContain('served'),
  )
})

test('deleting an owner in the background takes its dependents along', async () => {
  await create(deployment('gone', 2))
  await kubectl('rollout', 'status', 'deployment/gone', patience)
  await kubectl('delete', 'deployment', 'gone')
  await eventually(
    async () => await podsOf('gone'),
    (pods) => expect(pods).toEqual([]),
  )
  expect(await kubectl('get', 'replicasets', '-l', 'app=gone', '-o', 'name')).toBe('')
})

test('deleting an owner in the foreground waits for its dependents', async () => {
  await create(deployment('front', 2))
  await kubectl('rollout', 'status', 'deployment/front', patience)
  await kubectl('delete', 'deployment', 'front', '--cascade=foreground', patience)
  expect(await podsOf('front')).toEqual([])
  expect(await kubectl('get', 'replicasets', '-l', 'app=front', '-o', 'name')).toBe('')
})

test('deleting an owner as an orphan leaves its dependents without an owner', async () => {
  await create(deployment('left', 2))
  await kubectl('rollout', 'status', 'deployment/left', patience)
  await kubectl('delete', 'deployment', 'left', '--cascade=orphan', patience)
  const sets = (await client.list(refs.replicaSets, { namespace: 'default', labelSelector: 'app=left' }, never)).items
  expect(sets.map(({ metadata }) => metadata.ownerReferences)).toEqual([undefined])
  const left = await podsOf('left')
  expect(left).toHaveLength(2)

  // An owner that comes back takes up what it left behind.
  await create(deployment('left', 2))
  await kubectl('rollout', 'status', 'deployment/left', patience)
  const names = (pods: readonly Pod[]): readonly string[] => pods.map(({ metadata }) => metadata.name).toSorted()
  expect(names(await podsOf('left'))).toEqual(names(left))
})

test('a namespace loses its content, then goes itself', async () => {
  await kubectl('create', 'namespace', 'doomed')
  await create({ ...deployment('inside', 2), metadata: { name: 'inside', namespace: 'doomed' } })
  await kubectl('-n', 'doomed', 'rollout', 'status', 'deployment/inside', patience)
  await kubectl('delete', 'namespace', 'doomed', patience)
  expect(await kubectl('get', 'namespaces', '-o', 'name')).not.toContain('doomed')
})

function job(name: string, labels: Readonly<Record<string, string>>, spec: object) {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: 'default' },
    spec: {
      ...spec,
      template: {
        metadata: { labels: { app: name, ...labels } },
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'c', image: 'work:1' }],
        },
      },
    },
  }
}

test('a Job runs to completion and counts every pod once', async () => {
  await create(job('sums', { play: 'succeed' }, { completions: 5, parallelism: 2 }))
  await kubectl('wait', '--for=condition=complete', 'job/sums', patience)
  const { status } = await client.get(refs.jobs, { namespace: 'default', name: 'sums' }, never)
  expect(status).toMatchObject({ succeeded: 5, ready: 0, terminating: 0, uncountedTerminatedPods: {} })
  expect(status.conditions?.map(({ type, reason }) => `${type} ${reason}`)).toEqual([
    'SuccessCriteriaMet CompletionsReached',
    'Complete CompletionsReached',
  ])
  const pods = await podsOf('sums')
  expect(pods).toHaveLength(5)
  expect(pods.flatMap(({ metadata }) => metadata.finalizers ?? [])).toEqual([])
})

test('a Job that fails too often is over, and says why', async () => {
  await create(job('bad', { play: 'fail' }, { backoffLimit: 0 }))
  await kubectl('wait', '--for=condition=failed', 'job/bad', patience)
  const { status } = await client.get(refs.jobs, { namespace: 'default', name: 'bad' }, never)
  expect(status).toMatchObject({ failed: 1 })
  expect(status.conditions?.at(-1)).toMatchObject({ type: 'Failed', reason: 'BackoffLimitExceeded' })
})

test('deleting a Job in the foreground lets its running pods go', async () => {
  await create(job('busy', {}, { parallelism: 2, completions: 2 }))
  await eventually(
    async () => await client.get(refs.jobs, { namespace: 'default', name: 'busy' }, never),
    ({ status }) => expect(status).toMatchObject({ active: 2, ready: 2 }),
  )
  await kubectl('delete', 'job', 'busy', '--cascade=foreground', patience)
  expect(await podsOf('busy')).toEqual([])
})

test('an indexed Job gives every pod its index', async () => {
  await create(job('indexed', { play: 'succeed' }, { completions: 3, parallelism: 3, completionMode: 'Indexed' }))
  await kubectl('wait', '--for=condition=complete', 'job/indexed', patience)
  const { status } = await client.get(refs.jobs, { namespace: 'default', name: 'indexed' }, never)
  expect(status.completedIndexes).toBe('0-2')
  const pods = await podsOf('indexed')
  expect(pods.map(({ spec }) => spec.hostname).toSorted()).toEqual(['indexed-0', 'indexed-1', 'indexed-2'])
})

test('a StatefulSet makes its pods in order, updates them from the top, and keeps its history', async () => {
  const { spec } = deployment('db', 3)
  await create({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'default' },
    spec: { ...spec, serviceName: 'db' },
  })
  await kubectl('rollout', 'status', 'statefulset/db', patience)
  expect((await podsOf('db')).map(({ metadata }) => metadata.name)).toEqual(['db-0', 'db-1', 'db-2'])
  await kubectl('set', 'image', 'statefulset/db', 'c=web:2')
  await kubectl('rollout', 'status', 'statefulset/db', patience)
  expect((await podsOf('db')).map(({ spec: { containers } }) => containers[0]?.image)).toEqual([
    'web:2',
    'web:2',
    'web:2',
  ])
  expect((await kubectl('get', 'controllerrevisions', '-l', 'app=db', '-o', 'name')).split('\n')).toHaveLength(2)
  await kubectl('rollout', 'undo', 'statefulset/db')
  await kubectl('rollout', 'status', 'statefulset/db', patience)
  await kubectl('scale', 'statefulset/db', '--replicas=1')
  await eventually(
    async () => await podsOf('db'),
    (pods) => expect(pods.map(({ metadata }) => metadata.name)).toEqual(['db-0']),
  )
})

test('a DaemonSet has one pod on every node that fits', async () => {
  const { template, selector } = deployment('agent', 1).spec
  await create({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'default' },
    spec: { template, selector },
  })
  await kubectl('rollout', 'status', 'daemonset/agent', patience)
  const second = await startHollowNode({ client, name: 'node-2', statusOf: play, daemonsOnly: true })
  try {
    await eventually(
      async () => await podsOf('agent'),
      (pods) => expect(pods.map(({ spec }) => spec.nodeName).toSorted()).toEqual(['node-1', 'node-2']),
    )
    await kubectl('set', 'image', 'daemonset/agent', 'c=web:2')
    await kubectl('rollout', 'status', 'daemonset/agent', patience)
    expect(await kubectl('get', 'daemonset', 'agent', '--no-headers')).toMatch(/^agent +2 +2 +2 +2 +2 /)
  } finally {
    await second.stop()
    await kubectl('delete', 'daemonset', 'agent')
    await kubectl('delete', 'node', 'node-2')
  }
})

test('a node that falls silent is unknown, and its pods are replaced elsewhere', async () => {
  const lost = await startHollowNode({ client, name: 'node-3', statusOf: play, daemonsOnly: true })
  const workload = deployment('moved', 1)
  const toNode3 = { key: 'metadata.name', operator: 'In', values: ['node-3'] }
  const tolerate = {
    key: 'node.kubernetes.io/unreachable',
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 1,
  }
  const affinity = (field: object) => ({
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [field] }] } },
  })
  Object.assign(workload.spec.template.spec, {
    terminationGracePeriodSeconds: 30,
    tolerations: [tolerate],
    affinity: affinity(toNode3),
  })
  await create(workload)
  await kubectl('rollout', 'status', 'deployment/moved', patience)
  await lost.stop()
  await eventually(
    async () => await client.get(refs.nodes, { name: 'node-3' }, never),
    ({ spec, status }) => {
      const ready = status.conditions?.find(({ type }) => type === 'Ready')
      expect(ready).toMatchObject({ status: 'Unknown', reason: 'NodeStatusUnknown' })
      expect(spec.taints?.map(({ key, effect }) => `${key} ${effect}`).toSorted()).toEqual([
        'node.kubernetes.io/unreachable NoExecute',
        'node.kubernetes.io/unreachable NoSchedule',
      ])
    },
  )
  await eventually(
    async () => await podsOf('moved'),
    (pods) => {
      const gone = pods.find(({ spec }) => spec.nodeName === 'node-3')
      expect(gone?.metadata.deletionTimestamp).toBeDefined()
      expect(gone?.status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'False' }))
      expect(gone?.status.conditions).toContainEqual(
        expect.objectContaining({ type: 'DisruptionTarget', reason: 'DeletionByTaintManager' }),
      )
      expect(pods).toHaveLength(2)
    },
  )
  await kubectl('delete', 'deployment', 'moved')
  await kubectl('delete', 'pods', '-l', 'app=moved', '--force', '--grace-period=0')
  await kubectl('delete', 'node', 'node-3')
})

test('a CronJob makes Jobs by the clock, and forgets the old ones', async () => {
  const { spec } = job('tick', { play: 'succeed' }, {})
  await create({
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'tick', namespace: 'default' },
    spec: { schedule: '@every 1s', successfulJobsHistoryLimit: 1, jobTemplate: { spec } },
  })
  await eventually(
    async () => await client.get(refs.cronJobs, { namespace: 'default', name: 'tick' }, never),
    ({ status }) => expect(status.lastSuccessfulTime).toBeDefined(),
  )
  await kubectl('delete', 'cronjob', 'tick')
  await eventually(
    async () => await kubectl('get', 'jobs', '-o', 'name'),
    (names) => expect(names).not.toContain('tick'),
  )
})

test('Endpoints made by hand are mirrored into slices', async () => {
  const ports = [{ port: 80, targetPort: 8080 }]
  await create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'outside', namespace: 'default' },
    spec: { ports },
  })
  const subsets = [{ addresses: [{ ip: '192.0.2.7' }], ports: [{ port: 8080 }] }]
  await create({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'outside', namespace: 'default' }, subsets })
  const slices = async () =>
    (await client.list(refs.endpointSlices, { labelSelector: 'kubernetes.io/service-name=outside' }, never)).items
  await eventually(slices, (items) =>
    expect(items).toMatchObject([
      {
        endpoints: [{ addresses: ['192.0.2.7'], conditions: { ready: true } }],
        ports: [{ port: 8080, protocol: 'TCP' }],
      },
    ]),
  )
  await kubectl('delete', 'service', 'outside')
  await eventually(slices, (items) => expect(items).toEqual([]))
})

test('the cluster role view is made of its parts, and of those that users add', async () => {
  await create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'crontabs-view', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
    rules: [{ apiGroups: ['example.com'], resources: ['crontabs'], verbs: ['get'] }],
  })
  await eventually(
    async () => await client.get(refs.clusterRoles, { name: 'view' }, never),
    ({ rules }) => {
      expect(rules?.some(({ resources }) => resources?.includes('pods/log'))).toBe(true)
      expect(rules?.some(({ resources }) => resources?.includes('crontabs'))).toBe(true)
    },
  )
})

test('a Secret of the account token type gets a token that the API server takes', async () => {
  await create({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: { name: 'robot', namespace: 'default', annotations: { 'kubernetes.io/service-account.name': 'default' } },
  })
  const token = async (): Promise<string> => {
    const { data } = await client.get(refs.secrets, { namespace: 'default', name: 'robot' }, never)
    return Buffer.from(data?.['token'] ?? '', 'base64').toString()
  }
  await eventually(token, (text) => expect(text).not.toBe(''))
  const review = {
    apiVersion: 'authentication.k8s.io/v1' as const,
    kind: 'TokenReview' as const,
    spec: { token: await token() },
  }
  const { status } = await client.create(refs.tokenReviews, review, never)
  expect(status.user?.username).toBe('system:serviceaccount:default:default')
})

test('a ReplicationController keeps its pods', async () => {
  const { template } = deployment('old', 1).spec
  await create({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name: 'old', namespace: 'default' },
    spec: { replicas: 2, selector: { app: 'old' }, template },
  })
  await eventually(
    async () => await kubectl('get', 'rc', 'old', '--no-headers'),
    (row) => expect(row).toMatch(/^old +2 +2 +2 /),
  )
  await kubectl('delete', 'rc', 'old')
  await eventually(
    async () => await podsOf('old'),
    (pods) => expect(pods).toEqual([]),
  )
})

test('a Job is removed some time after its end', async () => {
  await create(job('brief', { play: 'succeed' }, { ttlSecondsAfterFinished: 1 }))
  await eventually(
    async () => await kubectl('get', 'jobs', '-o', 'name'),
    (names) => expect(names).not.toContain('brief'),
  )
  expect(await podsOf('brief')).toEqual([])
})

test('a disruption budget says how many pods may go, and evictions keep to it', async () => {
  await create(deployment('guarded', 2))
  await create({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'guarded', namespace: 'default' },
    spec: { minAvailable: 2, selector: { matchLabels: { app: 'guarded' } } },
  })
  const budget = async () =>
    (await client.get(refs.podDisruptionBudgets, { namespace: 'default', name: 'guarded' }, never)).status
  await eventually(budget, (status) =>
    expect(status).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 0, expectedPods: 2 }),
  )
  const [pod] = await podsOf('guarded')
  const at = { namespace: 'default', name: pod?.metadata.name ?? '', subresource: 'eviction' }
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: at.name } }
  const evict = async () => await client.createSubresource(refs.pods, at, eviction, never)
  await expect(evict()).rejects.toMatchObject({ code: 429 })
  await kubectl('scale', 'deployment/guarded', '--replicas=3')
  await eventually(budget, (status) => expect(status).toMatchObject({ currentHealthy: 3, disruptionsAllowed: 1 }))
  await evict()
  await eventually(budget, (status) => expect(status).toMatchObject({ currentHealthy: 3, disruptionsAllowed: 1 }))
})

test('a quota shows what is used, also after it was given back', async () => {
  await kubectl('create', 'namespace', 'limited')
  await kubectl('-n', 'limited', 'create', 'quota', 'q', '--hard=pods=5,services=2,count/configmaps=4')
  await create({ ...deployment('small', 2), metadata: { name: 'small', namespace: 'limited' } })
  const used = async () =>
    (await client.get(refs.resourceQuotas, { namespace: 'limited', name: 'q' }, never)).status.used
  await eventually(used, (amounts) => expect(amounts).toEqual({ pods: '2', services: '0', 'count/configmaps': '1' }))
  await kubectl('-n', 'limited', 'scale', 'deployment/small', '--replicas=1')
  await eventually(used, (amounts) => expect(amounts).toMatchObject({ pods: '1' }))
})

test('a claim finds its volume, is kept while a pod uses it, and leaves the volume released', async () => {
  await create({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'disk' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/tmp/disk' },
      storageClassName: 'manual',
    },
  })
  await create({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '100Mi' } }, storageClassName: 'manual' },
  })
  await kubectl('wait', '--for=jsonpath={.status.phase}=Bound', 'pvc/data', patience)
  expect(await kubectl('get', 'pvc', 'data', '--no-headers')).toMatch(/^data +Bound +disk +1Gi +RWO +manual/)
  const { spec } = deployment('user', 1).spec.template
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }]
  await create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'user', namespace: 'default' },
    spec: { ...spec, volumes },
  })
  await kubectl('wait', '--for=condition=Ready', 'pod/user', patience)
  await kubectl('delete', 'pvc', 'data', '--wait=false')
  expect(await kubectl('get', 'pvc', 'data', '--no-headers')).toMatch(/^data +Terminating/)
  await kubectl('delete', 'pod', 'user')
  await kubectl('wait', '--for=delete', 'pvc/data', patience)
  await kubectl('wait', '--for=jsonpath={.status.phase}=Released', 'pv/disk', patience)
  await kubectl('delete', 'pv', 'disk', patience)
})

test('a Deployment that may not make its pods says why, and goes on when it may', async () => {
  await kubectl('create', 'namespace', 'tight')
  await kubectl('-n', 'tight', 'create', 'quota', 'q', '--hard=pods=1')
  await create({ ...deployment('wide', 3), metadata: { name: 'wide', namespace: 'tight' } })
  const get = async () => await client.get(refs.deployments, { namespace: 'tight', name: 'wide' }, never)
  await eventually(get, ({ status }) => {
    expect(status).toMatchObject({ replicas: 1, unavailableReplicas: 2 })
    const failure = status.conditions?.find(({ type }) => type === 'ReplicaFailure')
    expect(failure).toMatchObject({ status: 'True', reason: 'FailedCreate' })
    expect(failure?.message).toContain('exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1')
  })
  expect(await kubectl('-n', 'tight', 'get', 'events')).toContain('Error creating: pods "wide-')
  await kubectl('-n', 'tight', 'patch', 'quota', 'q', '--type=merge', '-p', '{"spec":{"hard":{"pods":"9"}}}')
  await kubectl('-n', 'tight', 'rollout', 'status', 'deployment/wide', patience)
  await eventually(get, ({ status }) => {
    expect(status.conditions?.map(({ type }) => type).toSorted()).toEqual(['Available', 'Progressing'])
  })
})

test('a namespace that something holds says what', async () => {
  await kubectl('create', 'namespace', 'held')
  const metadata = { name: 'holder', namespace: 'held', finalizers: ['example.com/hold'] }
  await create({ apiVersion: 'v1', kind: 'ConfigMap', metadata })
  await kubectl('delete', 'namespace', 'held', '--wait=false')
  await eventually(
    async () => await client.get(refs.namespaces, { name: 'held' }, never),
    ({ status }) => {
      expect(status.phase).toBe('Terminating')
      const find = (type: string) => status.conditions?.find((condition) => condition.type === type)
      expect(find('NamespaceContentRemaining')).toMatchObject({
        status: 'True',
        message: 'Some resources are remaining: configmaps. has 1 resource instances',
      })
      expect(find('NamespaceFinalizersRemaining')).toMatchObject({
        status: 'True',
        message: 'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
      })
    },
  )
  await kubectl('-n', 'held', 'patch', 'configmap', 'holder', '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
  await kubectl('wait', '--for=delete', 'namespace/held', patience)
})

test('an approved request becomes a certificate that the API server takes', async () => {
  cryptoProvider.set(webcrypto)
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const asked = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=jane, O=team',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  })
  const request = Buffer.from(asked.toString('pem')).toString('base64')
  const spec = {
    request,
    signerName: 'kubernetes.io/kube-apiserver-client',
    usages: ['client auth'],
    expirationSeconds: 3600,
  }
  await create({
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'jane' },
    spec,
  })
  await kubectl('certificate', 'approve', 'jane')
  const status = async () => (await client.get(refs.certificateSigningRequests, { name: 'jane' }, never)).status
  await eventually(status, ({ certificate }) => expect(certificate).toBeDefined())
  const certificate = Buffer.from((await status()).certificate ?? '', 'base64').toString()
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const key = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`
  const jane = createClient({ server: plane.url, ca: plane.authority.cert, cert: certificate, key })
  const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' })
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const headers = { 'content-type': 'application/json' }
  type Review = { readonly status: { readonly userInfo: object } }
  const review = await jane.raw<Review>({ method: 'POST', path, headers, body }, never)
  expect(review.status.userInfo).toMatchObject({ username: 'jane', groups: ['team', 'system:authenticated'] })
  jane.close()
})

test('controllers that are killed in the middle go on where the API stands', async () => {
  await create(deployment('steady', 4))
  await controllers.stop()
  await kubectl('set', 'image', 'deployment/steady', 'c=web:2')
  controllers = await startControllers(plane, quickToMissNodes)
  await kubectl('rollout', 'status', 'deployment/steady', patience)
  await eventually(
    async () => await podsOf('steady'),
    (pods) => expect(pods).toHaveLength(4),
  )
})
