import { expect, test } from 'vitest'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/core/v1.ts'
import type { StorageClass } from '../../api/storage/v1.ts'
import { plan as planClaim } from './claim-plan.ts'
import { plan as planVolume } from './volume-plan.ts'

type ClaimOptions = {
  readonly size?: string
  readonly modes?: readonly string[]
  readonly cls?: string
  readonly volumeName?: string
  readonly bound?: true
  readonly selector?: object
}

function claim({
  size = '1Gi',
  modes = ['ReadWriteOnce'],
  cls = '',
  ...rest
}: ClaimOptions = {}): PersistentVolumeClaim {
  return {
    metadata: {
      name: 'c',
      namespace: 'default',
      uid: 'c-uid',
      annotations: rest.bound ? { 'pv.kubernetes.io/bind-completed': 'yes' } : {},
    },
    spec: {
      accessModes: modes,
      storageClassName: cls,
      resources: { requests: { storage: size } },
      ...(rest.volumeName === undefined ? {} : { volumeName: rest.volumeName }),
      ...(rest.selector === undefined ? {} : { selector: rest.selector }),
    },
    status: { phase: 'Pending' },
  } as unknown as PersistentVolumeClaim
}

type VolumeOptions = {
  readonly size?: string
  readonly modes?: readonly string[]
  readonly cls?: string
  readonly claimRef?: object
  readonly phase?: string
  readonly labels?: object
  readonly policy?: string
}

function volume(
  name: string,
  { size = '1Gi', modes = ['ReadWriteOnce'], cls = '', phase = 'Available', ...rest }: VolumeOptions = {},
): PersistentVolume {
  return {
    metadata: { name, ...(rest.labels === undefined ? {} : { labels: rest.labels }) },
    spec: {
      capacity: { storage: size },
      accessModes: modes,
      storageClassName: cls,
      persistentVolumeReclaimPolicy: rest.policy ?? 'Retain',
      ...(rest.claimRef === undefined ? {} : { claimRef: rest.claimRef }),
    },
    status: { phase },
  } as unknown as PersistentVolume
}

const storageClass = (volumeBindingMode: string, provisioner = 'example.com/disk'): StorageClass =>
  ({ provisioner, volumeBindingMode }) as unknown as StorageClass
const bound = (
  of: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  cls?: StorageClass,
): readonly string[] =>
  planClaim({ claim: of, volumes, storageClass: cls }).actions.flatMap((action) =>
    action.type === 'bind' ? [action.volume.metadata.name] : action.type === 'event' ? [action.reason] : [action.type],
  )
const mine = { namespace: 'default', name: 'c', uid: 'c-uid' }

test.each<readonly [string, PersistentVolumeClaim, readonly PersistentVolume[], string]>([
  [
    'the smallest volume that is enough',
    claim({ size: '2Gi' }),
    [volume('a', { size: '1Gi' }), volume('b', { size: '5Gi' }), volume('c', { size: '3Gi' })],
    'c',
  ],
  ['a volume of its class', claim({ cls: 'slow' }), [volume('a'), volume('b', { cls: 'slow' })], 'b'],
  [
    'a volume with all its ways of access',
    claim({ modes: ['ReadWriteMany'] }),
    [volume('a'), volume('b', { modes: ['ReadWriteOnce', 'ReadWriteMany'] })],
    'b',
  ],
  [
    'a volume that its selector names',
    claim({ selector: { matchLabels: { disk: 'x' } } }),
    [volume('a'), volume('b', { labels: { disk: 'x' } })],
    'b',
  ],
  [
    'the volume that was reserved for it',
    claim(),
    [volume('a'), volume('b', { claimRef: { namespace: 'default', name: 'c' } })],
    'b',
  ],
  ['the volume that it names', claim({ volumeName: 'b' }), [volume('a'), volume('b', { size: '9Gi' })], 'b'],
  [
    'no volume of somebody else',
    claim(),
    [volume('a', { claimRef: { namespace: 'default', name: 'other' } })],
    'FailedBinding',
  ],
])('planClaim() binds %s', (_, of, volumes, expected) => {
  expect(bound(of, volumes)).toEqual([expected])
})

test('planClaim() waits for the node where the class asks for it, and asks the provisioner otherwise', () => {
  expect(bound(claim({ cls: 'fast' }), [volume('a', { cls: 'fast' })], storageClass('WaitForFirstConsumer'))).toEqual([
    'WaitForFirstConsumer',
  ])
  const chosen = volume('a', { cls: 'fast', claimRef: mine })
  expect(bound(claim({ cls: 'fast' }), [chosen], storageClass('WaitForFirstConsumer'))).toEqual(['a'])
  expect(bound(claim({ cls: 'fast' }), [], storageClass('Immediate'))).toEqual(['annotate', 'ExternalProvisioning'])
  expect(bound(claim({ cls: 'none' }), [])).toEqual(['ProvisioningFailed'])
})

test('planClaim() never gives a claim another volume: what is lost is lost', () => {
  expect(bound(claim({ bound: true, volumeName: 'gone' }), [volume('a')])).toEqual(['setPhase', 'ClaimLost'])
  const taken = volume('a', { claimRef: { ...mine, uid: 'other' } })
  expect(bound(claim({ bound: true, volumeName: 'a' }), [taken])).toEqual(['setPhase', 'ClaimMisbound'])
})

test.each<readonly [string, PersistentVolume, PersistentVolumeClaim | undefined, readonly string[]]>([
  ['of nobody', volume('a', { phase: 'Pending' }), undefined, ['Available']],
  [
    'that is reserved',
    volume('a', { phase: 'Pending', claimRef: { namespace: 'default', name: 'c' } }),
    undefined,
    ['Available'],
  ],
  ['of a claim', volume('a', { claimRef: mine }), claim({ volumeName: 'a' }), ['Bound']],
  ['of a claim that is gone', volume('a', { claimRef: mine, phase: 'Bound' }), undefined, ['Released']],
  ['that stays', volume('a', { claimRef: mine, phase: 'Released' }), undefined, []],
  [
    'that nobody here can delete',
    volume('a', { claimRef: mine, phase: 'Released', policy: 'Delete' }),
    undefined,
    ['Failed', 'VolumeFailedDelete'],
  ],
  ['whose claim went elsewhere', volume('a', { claimRef: mine }), claim({ volumeName: 'b' }), ['unbind']],
])('planVolume() of a volume %s', (_, of, owner, expected) => {
  const { actions } = planVolume({ volume: of, claim: owner })
  expect(
    actions.map((action) =>
      action.type === 'setPhase' ? action.phase : action.type === 'event' ? action.reason : action.type,
    ),
  ).toEqual(expected)
})
