/** Facts of storage.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const storageV1 = {
  'storage.v1.CSIDriver': {
    gvk: { group: 'storage.k8s.io', version: 'v1', kind: 'CSIDriver' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! storage.v1.CSIDriverSpec ={}',
    },
  },
  'storage.v1.CSIDriverSpec': {
    fields: {
      attachRequired: '1 bool ptr',
      podInfoOnMount: '2 bool ptr',
      volumeLifecycleModes: '3 []string list=set',
      storageCapacity: '4 bool ptr',
      fsGroupPolicy: '5 string ptr',
      tokenRequests: '6 []storage.v1.TokenRequest list=atomic',
      requiresRepublish: '7 bool ptr',
      seLinuxMount: '8 bool ptr',
      nodeAllocatableUpdatePeriodSeconds: '9 int64 ptr',
      serviceAccountTokenInSecrets: '10 bool ptr',
      preventPodSchedulingIfMissing: '11 bool ptr',
    },
  },
  'storage.v1.CSINode': {
    gvk: { group: 'storage.k8s.io', version: 'v1', kind: 'CSINode' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! storage.v1.CSINodeSpec ={}',
    },
  },
  'storage.v1.CSINodeDriver': {
    fields: {
      name: '1! string =""',
      nodeID: '2! string =""',
      topologyKeys: '3 []string list=atomic null',
      allocatable: '4 storage.v1.VolumeNodeResources',
    },
  },
  'storage.v1.CSINodeSpec': {
    fields: {
      drivers: '1! []storage.v1.CSINodeDriver list=map keys=name patch=merge mergeKey=name null',
    },
  },
  'storage.v1.CSIStorageCapacity': {
    gvk: { group: 'storage.k8s.io', version: 'v1', kind: 'CSIStorageCapacity' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      nodeTopology: '2 meta.v1.LabelSelector',
      storageClassName: '3! string =""',
      capacity: '4 quantity ptr',
      maximumVolumeSize: '5 quantity ptr',
    },
  },
  'storage.v1.StorageClass': {
    gvk: { group: 'storage.k8s.io', version: 'v1', kind: 'StorageClass' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      provisioner: '2! string =""',
      parameters: '3 map<string>',
      reclaimPolicy: '4 string ptr',
      mountOptions: '5 []string list=atomic',
      allowVolumeExpansion: '6 bool ptr',
      volumeBindingMode: '7 string ptr',
      allowedTopologies: '8 []core.v1.TopologySelectorTerm list=atomic',
    },
  },
  'storage.v1.TokenRequest': {
    fields: {
      audience: '1! string =""',
      expirationSeconds: '2 int64 ptr',
    },
  },
  'storage.v1.VolumeAttachment': {
    gvk: { group: 'storage.k8s.io', version: 'v1', kind: 'VolumeAttachment' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! storage.v1.VolumeAttachmentSpec ={}',
      status: '3 storage.v1.VolumeAttachmentStatus ={}',
    },
  },
  'storage.v1.VolumeAttachmentSource': {
    fields: {
      persistentVolumeName: '1 string ptr',
      inlineVolumeSpec: '2 core.v1.PersistentVolumeSpec',
    },
  },
  'storage.v1.VolumeAttachmentSpec': {
    fields: {
      attacher: '1! string =""',
      source: '2! storage.v1.VolumeAttachmentSource ={}',
      nodeName: '3! string =""',
    },
  },
  'storage.v1.VolumeAttachmentStatus': {
    fields: {
      attached: '1! bool =false',
      attachmentMetadata: '2 map<string>',
      attachError: '3 storage.v1.VolumeError',
      detachError: '4 storage.v1.VolumeError',
    },
  },
  'storage.v1.VolumeAttributesClass': {
    gvk: { group: 'storage.k8s.io', version: 'v1', kind: 'VolumeAttributesClass' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      driverName: '2! string =""',
      parameters: '3 map<string>',
    },
  },
  'storage.v1.VolumeError': {
    fields: {
      time: '1 time null',
      message: '2 string',
      errorCode: '3 int32 ptr',
    },
  },
  'storage.v1.VolumeNodeResources': {
    fields: {
      count: '1 int32 ptr',
    },
  },
} as const
