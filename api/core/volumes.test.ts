import { expect, test } from 'vitest'
import { createCauses, decoded, resourceOf, updateCauses } from '../../test/fixtures/api-object.ts'
import { dropDisabledFields } from './pod-disabled.ts'
import type { Pod } from './v1.ts'

const pods = resourceOf('Pod')
const persistentVolumes = resourceOf('PersistentVolume')

/** A pod that has these volumes and mounts these. */
const pod = (volumes: string, container = '') =>
  `{ spec: { volumes: [${volumes}], containers: [{ name: c, image: i${container === '' ? '' : `, ${container}`} }] } }`
const at = 'spec.volumes[0]'

const refused: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'no source',
    '{ name: v, image: null, csi: null, emptyDir: null, hostPath: { path: "" } }',
    [`${at}.hostPath.path: Required value`],
  ],
  [
    'two sources, the later of which it does not look into',
    '{ name: v, hostPath: { path: /x }, cephfs: { monitors: [] } }',
    [`${at}.cephFS: Forbidden: may not specify more than 1 volume type`],
  ],
  [
    'a disk under its old path',
    '{ name: v, gcePersistentDisk: { pdName: "", partition: 300 } }',
    [
      `${at}.persistentDisk.pdName: Required value`,
      `${at}.persistentDisk.partition: Invalid value: 300: must be between 1 and 255, inclusive`,
    ],
  ],
  [
    'an NFS path that is missing, in two ways',
    '{ name: v, nfs: { server: s, path: "" } }',
    [`${at}.nfs.path: Required value`, `${at}.nfs.path: Invalid value: "": must be an absolute path`],
  ],
  [
    'iSCSI names of no known form and secrets that are missing',
    '{ name: v, iscsi: { targetPortal: p, iqn: x, lun: 256, chapAuthSession: true } }',
    [
      `${at}.iscsi.iqn: Invalid value: "x": must be valid format starting with iqn, eui, or naa`,
      `${at}.iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive`,
      `${at}.iscsi.secretRef: Required value`,
    ],
  ],
  [
    'Fibre Channel with targets and no number',
    '{ name: v, fc: { targetWWNs: [a] } }',
    [`${at}.fc.lun: Required value: lun is required if targetWWNs is specified`],
  ],
  [
    'one file from two sources',
    '{ name: v, projected: { sources: [{ secret: { name: s, items: [{ key: a, path: x }] } }, { configMap: { name: m, items: [{ key: a, path: x }] } }] } }',
    [`${at}.projected: Invalid value: "m": conflicting duplicate paths`],
  ],
  [
    'a token of nobody',
    '{ name: v, projected: { sources: [{ serviceAccountToken: { path: t } }] } }',
    [
      `${at}.projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set`,
    ],
  ],
  [
    'a claim that an ephemeral volume makes',
    '{ name: v, persistentVolumeClaim: { claimName: a-w } }, { name: w, ephemeral: { volumeClaimTemplate: { spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } } } }',
    [
      `${at}.persistentVolumeClaim.claimName: Invalid value: "a-w": must not reference a PVC that gets created for an ephemeral volume`,
    ],
  ],
]
for (const [name, volumes, want] of refused) {
  test(`validateVolumes() refuses ${name}`, () => expect(createCauses(pods, pod(volumes))).toEqual(want))
}

test('validateMounts() does not know a volume that has a mistake', () => {
  const causes = createCauses(
    pods,
    pod('{ name: v, hostPath: { path: "" } }', 'volumeMounts: [{ name: v, mountPath: /x }]'),
  )
  expect(causes).toEqual([
    'spec.volumes[0].hostPath.path: Required value',
    'spec.containers[0].volumeMounts[0].name: Not found: "v"',
  ])
})

const volume = (spec: string) => `{ spec: { capacity: { storage: 1Gi }, accessModes: [ReadWriteOnce], ${spec} } }`

test('PersistentVolumes refuse secrets without a name, classes without a driver and local volumes without a node', () => {
  expect(
    createCauses(persistentVolumes, volume('csi: { driver: d, volumeHandle: h, nodePublishSecretRef: {} }')),
  ).toEqual([
    'spec.csi.nodePublishSecretRef.name: Required value',
    'spec.csi.nodePublishSecretRef.namespace: Required value',
  ])
  expect(createCauses(persistentVolumes, volume('local: { path: /x }, volumeAttributesClassName: c'))).toEqual([
    'spec.nodeAffinity: Required value: Local volume requires node affinity',
    'spec.csi: Required value: has to be specified when using volumeAttributesClassName',
  ])
})

test('PersistentVolumes keep their mode and their nodes, and may get a secret for growing', () => {
  const csi = (secret: string) => volume(`csi: { driver: d, volumeHandle: h${secret} }, volumeMode: Block`)
  const grown = csi(', controllerExpandSecretRef: { name: a, namespace: b }')
  expect(updateCauses(persistentVolumes, csi(''), grown)).toEqual([])
  expect(updateCauses(persistentVolumes, csi(''), volume('csi: { driver: d, volumeHandle: h }'))).toEqual([
    'volumeMode: Invalid value: "Filesystem": field is immutable',
  ])
})

test('dropDisabledFields() takes away what is off, and keeps it where it was', () => {
  const spec = (text: string) => (decoded(pods, text) as unknown as Pod).spec
  const signals = spec('{ spec: { containers: [{ name: c, image: i, lifecycle: { stopSignal: SIGINT } }] } }')
  expect(dropDisabledFields(signals).containers[0]).not.toHaveProperty('lifecycle')
  expect(dropDisabledFields(signals, signals)).toEqual(signals)
  const bundle = spec(pod('{ name: v, projected: { sources: [{ clusterTrustBundle: { name: n, path: p } }] } }'))
  expect(dropDisabledFields(bundle).volumes?.[0]?.projected?.sources).toEqual([{}])
  expect(dropDisabledFields(bundle, bundle)).toEqual(bundle)
})
