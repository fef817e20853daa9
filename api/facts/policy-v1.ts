/** Facts of policy.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const policyV1 = {
  'policy.v1.Eviction': {
    gvk: { group: 'policy', version: 'v1', kind: 'Eviction' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      deleteOptions: '2 meta.v1.DeleteOptions',
    },
  },
  'policy.v1.PodDisruptionBudget': {
    gvk: { group: 'policy', version: 'v1', kind: 'PodDisruptionBudget' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 policy.v1.PodDisruptionBudgetSpec ={}',
      status: '3 policy.v1.PodDisruptionBudgetStatus ={}',
    },
  },
  'policy.v1.PodDisruptionBudgetSpec': {
    fields: {
      minAvailable: '1 intOrString ptr',
      selector: '2 meta.v1.LabelSelector patch=replace',
      maxUnavailable: '3 intOrString ptr',
      unhealthyPodEvictionPolicy: '4 string ptr',
    },
  },
  'policy.v1.PodDisruptionBudgetStatus': {
    fields: {
      observedGeneration: '1 int64',
      disruptedPods: '2 map<time>',
      disruptionsAllowed: '3 int32 =0',
      currentHealthy: '4 int32 =0',
      desiredHealthy: '5 int32 =0',
      expectedPods: '6 int32 =0',
      conditions: '7 []meta.v1.Condition list=map keys=type patch=merge mergeKey=type',
    },
  },
} as const
