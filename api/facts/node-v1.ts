/** Facts of node.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const nodeV1 = {
  'node.v1.Overhead': {
    fields: {
      podFixed: '1 map<quantity>',
    },
  },
  'node.v1.RuntimeClass': {
    gvk: { group: 'node.k8s.io', version: 'v1', kind: 'RuntimeClass' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      handler: '2! string =""',
      overhead: '3 node.v1.Overhead',
      scheduling: '4 node.v1.Scheduling',
    },
  },
  'node.v1.Scheduling': {
    fields: {
      nodeSelector: '1 map<string> map=atomic',
      tolerations: '2 []core.v1.Toleration list=atomic',
    },
  },
} as const
