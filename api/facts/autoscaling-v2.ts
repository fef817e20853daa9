/** Facts of autoscaling.v2: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const autoscalingV2 = {
  'autoscaling.v2.ContainerResourceMetricSource': {
    fields: {
      name: '1! string =""',
      target: '2! autoscaling.v2.MetricTarget ={}',
      container: '3! string =""',
    },
  },
  'autoscaling.v2.ContainerResourceMetricStatus': {
    fields: {
      name: '1! string =""',
      current: '2! autoscaling.v2.MetricValueStatus ={}',
      container: '3! string =""',
    },
  },
  'autoscaling.v2.CrossVersionObjectReference': {
    fields: {
      kind: '1! string =""',
      name: '2! string =""',
      apiVersion: '3 string',
    },
  },
  'autoscaling.v2.ExternalMetricSource': {
    fields: {
      metric: '1! autoscaling.v2.MetricIdentifier ={}',
      target: '2! autoscaling.v2.MetricTarget ={}',
    },
  },
  'autoscaling.v2.ExternalMetricStatus': {
    fields: {
      metric: '1! autoscaling.v2.MetricIdentifier ={}',
      current: '2! autoscaling.v2.MetricValueStatus ={}',
    },
  },
  'autoscaling.v2.HPAScalingPolicy': {
    fields: {
      type: '1! string =""',
      value: '2! int32 =0',
      periodSeconds: '3! int32 =0',
    },
  },
  'autoscaling.v2.HPAScalingRules': {
    fields: {
      stabilizationWindowSeconds: '3 int32 ptr',
      selectPolicy: '1 string ptr',
      policies: '2 []autoscaling.v2.HPAScalingPolicy list=atomic',
      tolerance: '4 quantity ptr',
    },
  },
  'autoscaling.v2.HorizontalPodAutoscaler': {
    gvk: { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! autoscaling.v2.HorizontalPodAutoscalerSpec ={}',
      status: '3 autoscaling.v2.HorizontalPodAutoscalerStatus ={}',
    },
  },
  'autoscaling.v2.HorizontalPodAutoscalerBehavior': {
    fields: {
      scaleUp: '1 autoscaling.v2.HPAScalingRules',
      scaleDown: '2 autoscaling.v2.HPAScalingRules',
    },
  },
  'autoscaling.v2.HorizontalPodAutoscalerCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      lastTransitionTime: '3 time null',
      reason: '4 string',
      message: '5 string',
    },
  },
  'autoscaling.v2.HorizontalPodAutoscalerSpec': {
    fields: {
      scaleTargetRef: '1! autoscaling.v2.CrossVersionObjectReference ={}',
      minReplicas: '2 int32 ptr',
      maxReplicas: '3! int32 =0',
      metrics: '4 []autoscaling.v2.MetricSpec list=atomic',
      behavior: '5 autoscaling.v2.HorizontalPodAutoscalerBehavior',
    },
  },
  'autoscaling.v2.HorizontalPodAutoscalerStatus': {
    fields: {
      observedGeneration: '1 int64 ptr',
      lastScaleTime: '2 time ptr',
      currentReplicas: '3 int32',
      desiredReplicas: '4! int32 =0',
      currentMetrics: '5 []autoscaling.v2.MetricStatus list=atomic null',
      conditions: '6 []autoscaling.v2.HorizontalPodAutoscalerCondition list=map keys=type patch=merge mergeKey=type',
    },
  },
  'autoscaling.v2.MetricIdentifier': {
    fields: {
      name: '1! string =""',
      selector: '2 meta.v1.LabelSelector',
    },
  },
  'autoscaling.v2.MetricSpec': {
    fields: {
      type: '1! string =""',
      object: '2 autoscaling.v2.ObjectMetricSource',
      pods: '3 autoscaling.v2.PodsMetricSource',
      resource: '4 autoscaling.v2.ResourceMetricSource',
      containerResource: '7 autoscaling.v2.ContainerResourceMetricSource',
      external: '5 autoscaling.v2.ExternalMetricSource',
    },
  },
  'autoscaling.v2.MetricStatus': {
    fields: {
      type: '1! string =""',
      object: '2 autoscaling.v2.ObjectMetricStatus',
      pods: '3 autoscaling.v2.PodsMetricStatus',
      resource: '4 autoscaling.v2.ResourceMetricStatus',
      containerResource: '7 autoscaling.v2.ContainerResourceMetricStatus',
      external: '5 autoscaling.v2.ExternalMetricStatus',
    },
  },
  'autoscaling.v2.MetricTarget': {
    fields: {
      type: '1! string =""',
      value: '2 quantity ptr',
      averageValue: '3 quantity ptr',
      averageUtilization: '4 int32 ptr',
    },
  },
  'autoscaling.v2.MetricValueStatus': {
    fields: {
      value: '1 quantity ptr',
      averageValue: '2 quantity ptr',
      averageUtilization: '3 int32 ptr',
    },
  },
  'autoscaling.v2.ObjectMetricSource': {
    fields: {
      describedObject: '1! autoscaling.v2.CrossVersionObjectReference ={}',
      target: '2! autoscaling.v2.MetricTarget ={}',
      metric: '3! autoscaling.v2.MetricIdentifier ={}',
    },
  },
  'autoscaling.v2.ObjectMetricStatus': {
    fields: {
      metric: '1! autoscaling.v2.MetricIdentifier ={}',
      current: '2! autoscaling.v2.MetricValueStatus ={}',
      describedObject: '3! autoscaling.v2.CrossVersionObjectReference ={}',
    },
  },
  'autoscaling.v2.PodsMetricSource': {
    fields: {
      metric: '1! autoscaling.v2.MetricIdentifier ={}',
      target: '2! autoscaling.v2.MetricTarget ={}',
    },
  },
  'autoscaling.v2.PodsMetricStatus': {
    fields: {
      metric: '1! autoscaling.v2.MetricIdentifier ={}',
      current: '2! autoscaling.v2.MetricValueStatus ={}',
    },
  },
  'autoscaling.v2.ResourceMetricSource': {
    fields: {
      name: '1! string =""',
      target: '2! autoscaling.v2.MetricTarget ={}',
    },
  },
  'autoscaling.v2.ResourceMetricStatus': {
    fields: {
      name: '1! string =""',
      current: '2! autoscaling.v2.MetricValueStatus ={}',
    },
  },
} as const
