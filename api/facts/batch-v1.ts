/** Facts of batch.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const batchV1 = {
  'batch.v1.CronJob': {
    gvk: { group: 'batch', version: 'v1', kind: 'CronJob' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! batch.v1.CronJobSpec ={}',
      status: '3 batch.v1.CronJobStatus ={}',
    },
  },
  'batch.v1.CronJobSpec': {
    fields: {
      schedule: '1! string =""',
      timeZone: '8 string ptr',
      startingDeadlineSeconds: '2 int64 ptr',
      concurrencyPolicy: '3 string',
      suspend: '4 bool ptr',
      jobTemplate: '5! batch.v1.JobTemplateSpec ={}',
      successfulJobsHistoryLimit: '6 int32 ptr',
      failedJobsHistoryLimit: '7 int32 ptr',
    },
  },
  'batch.v1.CronJobStatus': {
    fields: {
      active: '1 []core.v1.ObjectReference list=atomic',
      lastScheduleTime: '4 time ptr',
      lastSuccessfulTime: '5 time ptr',
    },
  },
  'batch.v1.Job': {
    gvk: { group: 'batch', version: 'v1', kind: 'Job' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 batch.v1.JobSpec ={}',
      status: '3 batch.v1.JobStatus ={}',
    },
  },
  'batch.v1.JobCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      lastProbeTime: '3 time null',
      lastTransitionTime: '4 time null',
      reason: '5 string',
      message: '6 string',
    },
  },
  'batch.v1.JobSpec': {
    fields: {
      parallelism: '1 int32 ptr',
      completions: '2 int32 ptr',
      activeDeadlineSeconds: '3 int64 ptr',
      podFailurePolicy: '11 batch.v1.PodFailurePolicy',
      successPolicy: '16 batch.v1.SuccessPolicy',
      backoffLimit: '7 int32 ptr',
      backoffLimitPerIndex: '12 int32 ptr',
      maxFailedIndexes: '13 int32 ptr',
      selector: '4 meta.v1.LabelSelector',
      manualSelector: '5 bool ptr',
      template: '6! core.v1.PodTemplateSpec ={}',
      ttlSecondsAfterFinished: '8 int32 ptr',
      completionMode: '9 string ptr',
      suspend: '10 bool ptr',
      podReplacementPolicy: '14 string ptr',
      managedBy: '15 string ptr',
    },
  },
  'batch.v1.JobStatus': {
    fields: {
      conditions: '1 []batch.v1.JobCondition list=atomic patch=merge mergeKey=type',
      startTime: '2 time ptr',
      completionTime: '3 time ptr',
      active: '4 int32',
      succeeded: '5 int32',
      failed: '6 int32',
      terminating: '11 int32 ptr',
      completedIndexes: '7 string',
      failedIndexes: '10 string ptr',
      uncountedTerminatedPods: '8 batch.v1.UncountedTerminatedPods',
      ready: '9 int32 ptr',
    },
  },
  'batch.v1.JobTemplateSpec': {
    fields: {
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 batch.v1.JobSpec ={}',
    },
  },
  'batch.v1.PodFailurePolicy': {
    fields: {
      rules: '1! []batch.v1.PodFailurePolicyRule list=atomic null',
    },
  },
  'batch.v1.PodFailurePolicyOnExitCodesRequirement': {
    fields: {
      containerName: '1 string ptr',
      operator: '2! string =""',
      values: '3! []int32 list=set =[]',
    },
  },
  'batch.v1.PodFailurePolicyOnPodConditionsPattern': {
    fields: {
      type: '1! string =""',
      status: '2 string =""',
    },
  },
  'batch.v1.PodFailurePolicyRule': {
    fields: {
      action: '1! string =""',
      onExitCodes: '2 batch.v1.PodFailurePolicyOnExitCodesRequirement',
      onPodConditions: '3 []batch.v1.PodFailurePolicyOnPodConditionsPattern list=atomic',
    },
  },
  'batch.v1.SuccessPolicy': {
    fields: {
      rules: '1! []batch.v1.SuccessPolicyRule list=atomic =[]',
    },
  },
  'batch.v1.SuccessPolicyRule': {
    fields: {
      succeededIndexes: '1 string ptr',
      succeededCount: '2 int32 ptr',
    },
  },
  'batch.v1.UncountedTerminatedPods': {
    fields: {
      succeeded: '1 []string list=set',
      failed: '2 []string list=set',
    },
  },
} as const
