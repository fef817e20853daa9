/** Facts of apps.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const appsV1 = {
  'apps.v1.ControllerRevision': {
    gvk: { group: 'apps', version: 'v1', kind: 'ControllerRevision' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      data: '2 rawExtension',
      revision: '3! int64 =0',
    },
  },
  'apps.v1.DaemonSet': {
    gvk: { group: 'apps', version: 'v1', kind: 'DaemonSet' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 apps.v1.DaemonSetSpec ={}',
      status: '3 apps.v1.DaemonSetStatus ={}',
    },
  },
  'apps.v1.DaemonSetCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      lastTransitionTime: '3 time null',
      reason: '4 string',
      message: '5 string',
    },
  },
  'apps.v1.DaemonSetSpec': {
    fields: {
      selector: '1! meta.v1.LabelSelector',
      template: '2! core.v1.PodTemplateSpec ={}',
      updateStrategy: '3 apps.v1.DaemonSetUpdateStrategy ={}',
      minReadySeconds: '4 int32',
      revisionHistoryLimit: '6 int32 ptr',
    },
  },
  'apps.v1.DaemonSetStatus': {
    fields: {
      currentNumberScheduled: '1! int32 =0',
      numberMisscheduled: '2! int32 =0',
      desiredNumberScheduled: '3! int32 =0',
      numberReady: '4! int32 =0',
      observedGeneration: '5 int64',
      updatedNumberScheduled: '6 int32',
      numberAvailable: '7 int32',
      numberUnavailable: '8 int32',
      collisionCount: '9 int32 ptr',
      conditions: '10 []apps.v1.DaemonSetCondition list=map keys=type patch=merge mergeKey=type',
    },
  },
  'apps.v1.DaemonSetUpdateStrategy': {
    fields: {
      type: '1 string',
      rollingUpdate: '2 apps.v1.RollingUpdateDaemonSet',
    },
  },
  'apps.v1.Deployment': {
    gvk: { group: 'apps', version: 'v1', kind: 'Deployment' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 apps.v1.DeploymentSpec ={}',
      status: '3 apps.v1.DeploymentStatus ={}',
    },
  },
  'apps.v1.DeploymentCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      lastUpdateTime: '6 time null',
      lastTransitionTime: '7 time null',
      reason: '4 string',
      message: '5 string',
    },
  },
  'apps.v1.DeploymentSpec': {
    fields: {
      replicas: '1 int32 ptr',
      selector: '2! meta.v1.LabelSelector',
      template: '3! core.v1.PodTemplateSpec ={}',
      strategy: '4 apps.v1.DeploymentStrategy patch=retainKeys ={}',
      minReadySeconds: '5 int32',
      revisionHistoryLimit: '6 int32 ptr',
      paused: '7 bool',
      progressDeadlineSeconds: '9 int32 ptr',
    },
  },
  'apps.v1.DeploymentStatus': {
    fields: {
      observedGeneration: '1 int64',
      replicas: '2 int32',
      updatedReplicas: '3 int32',
      readyReplicas: '7 int32',
      availableReplicas: '4 int32',
      unavailableReplicas: '5 int32',
      terminatingReplicas: '9 int32 ptr',
      conditions: '6 []apps.v1.DeploymentCondition list=map keys=type patch=merge mergeKey=type',
      collisionCount: '8 int32 ptr',
    },
  },
  'apps.v1.DeploymentStrategy': {
    fields: {
      type: '1 string',
      rollingUpdate: '2 apps.v1.RollingUpdateDeployment',
    },
  },
  'apps.v1.ReplicaSet': {
    gvk: { group: 'apps', version: 'v1', kind: 'ReplicaSet' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 apps.v1.ReplicaSetSpec ={}',
      status: '3 apps.v1.ReplicaSetStatus ={}',
    },
  },
  'apps.v1.ReplicaSetCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      lastTransitionTime: '3 time null',
      reason: '4 string',
      message: '5 string',
    },
  },
  'apps.v1.ReplicaSetSpec': {
    fields: {
      replicas: '1 int32 ptr',
      minReadySeconds: '4 int32',
      selector: '2! meta.v1.LabelSelector',
      template: '3 core.v1.PodTemplateSpec ={}',
    },
  },
  'apps.v1.ReplicaSetStatus': {
    fields: {
      replicas: '1! int32 =0',
      fullyLabeledReplicas: '2 int32',
      readyReplicas: '4 int32',
      availableReplicas: '5 int32',
      terminatingReplicas: '7 int32 ptr',
      observedGeneration: '3 int64',
      conditions: '6 []apps.v1.ReplicaSetCondition list=map keys=type patch=merge mergeKey=type',
    },
  },
  'apps.v1.RollingUpdateDaemonSet': {
    fields: {
      maxUnavailable: '1 intOrString ptr',
      maxSurge: '2 intOrString ptr',
    },
  },
  'apps.v1.RollingUpdateDeployment': {
    fields: {
      maxUnavailable: '1 intOrString ptr',
      maxSurge: '2 intOrString ptr',
    },
  },
  'apps.v1.RollingUpdateStatefulSetStrategy': {
    fields: {
      partition: '1 int32 ptr',
      maxUnavailable: '2 intOrString ptr',
    },
  },
  'apps.v1.StatefulSet': {
    gvk: { group: 'apps', version: 'v1', kind: 'StatefulSet' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 apps.v1.StatefulSetSpec ={}',
      status: '3 apps.v1.StatefulSetStatus ={}',
    },
  },
  'apps.v1.StatefulSetCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      lastTransitionTime: '3 time null',
      reason: '4 string',
      message: '5 string',
    },
  },
  'apps.v1.StatefulSetOrdinals': {
    fields: {
      start: '1 int32 =0',
    },
  },
  'apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy': {
    fields: {
      whenDeleted: '1 string',
      whenScaled: '2 string',
    },
  },
  'apps.v1.StatefulSetSpec': {
    fields: {
      replicas: '1 int32 ptr',
      selector: '2! meta.v1.LabelSelector',
      template: '3! core.v1.PodTemplateSpec ={}',
      volumeClaimTemplates: '4 []core.v1.PersistentVolumeClaim list=atomic',
      serviceName: '5 string =""',
      podManagementPolicy: '6 string',
      updateStrategy: '7 apps.v1.StatefulSetUpdateStrategy ={}',
      revisionHistoryLimit: '8 int32 ptr',
      minReadySeconds: '9 int32',
      persistentVolumeClaimRetentionPolicy: '10 apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy',
      ordinals: '11 apps.v1.StatefulSetOrdinals',
    },
  },
  'apps.v1.StatefulSetStatus': {
    fields: {
      observedGeneration: '1 int64',
      replicas: '2! int32 =0',
      readyReplicas: '3 int32',
      currentReplicas: '4 int32',
      updatedReplicas: '5 int32',
      currentRevision: '6 string',
      updateRevision: '7 string',
      collisionCount: '9 int32 ptr',
      conditions: '10 []apps.v1.StatefulSetCondition list=map keys=type patch=merge mergeKey=type',
      availableReplicas: '11 int32 =0',
    },
  },
  'apps.v1.StatefulSetUpdateStrategy': {
    fields: {
      type: '1 string',
      rollingUpdate: '2 apps.v1.RollingUpdateStatefulSetStrategy',
    },
  },
} as const
