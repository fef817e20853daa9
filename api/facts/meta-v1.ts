/** Facts of meta.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const metaV1 = {
  'meta.v1.APIGroup': {
    gvk: { group: '', version: 'v1', kind: 'APIGroup' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      name: '1! string =""',
      versions: '2! []meta.v1.GroupVersionForDiscovery list=atomic =[]',
      preferredVersion: '3 meta.v1.GroupVersionForDiscovery ={}',
      serverAddressByClientCIDRs: '4 []meta.v1.ServerAddressByClientCIDR list=atomic',
    },
  },
  'meta.v1.APIGroupList': {
    gvk: { group: '', version: 'v1', kind: 'APIGroupList' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      groups: '1! []meta.v1.APIGroup list=atomic =[]',
    },
  },
  'meta.v1.APIResource': {
    fields: {
      name: '1! string =""',
      namespaced: '2! bool =false',
      kind: '3! string =""',
      verbs: '4.1! []string =[]',
      shortNames: '5 []string list=atomic',
      singularName: '6! string =""',
      categories: '7 []string list=atomic',
      group: '8 string',
      version: '9 string',
      storageVersionHash: '10 string',
    },
  },
  'meta.v1.APIResourceList': {
    gvk: { group: '', version: 'v1', kind: 'APIResourceList' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      groupVersion: '1! string =""',
      resources: '2! []meta.v1.APIResource list=atomic =[]',
    },
  },
  'meta.v1.APIVersions': {
    gvk: { group: '', version: 'v1', kind: 'APIVersions' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      versions: '1! []string list=atomic =[]',
      serverAddressByClientCIDRs: '2! []meta.v1.ServerAddressByClientCIDR list=atomic =[]',
    },
  },
  'meta.v1.Condition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      observedGeneration: '3 int64',
      lastTransitionTime: '4! time null',
      reason: '5! string =""',
      message: '6! string =""',
    },
  },
  'meta.v1.DeleteOptions': {
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      gracePeriodSeconds: '1 int64 ptr',
      preconditions: '2 meta.v1.Preconditions',
      orphanDependents: '3 bool ptr',
      propagationPolicy: '4 string ptr',
      dryRun: '5 []string list=atomic',
      ignoreStoreReadErrorWithClusterBreakingPotential: '6 bool ptr',
    },
  },
  'meta.v1.FieldSelectorRequirement': {
    fields: {
      key: '1! string =""',
      operator: '2! string =""',
      values: '3 []string list=atomic',
    },
  },
  'meta.v1.GroupVersionForDiscovery': {
    fields: {
      groupVersion: '1! string =""',
      version: '2! string =""',
    },
  },
  'meta.v1.LabelSelector': {
    atomic: true,
    fields: {
      matchLabels: '1 map<string>',
      matchExpressions: '2 []meta.v1.LabelSelectorRequirement list=atomic',
    },
  },
  'meta.v1.LabelSelectorRequirement': {
    fields: {
      key: '1! string =""',
      operator: '2! string =""',
      values: '3 []string list=atomic',
    },
  },
  'meta.v1.ListMeta': {
    fields: {
      selfLink: '1 string',
      resourceVersion: '2 string',
      continue: '3 string',
      remainingItemCount: '4 int64 ptr',
      shardInfo: '5 meta.v1.ShardInfo',
    },
  },
  'meta.v1.ManagedFieldsEntry': {
    fields: {
      manager: '1 string',
      operation: '2 string',
      apiVersion: '3 string',
      time: '4 time',
      fieldsType: '6 string',
      fieldsV1: '7 fieldsV1',
      subresource: '8 string',
    },
  },
  'meta.v1.ObjectMeta': {
    fields: {
      name: '1 string',
      generateName: '2 string',
      namespace: '3 string',
      selfLink: '4 string',
      uid: '5 string',
      resourceVersion: '6 string',
      generation: '7 int64',
      creationTimestamp: '8 time',
      deletionTimestamp: '9 time ptr',
      deletionGracePeriodSeconds: '10 int64 ptr',
      labels: '11 map<string>',
      annotations: '12 map<string>',
      ownerReferences: '13 []meta.v1.OwnerReference list=map keys=uid patch=merge mergeKey=uid',
      finalizers: '14 []string list=set patch=merge',
      managedFields: '17 []meta.v1.ManagedFieldsEntry list=atomic',
    },
  },
  'meta.v1.OwnerReference': {
    atomic: true,
    fields: {
      apiVersion: '5! string =""',
      kind: '1! string =""',
      name: '3! string =""',
      uid: '4! string =""',
      controller: '6 bool ptr',
      blockOwnerDeletion: '7 bool ptr',
    },
  },
  'meta.v1.Preconditions': {
    fields: {
      uid: '1 string ptr',
      resourceVersion: '2 string ptr',
    },
  },
  'meta.v1.ServerAddressByClientCIDR': {
    fields: {
      clientCIDR: '1! string =""',
      serverAddress: '2! string =""',
    },
  },
  'meta.v1.ShardInfo': {
    fields: {
      selector: '1! string =""',
    },
  },
  'meta.v1.Status': {
    gvk: { group: '', version: 'v1', kind: 'Status' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ListMeta ={}',
      status: '2 string',
      message: '3 string',
      reason: '4 string',
      details: '5 meta.v1.StatusDetails',
      code: '6 int32',
    },
  },
  'meta.v1.StatusCause': {
    fields: {
      reason: '1 string',
      message: '2 string',
      field: '3 string',
    },
  },
  'meta.v1.StatusDetails': {
    fields: {
      name: '1 string',
      group: '2 string',
      kind: '3 string',
      uid: '6 string',
      causes: '4 []meta.v1.StatusCause list=atomic',
      retryAfterSeconds: '5 int32',
    },
  },
  'meta.v1.WatchEvent': {
    fields: {
      type: '1! string =""',
      object: '2! rawExtension',
    },
  },
} as const
