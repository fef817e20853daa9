/** The kinds of storage, as far as they are records: nothing is attached or mounted here. */
import { expect, test } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { conformanceCluster } from './fixture.ts'
import { runsThroughLifecycle } from './lifecycle.ts'
import { type Collection, collectionAt } from './operations.ts'
import { type Labels, podObject } from './workloads.ts'

type Json = RawAnswer['json']

const cluster = conformanceCluster()
const storageApi = (resource: string): Collection => collectionAt(cluster, `/apis/storage.k8s.io/v1/${resource}`)
const storageObject = (kind: string, name: string, labels: Labels, fields: object): object => ({
  apiVersion: 'storage.k8s.io/v1',
  kind,
  metadata: { name, labels },
  ...fields,
})

test('[sig-storage] CSIInlineVolumes should run through the lifecycle of a CSIDriver [Conformance]', async () => {
  const drivers = storageApi('csidrivers')
  const driver = (name: string, modes: readonly string[]): object =>
    storageObject('CSIDriver', name, { 'inline-driver': 'true' }, { spec: { volumeLifecycleModes: modes } })
  await drivers.create(driver('one.example.com', ['Ephemeral']))
  await drivers.create(driver('two.example.com', ['Persistent', 'Ephemeral']))
  expect((await drivers.get('one.example.com')).spec).toMatchObject({ volumeLifecycleModes: ['Ephemeral'] })
  const patched = await drivers.patch(
    'two.example.com',
    { metadata: { labels: { two: 'patched' } } },
    'strategic-merge',
  )
  expect(patched.metadata.labels).toMatchObject({ two: 'patched' })
  const updated = await drivers.replace('two.example.com', ({ metadata }) => {
    metadata.labels.two = 'updated'
  })
  expect(updated.metadata.labels).toEqual({ 'inline-driver': 'true', two: 'updated' })
  expect((await drivers.list('inline-driver=true')).items).toHaveLength(2)
  await drivers.remove('one.example.com')
  await drivers.gone('one.example.com')
  await drivers.removeAll('two=updated')
  await drivers.gone('two.example.com')
})

test('[sig-storage] CSIInlineVolumes should support CSIVolumeSource in Pod API [Conformance]', async () => {
  const path = `/api/v1/namespaces/${await cluster.namespace()}/pods`
  const pods = collectionAt(cluster, path)
  const driver = 'inline.example.com'
  const volumes = [
    { name: 'one', csi: { driver } },
    { name: 'two', csi: { driver, fsType: 'ext4', readOnly: true } },
  ]
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/mnt/${name}` }))
  const pod = podObject(
    'inline',
    {},
    { volumes, containers: [{ name: 'main', image: 'example.com/image:1', volumeMounts }] },
  )
  const created = await pods.create(pod)
  expect(created.spec.volumes.slice(0, 2)).toEqual(volumes)
  expect((await cluster.expectCode(409, path, { method: 'POST', body: pod })).reason).toBe('AlreadyExists')
  expect((await pods.get('inline')).metadata.uid).toBe(created.metadata.uid)
  expect((await pods.list()).items).toHaveLength(1)
  const patched = await pods.patch('inline', { metadata: { annotations: { patched: 'true' } } })
  expect(patched.metadata.annotations).toEqual({ patched: 'true' })
  await pods.remove('inline')
  const { code, json } = await cluster.send(`${path}/inline`)
  expect(code === 404 || json.metadata.deletionTimestamp !== undefined).toBe(true)
})

test('[sig-storage] CSINodes CSI Conformance should run through the lifecycle of a csinode [Conformance]', async () => {
  const spec = { drivers: [{ name: 'csi.example.com', nodeID: 'node', topologyKeys: ['example.com/zone'] }] }
  await runsThroughLifecycle(
    storageApi('csinodes'),
    (name, labels) => storageObject('CSINode', name, labels, { spec }),
    ['csi-node-1', 'csi-node-2'],
  )
})

test('[sig-storage] StorageClasses CSI Conformance should run through the lifecycle of a StorageClass [Conformance]', async () => {
  const fields = { provisioner: 'e2e-fake-provisioner', parameters: { foo: 'bar' }, reclaimPolicy: 'Delete' }
  await runsThroughLifecycle(
    storageApi('storageclasses'),
    (name, labels) => storageObject('StorageClass', name, labels, fields),
    ['class-1', 'class-2'],
  )
})

test('[sig-storage] VolumeAttributesClass [FeatureGate:VolumeAttributesClass] should run through the lifecycle of a VolumeAttributesClass [Conformance]', async () => {
  const fields = { driverName: 'e2e-fake-csi-driver', parameters: { foo: 'bar' } }
  await runsThroughLifecycle(
    storageApi('volumeattributesclasses'),
    (name, labels) => storageObject('VolumeAttributesClass', name, labels, fields),
    ['attributes-1', 'attributes-2'],
  )
})

const attachment = (name: string, labels: Labels): object =>
  storageObject('VolumeAttachment', name, labels, {
    spec: {
      attacher: 'e2e-test.storage.k8s.io',
      nodeName: 'some-node',
      source: { persistentVolumeName: 'some-volume' },
    },
  })

test('[sig-storage] VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment [Conformance]', async () => {
  const attachments = storageApi('volumeattachments')
  await runsThroughLifecycle(attachments, attachment, ['attachment-1', 'attachment-2'])
  for (const name of ['attachment-3', 'attachment-4']) {
    await attachments.create(attachment(name, { of: 'both' }))
    const updated = await attachments.replace(name, ({ metadata }) =>
      Object.assign(metadata.labels, { both: 'updated' }),
    )
    expect(updated.metadata.labels).toEqual({ of: 'both', both: 'updated' })
  }
  await attachments.removeAll('both=updated')
  await attachments.empty('of=both')
})

test('[sig-storage] VolumeAttachment Conformance should apply changes to a volumeattachment status [Conformance]', async () => {
  const attachments = storageApi('volumeattachments')
  await attachments.create(attachment('status', {}))
  const patched = await attachments.patch('status', { metadata: { labels: { status: 'patched' } } }, 'strategic-merge')
  expect(patched.metadata.labels).toEqual({ status: 'patched' })
  expect((await attachments.get('status/status')).status.attached).toBe(false)
  const attached = await attachments.patch('status/status', { status: { attached: true } })
  expect(attached.status.attached).toBe(true)
  const detached = await attachments.replace(
    'status',
    ({ status }) => Object.assign(status, { attached: false }),
    '/status',
  )
  expect(detached.status.attached).toBe(false)
  await attachments.remove('status')
  await attachments.gone('status')
})

const accessModes = ['ReadWriteOnce']
const volumes = (): Collection => collectionAt(cluster, '/api/v1/persistentvolumes')
const volume = (name: string, labels: Labels): object => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name, labels },
  spec: {
    accessModes,
    capacity: { storage: '2Gi' },
    hostPath: { path: '/tmp/nowhere' },
    persistentVolumeReclaimPolicy: 'Retain',
    storageClassName: 'nobody-makes-these',
  },
})
const claim = (name: string, labels: Labels): object => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, labels },
  spec: { accessModes, resources: { requests: { storage: '2Gi' } }, storageClassName: 'nobody-makes-these' },
})

test('[sig-storage] PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC [Conformance]', async () => {
  const claims = collectionAt(cluster, `/api/v1/namespaces/${await cluster.namespace()}/persistentvolumeclaims`)
  await runsThroughLifecycle(volumes(), volume, ['volume-1', 'volume-2'])
  await runsThroughLifecycle(claims, claim, ['claim-1', 'claim-2'])
  // As a pair: the claim goes first, and the volume, released, behind it.
  const labels = { of: 'pair' }
  await volumes().create(volume('pair', labels))
  await claims.create(claim('pair', labels))
  expect((await collectionAt(cluster, '/api/v1/persistentvolumeclaims').list('of=pair')).items).toHaveLength(1)
  await claims.removeAll('of=pair')
  await claims.gone('pair')
  await volumes().removeAll('of=pair')
  await volumes().gone('pair')
})

test('[sig-storage] PersistentVolumes CSI Conformance should apply changes to a pv/pvc status [Conformance]', async () => {
  const claims = collectionAt(cluster, `/api/v1/namespaces/${await cluster.namespace()}/persistentvolumeclaims`)
  await volumes().create(volume('status', { of: 'status' }))
  await claims.create(claim('status', { of: 'status' }))
  expect((await volumes().list('of=status')).items).toHaveLength(1)
  expect((await claims.list()).items).toHaveLength(1)
  expect((await claims.get('status/status')).status.phase).toMatch(/^(Pending|Bound)$/)
  expect((await volumes().get('status/status')).status.phase).toMatch(/^(Available|Bound|Pending)$/)

  const condition = { type: 'StatusPatched', status: 'True', reason: 'E2E', message: 'Set by a test' }
  const claimed = await claims.patch('status/status', { status: { conditions: [condition] } })
  expect(claimed.status.conditions).toEqual([expect.objectContaining(condition)])
  const told = { reason: 'E2E patchStatus', message: 'StatusPatched' }
  expect((await volumes().patch('status/status', { status: told })).status).toMatchObject(told)

  const further = { ...condition, type: 'StatusUpdated' }
  const updated = await claims.replace('status', ({ status }) => status.conditions.push(further), '/status')
  expect(updated.status.conditions.map(({ type }: Json) => type)).toEqual(['StatusPatched', 'StatusUpdated'])
  const retold = { reason: 'E2E updateStatus', message: 'StatusUpdated' }
  const volumeNow = await volumes().replace('status', ({ status }) => Object.assign(status, retold), '/status')
  expect(volumeNow.status).toMatchObject(retold)
})
