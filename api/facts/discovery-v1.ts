/** Facts of discovery.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const discoveryV1 = {
  'discovery.v1.Endpoint': {
    fields: {
      addresses: '1! []string list=set =[]',
      conditions: '2 discovery.v1.EndpointConditions ={}',
      hostname: '3 string ptr',
      targetRef: '4 core.v1.ObjectReference',
      deprecatedTopology: '5 map<string>',
      nodeName: '6 string ptr',
      zone: '7 string ptr',
      hints: '8 discovery.v1.EndpointHints',
    },
  },
  'discovery.v1.EndpointConditions': {
    fields: {
      ready: '1 bool ptr',
      serving: '2 bool ptr',
      terminating: '3 bool ptr',
    },
  },
  'discovery.v1.EndpointHints': {
    fields: {
      forZones: '1 []discovery.v1.ForZone list=atomic',
      forNodes: '2 []discovery.v1.ForNode list=atomic',
    },
  },
  'discovery.v1.EndpointPort': {
    atomic: true,
    fields: {
      name: '1 string ptr',
      protocol: '2 string ptr',
      port: '3 int32 ptr',
      appProtocol: '4 string ptr',
    },
  },
  'discovery.v1.EndpointSlice': {
    gvk: { group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      addressType: '4! string =""',
      endpoints: '2 []discovery.v1.Endpoint list=atomic null',
      ports: '3 []discovery.v1.EndpointPort list=atomic null',
    },
  },
  'discovery.v1.ForNode': {
    fields: {
      name: '1! string =""',
    },
  },
  'discovery.v1.ForZone': {
    fields: {
      name: '1! string =""',
    },
  },
} as const
