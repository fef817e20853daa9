/** Facts of apiregistration.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const apiregistrationV1 = {
  'apiregistration.v1.APIService': {
    gvk: { group: 'apiregistration.k8s.io', version: 'v1', kind: 'APIService' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 apiregistration.v1.APIServiceSpec ={}',
      status: '3 apiregistration.v1.APIServiceStatus ={}',
    },
  },
  'apiregistration.v1.APIServiceCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      lastTransitionTime: '3 time null',
      reason: '4 string',
      message: '5 string',
    },
  },
  'apiregistration.v1.APIServiceSpec': {
    fields: {
      service: '1 apiregistration.v1.ServiceReference',
      group: '2 string',
      version: '3 string',
      insecureSkipTLSVerify: '4 bool',
      caBundle: '5 bytes list=atomic',
      groupPriorityMinimum: '7! int32 =0',
      versionPriority: '8! int32 =0',
    },
  },
  'apiregistration.v1.APIServiceStatus': {
    fields: {
      conditions: '1 []apiregistration.v1.APIServiceCondition list=map keys=type patch=merge mergeKey=type',
    },
  },
  'apiregistration.v1.ServiceReference': {
    fields: {
      namespace: '1 string',
      name: '2 string',
      port: '3 int32 ptr',
    },
  },
} as const
