/** The tests that upstream calls "API operations": the same course for kinds of many groups. */
import { expect, test } from 'vitest'
import { certificateRequest } from '../fixtures/certificates.ts'
import { conformanceCluster } from './fixture.ts'
import { type Collection, collectionAt, expectDiscovered, expectLater, supportsOperations } from './operations.ts'

const cluster = conformanceCluster()

/** `/status` is read, patched and replaced; each writes a condition of its own and leaves the others. */
async function keepsConditions(items: Collection, name: string): Promise<void> {
  const { metadata } = await items.get(`${name}/status`)
  expect(metadata.name).toBe(name)
  const condition = { type: 'PatchStatusFailed', status: 'False', reason: 'E2E', message: 'Set by a test' }
  const patched = await items.patch(`${name}/status`, { status: { conditions: [condition] } })
  expect(patched.status.conditions).toContainEqual(expect.objectContaining(condition))
  const another = { ...condition, type: 'StatusUpdateFailed' }
  const updated = await items.replace(name, ({ status }) => status.conditions.push(another), '/status')
  expect(updated.status.conditions).toContainEqual(expect.objectContaining(condition))
  expect(updated.status.conditions).toContainEqual(expect.objectContaining(another))
}

const flowcontrol = { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', subresources: ['status'] }

test.concurrent('[sig-api-machinery] API priority and fairness should support FlowSchema API operations [Conformance]', async () => {
  const subjects = [{ kind: 'User', user: { name: 'nobody-at-all' } }]
  await supportsOperations(cluster, {
    ...flowcontrol,
    kind: 'FlowSchema',
    resource: 'flowschemas',
    fields: {
      spec: {
        matchingPrecedence: 10_000,
        priorityLevelConfiguration: { name: 'global-default' },
        distinguisherMethod: { type: 'ByUser' },
        rules: [{ subjects, nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }],
      },
    },
    patched: { spec: { matchingPrecedence: 9_999 } },
    updated: ({ spec }) => {
      spec.matchingPrecedence = 9_000
    },
    further: async (items, name) => {
      expect((await items.get(name)).spec.matchingPrecedence).toBe(9_000)
      await keepsConditions(items, name)
    },
  })
})

test.concurrent('[sig-api-machinery] API priority and fairness should support PriorityLevelConfiguration API operations [Conformance]', async () => {
  await supportsOperations(cluster, {
    ...flowcontrol,
    kind: 'PriorityLevelConfiguration',
    resource: 'prioritylevelconfigurations',
    fields: {
      spec: { type: 'Limited', limited: { nominalConcurrencyShares: 2, limitResponse: { type: 'Reject' } } },
    },
    patched: { spec: { limited: { nominalConcurrencyShares: 4 } } },
    updated: ({ spec }) => {
      spec.limited.nominalConcurrencyShares = 6
    },
    further: async (items, name) => {
      expect((await items.get(name)).spec.limited.nominalConcurrencyShares).toBe(6)
      await keepsConditions(items, name)
    },
  })
})

test.concurrent('[sig-apps] CronJob should support CronJob API operations [Conformance]', async () => {
  const container = { name: 'c', image: 'example.com/sleep:1' }
  await supportsOperations(cluster, {
    group: 'batch',
    version: 'v1',
    kind: 'CronJob',
    resource: 'cronjobs',
    subresources: ['status'],
    namespace: await cluster.namespace(),
    fields: {
      spec: {
        // The last day of February of a leap year: never while this runs.
        schedule: '0 0 29 2 *',
        concurrencyPolicy: 'Allow',
        jobTemplate: { spec: { template: { spec: { restartPolicy: 'OnFailure', containers: [container] } } } },
      },
    },
    further: async (items, name) => {
      const [first, second] = ['2026-01-02T03:04:05Z', '2026-01-02T03:04:06Z']
      const patched = await items.patch(`${name}/status`, {
        metadata: { annotations: { patchedstatus: 'true' } },
        status: { lastScheduleTime: first },
      })
      expect(patched).toMatchObject({
        metadata: { annotations: { patchedstatus: 'true' } },
        status: { lastScheduleTime: first },
      })
      const replaced = await items.replace(
        name,
        ({ status }) => Object.assign(status, { lastScheduleTime: second }),
        '/status',
      )
      expect(replaced.status.lastScheduleTime).toBe(second)
      expect((await items.get(`${name}/status`)).metadata.uid).toBe(patched.metadata.uid)
    },
  })
})

test.concurrent('[sig-auth] Certificates API [Privileged:ClusterAdmin] should support CSR API operations [Conformance]', async () => {
  const request = Buffer.from(await certificateRequest('conformance-csr')).toString('base64')
  await supportsOperations(cluster, {
    group: 'certificates.k8s.io',
    version: 'v1',
    kind: 'CertificateSigningRequest',
    resource: 'certificatesigningrequests',
    subresources: ['approval', 'status'],
    fields: {
      spec: {
        request,
        signerName: 'example.com/nobody',
        expirationSeconds: 3_600,
        usages: ['digital signature', 'key encipherment', 'server auth'],
      },
    },
    further: async (items, name) => {
      const created = await items.get(name)
      expect(created.spec.expirationSeconds).toBe(3_600)
      expect(await items.get(`${name}/approval`)).toMatchObject({
        kind: created.kind,
        metadata: { uid: created.metadata.uid },
      })
      const condition = { type: 'ApprovalPatch', status: 'True', reason: 'e2e' }
      const patched = await items.patch(`${name}/approval`, {
        metadata: { annotations: { patchedapproval: 'true' } },
        status: { conditions: [condition] },
      })
      expect(patched.status.conditions).toEqual([expect.objectContaining(condition)])
      expect(patched.metadata.annotations).toMatchObject({ patchedapproval: 'true' })
      const approved = { type: 'Approved', status: 'True', reason: 'E2E', message: 'Set by a test' }
      const updated = await items.replace(name, ({ status }) => status.conditions.push(approved), '/approval')
      expect(updated.status.conditions.map(({ type }: { type: string }) => type)).toEqual(['ApprovalPatch', 'Approved'])

      expect(await items.get(`${name}/status`)).toMatchObject({
        kind: created.kind,
        metadata: { uid: created.metadata.uid },
      })
      const certificate = Buffer.from(cluster.plane().authority.cert).toString('base64')
      const issued = await items.patch(`${name}/status`, {
        metadata: { annotations: { patchedstatus: 'true' } },
        status: { certificate },
      })
      expect(issued).toMatchObject({ metadata: { annotations: { patchedstatus: 'true' } }, status: { certificate } })
      const further = { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set by a test' }
      const last = await items.replace(name, ({ status }) => status.conditions.push(further), '/status')
      expect(last.status.conditions.at(-1)).toMatchObject(further)
      expect(last.status.conditions).toHaveLength(3)
    },
  })
})

test.concurrent('[sig-network] EndpointSlice should support creating EndpointSlice API operations [Conformance]', async () => {
  await supportsOperations(cluster, {
    group: 'discovery.k8s.io',
    version: 'v1',
    kind: 'EndpointSlice',
    resource: 'endpointslices',
    namespace: await cluster.namespace(),
    fields: {
      addressType: 'IPv4',
      endpoints: [{ addresses: ['1.2.3.4', '5.6.7.8'] }, { addresses: ['2.2.3.4', '6.6.7.8'] }],
    },
  })
})

const networking = { group: 'networking.k8s.io', version: 'v1' }

test.concurrent('[sig-network] Ingress API should support creating Ingress API operations [Conformance]', async () => {
  const backend = { service: { name: 'default-backend', port: { number: 80 } } }
  await supportsOperations(cluster, {
    ...networking,
    kind: 'Ingress',
    resource: 'ingresses',
    subresources: ['status'],
    namespace: await cluster.namespace(),
    fields: {
      spec: {
        defaultBackend: backend,
        rules: [{ host: 'foo.bar.com', http: { paths: [{ path: '/', pathType: 'ImplementationSpecific', backend }] } }],
      },
      status: { loadBalancer: {} },
    },
    further: async (items, name) => {
      const ingress = [{ ip: '169.1.1.1' }]
      const patched = await items.patch(`${name}/status`, {
        metadata: { annotations: { patchedstatus: 'true' } },
        status: { loadBalancer: { ingress } },
      })
      expect(patched.status.loadBalancer.ingress).toEqual(ingress)
      expect(patched.metadata.annotations).toMatchObject({ patchedstatus: 'true' })
      const next = [{ ip: '169.1.1.2' }]
      const updated = await items.replace(
        name,
        ({ status }) => Object.assign(status.loadBalancer, { ingress: next }),
        '/status',
      )
      expect(updated.status.loadBalancer.ingress).toEqual(next)
      const read = await items.get(`${name}/status`)
      expect(read.metadata.uid).toBe(updated.metadata.uid)
      expect(read.status.loadBalancer.ingress).toEqual(next)
    },
  })
})

test.concurrent('[sig-network] IngressClass API should support creating IngressClass API operations [Conformance]', async () => {
  await supportsOperations(cluster, {
    ...networking,
    kind: 'IngressClass',
    resource: 'ingressclasses',
    fields: { spec: { controller: 'example.com/controller' } },
  })
})

test.concurrent('[sig-network] ServiceCIDR and IPAddress API should support IPAddress API operations [Conformance]', async () => {
  await expectDiscovered(cluster, { ...networking, resources: ['ipaddresses'] })
  const addresses = collectionAt(cluster, '/apis/networking.k8s.io/v1/ipaddresses')
  const parentRef = { group: 'mygroup', resource: 'myresources', namespace: 'foo', name: 'bar' }
  const address = (name: string, type: string): object => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name, labels: { type } },
    spec: { parentRef },
  })
  const created = await addresses.create(address('255.255.255.255', 'broadcast'))
  await addresses.create(address('fe80::42:1dff:fe84:f9e2', 'link-local'))
  const watch = await addresses.watch('type=broadcast', created.metadata.resourceVersion)
  const patched = await addresses.patch('255.255.255.255', { metadata: { annotations: { patched: 'true' } } })
  expect(patched.metadata.annotations).toEqual({ patched: 'true' })
  expectLater(created, patched)
  const updated = await addresses.replace('255.255.255.255', ({ metadata }) => {
    metadata.annotations.updated = 'true'
  })
  expect(updated.metadata.annotations).toEqual({ patched: 'true', updated: 'true' })
  expect((await addresses.get('255.255.255.255')).spec).toEqual({ parentRef })
  expect((await addresses.list('type=broadcast')).items).toHaveLength(1)
  expect([(await watch.next()).type, (await watch.next()).type]).toEqual(['MODIFIED', 'MODIFIED'])
  await addresses.remove('255.255.255.255')
  expect((await watch.next()).type).toBe('DELETED')
  watch.close()
  await addresses.removeAll('type=link-local')
  expect((await addresses.list('type=link-local')).items).toEqual([])
})

test.concurrent('[sig-network] ServiceCIDR and IPAddress API should support ServiceCIDR API operations [Conformance]', async () => {
  const cidrs = collectionAt(cluster, '/apis/networking.k8s.io/v1/servicecidrs')
  const own = await cidrs.get('kubernetes')
  expect(own.spec.cidrs).toEqual(['10.96.0.0/12'])
  expect(await cidrs.get('kubernetes/status')).toMatchObject({
    kind: 'ServiceCIDR',
    metadata: { uid: own.metadata.uid },
  })
  expect((await cidrs.list()).items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual([
    'kubernetes',
  ])
  await supportsOperations(cluster, {
    ...networking,
    kind: 'ServiceCIDR',
    resource: 'servicecidrs',
    subresources: ['status'],
    fields: { spec: { cidrs: ['192.0.2.0/24'] } },
    further: keepsConditions,
  })
})

test.concurrent('[sig-node] RuntimeClass should support RuntimeClasses API operations [Conformance]', async () => {
  await supportsOperations(cluster, {
    group: 'node.k8s.io',
    version: 'v1',
    kind: 'RuntimeClass',
    resource: 'runtimeclasses',
    fields: { handler: 'some-handler' },
  })
})

test.concurrent('[sig-storage] CSIStorageCapacity should support CSIStorageCapacities API operations [Conformance]', async () => {
  await supportsOperations(cluster, {
    group: 'storage.k8s.io',
    version: 'v1',
    kind: 'CSIStorageCapacity',
    resource: 'csistoragecapacities',
    namespace: await cluster.namespace(),
    fields: { storageClassName: 'some-class', capacity: '10Gi', nodeTopology: { matchLabels: { zone: 'a' } } },
  })
})
