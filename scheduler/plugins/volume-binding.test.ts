import { expect, test } from 'vitest'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/core/v1.ts'
import type { StorageClass } from '../../api/storage/v1.ts'
import type { Listers } from '../cache/snapshot.ts'
import { makeCluster, makeNode, makePod, noListers, type PodOptions } from '../testing.ts'
import { planClaimBindings } from './volume-binding.ts'

const metadata = { name: 'data', namespace: 'default', uid: 'c', resourceVersion: '1', creationTimestamp: '' }
const withClaim: PodOptions = {
  name: 'p',
  spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
}

function claim(spec: object, annotations: Readonly<Record<string, string>> = {}): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { ...metadata, annotations },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
    status: {},
  } as unknown as PersistentVolumeClaim
}

function volume(name: string, storage: string, node: string, spec: object = {}): PersistentVolume {
  const term = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { ...metadata, name },
    spec: {
      capacity: { storage },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'late',
      nodeAffinity: { required: { nodeSelectorTerms: [term] } },
      ...spec,
    },
    status: { phase: 'Available' },
  } as unknown as PersistentVolume
}

function storageClass(provisioner: string): StorageClass {
  return {
    metadata: { name: 'late' },
    provisioner,
    volumeBindingMode: 'WaitForFirstConsumer',
  } as unknown as StorageClass
}

const bound = { volumeName: 'pv', storageClassName: 'late' }
const isBound = { 'pv.kubernetes.io/bind-completed': 'yes' }
const none = 'kubernetes.io/no-provisioner'

function listers(found: PersistentVolumeClaim, volumes: readonly PersistentVolume[], provisioner = none): Listers {
  return {
    ...noListers,
    claim: () => found,
    volume: (name) => volumes.find((each) => each.metadata.name === name),
    volumes: () => volumes,
    storageClass: (name) => (name === 'late' ? storageClass(provisioner) : undefined),
  }
}

const rows: readonly (readonly [rule: string, listers: Listers, expected: string])[] = [
  ['goes where the volume of a bound claim is', listers(claim(bound, isBound), [volume('pv', '1Gi', 'b')]), 'b'],
  [
    'finds no node for a volume that is elsewhere',
    listers(claim(bound, isBound), [volume('pv', '1Gi', 'z')]),
    "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.",
  ],
  [
    'misses the volume of a bound claim',
    listers(claim(bound, isBound), []),
    '0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).',
  ],
  [
    'waits for a claim that is bound immediately',
    listers(claim({ storageClassName: 'now' }), []),
    '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
  ],
  [
    'chooses a node with a free volume for a claim that waits',
    listers(claim({ storageClassName: 'late' }), [volume('small', '1Mi', 'a'), volume('fits', '2Gi', 'b')]),
    'b',
  ],
  [
    'finds no volume for a claim that waits',
    listers(claim({ storageClassName: 'late' }), [
      volume('taken', '2Gi', 'a', { claimRef: { name: 'x', namespace: 'y' } }),
    ]),
    "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
  ],
]

test.each(rows)('volumeBinding %s', (_rule, found, expected) => {
  expect(makeCluster({ nodes: [{ name: 'a' }, { name: 'b' }], listers: found }).schedule(withClaim)).toBe(expected)
})

test('planClaimBindings() takes the smallest volume that fits, else asks for one to be provisioned', () => {
  const { cache } = makeCluster({ nodes: [{ name: 'a' }] })
  cache.setNode(makeNode({ name: 'a' }))
  const node = cache.node('a')
  if (node === undefined) throw new Error('no node')
  const plan = (found: Listers) =>
    planClaimBindings(makePod(withClaim), node, found).map((each) =>
      each.type === 'bindVolume' ? each.volume.metadata.name : `provision on ${each.nodeName}`,
    )
  const waiting = claim({ storageClassName: 'late' })
  expect(plan(listers(waiting, [volume('large', '9Gi', 'a'), volume('small', '2Gi', 'a')]))).toEqual(['small'])
  expect(plan(listers(waiting, [], 'csi.example.com'))).toEqual(['provision on a'])
})

test('volumeRestrictions keeps a ReadWriteOncePod claim to one pod', () => {
  const exclusive = claim({ ...bound, accessModes: ['ReadWriteOncePod'] }, isBound)
  const cluster = makeCluster({
    nodes: [{ name: 'a' }, { name: 'b' }],
    pods: [{ ...withClaim, name: 'q', nodeName: 'a' }],
    listers: listers(exclusive, [volume('pv', '1Gi', 'b')]),
  })
  expect(cluster.schedule(withClaim)).toBe(
    '0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.',
  )
})
