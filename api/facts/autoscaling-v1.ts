/** Facts of autoscaling.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const autoscalingV1 = {
  'autoscaling.v1.CrossVersionObjectReference': {
    atomic: true,
    fields: {
      kind: '1! string =""',
      name: '2! string =""',
      apiVersion: '3 string',
    },
  },
  'autoscaling.v1.HorizontalPodAutoscaler': {
    gvk: { group: 'autoscaling', version: 'v1', kind: 'HorizontalPodAutoscaler' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! autoscaling.v1.HorizontalPodAutoscalerSpec ={}',
      status: '3 autoscaling.v1.HorizontalPodAutoscalerStatus ={}',
    },
  },
  'autoscaling.v1.HorizontalPodAutoscalerSpec': {
    fields: {
      scaleTargetRef: '1! autoscaling.v1.CrossVersionObjectReference ={}',
      minReplicas: '2 int32 ptr',
      maxReplicas: '3! int32 =0',
      targetCPUUtilizationPercentage: '4 int32 ptr',
    },
  },
  'autoscaling.v1.HorizontalPodAutoscalerStatus': {
    fields: {
      observedGeneration: '1 int64 ptr',
      lastScaleTime: '2 time ptr',
      currentReplicas: '3! int32 =0',
      desiredReplicas: '4! int32 =0',
      currentCPUUtilizationPercentage: '5 int32 ptr',
    },
  },
  'autoscaling.v1.Scale': {
    gvk: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 autoscaling.v1.ScaleSpec ={}',
      status: '3 autoscaling.v1.ScaleStatus ={}',
    },
  },
  'autoscaling.v1.ScaleSpec': {
    fields: {
      replicas: '1 int32 =0',
    },
  },
  'autoscaling.v1.ScaleStatus': {
    fields: {
      replicas: '1! int32 =0',
      selector: '2 string',
    },
  },
} as const
