/** Facts of coordination.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const coordinationV1 = {
  'coordination.v1.Lease': {
    gvk: { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 coordination.v1.LeaseSpec ={}',
    },
  },
  'coordination.v1.LeaseSpec': {
    fields: {
      holderIdentity: '1 string ptr',
      leaseDurationSeconds: '2 int32 ptr',
      acquireTime: '3 microTime ptr',
      renewTime: '4 microTime ptr',
      leaseTransitions: '5 int32 ptr',
      strategy: '6 string ptr',
      preferredHolder: '7 string ptr',
    },
  },
} as const
