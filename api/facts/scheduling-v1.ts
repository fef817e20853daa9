/** Facts of scheduling.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const schedulingV1 = {
  'scheduling.v1.PriorityClass': {
    gvk: { group: 'scheduling.k8s.io', version: 'v1', kind: 'PriorityClass' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      value: '2 int32 =0',
      globalDefault: '3 bool',
      description: '4 string',
      preemptionPolicy: '5 string ptr',
    },
  },
} as const
