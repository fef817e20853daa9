/** Facts of resource.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const resourceV1 = {
  'resource.v1.AllocatedDeviceStatus': {
    fields: {
      driver: '1! string =""',
      pool: '2! string =""',
      device: '3! string =""',
      shareID: '7 string ptr',
      conditions: '4 []meta.v1.Condition list=map keys=type null',
      data: '5 rawExtension ptr',
      networkData: '6 resource.v1.NetworkDeviceData',
    },
  },
  'resource.v1.AllocationResult': {
    fields: {
      devices: '1 resource.v1.DeviceAllocationResult ={}',
      nodeSelector: '3 core.v1.NodeSelector',
      allocationTimestamp: '5 time ptr',
    },
  },
  'resource.v1.CELDeviceSelector': {
    fields: {
      expression: '1! string =""',
    },
  },
  'resource.v1.CapacityRequestPolicy': {
    fields: {
      default: '1 quantity ptr',
      validValues: '3 []quantity list=atomic',
      validRange: '4 resource.v1.CapacityRequestPolicyRange',
    },
  },
  'resource.v1.CapacityRequestPolicyRange': {
    fields: {
      min: '1! quantity ptr',
      max: '2 quantity ptr',
      step: '3 quantity ptr',
    },
  },
  'resource.v1.CapacityRequirements': {
    fields: {
      requests: '1 map<quantity>',
    },
  },
  'resource.v1.Counter': {
    fields: {
      value: '1! quantity',
    },
  },
  'resource.v1.CounterSet': {
    fields: {
      name: '1! string =""',
      counters: '2! map<resource.v1.Counter>',
    },
  },
  'resource.v1.Device': {
    fields: {
      name: '1! string =""',
      attributes: '2 map<resource.v1.DeviceAttribute>',
      capacity: '3 map<resource.v1.DeviceCapacity>',
      consumesCounters: '4 []resource.v1.DeviceCounterConsumption list=atomic',
      nodeName: '5 string ptr',
      nodeSelector: '6 core.v1.NodeSelector',
      allNodes: '7 bool ptr',
      taints: '8 []resource.v1.DeviceTaint list=atomic',
      bindsToNode: '9 bool ptr',
      bindingConditions: '10 []string list=atomic',
      bindingFailureConditions: '11 []string list=atomic',
      allowMultipleAllocations: '12 bool ptr',
      nodeAllocatableResourceMappings: '13 map<resource.v1.NodeAllocatableResourceMapping>',
    },
  },
  'resource.v1.DeviceAllocationConfiguration': {
    fields: {
      source: '1! string =""',
      requests: '2 []string list=atomic',
      opaque: '3.1 resource.v1.OpaqueDeviceConfiguration',
    },
  },
  'resource.v1.DeviceAllocationResult': {
    fields: {
      results: '1 []resource.v1.DeviceRequestAllocationResult list=atomic',
      config: '2 []resource.v1.DeviceAllocationConfiguration list=atomic',
    },
  },
  'resource.v1.DeviceAttribute': {
    fields: {
      int: '2 int64 ptr',
      bool: '3 bool ptr',
      string: '4 string ptr',
      version: '5 string ptr',
      ints: '6 []int64 list=atomic',
      bools: '7 []bool list=atomic',
      strings: '8 []string list=atomic',
      versions: '9 []string list=atomic',
    },
  },
  'resource.v1.DeviceCapacity': {
    fields: {
      value: '1! quantity',
      requestPolicy: '2 resource.v1.CapacityRequestPolicy',
    },
  },
  'resource.v1.DeviceClaim': {
    fields: {
      requests: '1 []resource.v1.DeviceRequest list=atomic null',
      constraints: '2 []resource.v1.DeviceConstraint list=atomic',
      config: '3 []resource.v1.DeviceClaimConfiguration list=atomic',
    },
  },
  'resource.v1.DeviceClaimConfiguration': {
    fields: {
      requests: '1 []string list=atomic',
      opaque: '2.1 resource.v1.OpaqueDeviceConfiguration',
    },
  },
  'resource.v1.DeviceClass': {
    gvk: { group: 'resource.k8s.io', version: 'v1', kind: 'DeviceClass' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! resource.v1.DeviceClassSpec ={}',
    },
  },
  'resource.v1.DeviceClassConfiguration': {
    fields: {
      opaque: '1.1 resource.v1.OpaqueDeviceConfiguration',
    },
  },
  'resource.v1.DeviceClassSpec': {
    fields: {
      selectors: '1 []resource.v1.DeviceSelector list=atomic',
      config: '2 []resource.v1.DeviceClassConfiguration list=atomic',
      extendedResourceName: '4 string ptr',
    },
  },
  'resource.v1.DeviceConstraint': {
    fields: {
      requests: '1 []string list=atomic',
      matchAttribute: '2 string ptr',
      distinctAttribute: '3 string ptr',
    },
  },
  'resource.v1.DeviceCounterConsumption': {
    fields: {
      counterSet: '1! string =""',
      counters: '2! map<resource.v1.Counter>',
    },
  },
  'resource.v1.DeviceRequest': {
    fields: {
      name: '1! string =""',
      exactly: '2 resource.v1.ExactDeviceRequest',
      firstAvailable: '3 []resource.v1.DeviceSubRequest list=atomic',
    },
  },
  'resource.v1.DeviceRequestAllocationResult': {
    fields: {
      request: '1! string =""',
      driver: '2! string =""',
      pool: '3! string =""',
      device: '4! string =""',
      adminAccess: '5 bool ptr',
      tolerations: '6 []resource.v1.DeviceToleration list=atomic',
      bindingConditions: '7 []string list=atomic',
      bindingFailureConditions: '8 []string list=atomic',
      shareID: '9 string ptr',
      consumedCapacity: '10 map<quantity>',
    },
  },
  'resource.v1.DeviceSelector': {
    fields: {
      cel: '1 resource.v1.CELDeviceSelector',
    },
  },
  'resource.v1.DeviceSubRequest': {
    fields: {
      name: '1! string =""',
      deviceClassName: '2! string =""',
      selectors: '3 []resource.v1.DeviceSelector list=atomic',
      allocationMode: '4 string',
      count: '5 int64',
      tolerations: '6 []resource.v1.DeviceToleration list=atomic',
      capacity: '7 resource.v1.CapacityRequirements',
    },
  },
  'resource.v1.DeviceTaint': {
    fields: {
      key: '1! string =""',
      value: '2 string',
      effect: '3! string =""',
      timeAdded: '4 time ptr',
    },
  },
  'resource.v1.DeviceToleration': {
    fields: {
      key: '1 string',
      operator: '2 string ="Equal"',
      value: '3 string',
      effect: '4 string',
      tolerationSeconds: '5 int64 ptr',
    },
  },
  'resource.v1.ExactDeviceRequest': {
    fields: {
      deviceClassName: '1! string =""',
      selectors: '2 []resource.v1.DeviceSelector list=atomic',
      allocationMode: '3 string',
      count: '4 int64',
      adminAccess: '5 bool ptr',
      tolerations: '6 []resource.v1.DeviceToleration list=atomic',
      capacity: '7 resource.v1.CapacityRequirements',
    },
  },
  'resource.v1.NetworkDeviceData': {
    fields: {
      interfaceName: '1 string',
      ips: '2 []string list=atomic',
      hardwareAddress: '3 string',
    },
  },
  'resource.v1.NodeAllocatableResourceMapping': {
    fields: {
      capacityKey: '1 string',
      allocationMultiplier: '2 quantity ptr',
    },
  },
  'resource.v1.OpaqueDeviceConfiguration': {
    fields: {
      driver: '1! string =""',
      parameters: '2! rawExtension',
    },
  },
  'resource.v1.ResourceClaim': {
    gvk: { group: 'resource.k8s.io', version: 'v1', kind: 'ResourceClaim' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! resource.v1.ResourceClaimSpec ={}',
      status: '3 resource.v1.ResourceClaimStatus ={}',
    },
  },
  'resource.v1.ResourceClaimConsumerReference': {
    fields: {
      apiGroup: '1 string',
      resource: '3! string =""',
      name: '4! string =""',
      uid: '5! string =""',
    },
  },
  'resource.v1.ResourceClaimSpec': {
    fields: {
      devices: '1 resource.v1.DeviceClaim ={}',
    },
  },
  'resource.v1.ResourceClaimStatus': {
    fields: {
      allocation: '1 resource.v1.AllocationResult',
      reservedFor: '2 []resource.v1.ResourceClaimConsumerReference list=map keys=uid patch=merge mergeKey=uid',
      devices: '4 []resource.v1.AllocatedDeviceStatus list=map keys=driver,device,pool,shareID',
    },
  },
  'resource.v1.ResourceClaimTemplate': {
    gvk: { group: 'resource.k8s.io', version: 'v1', kind: 'ResourceClaimTemplate' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! resource.v1.ResourceClaimTemplateSpec ={}',
    },
  },
  'resource.v1.ResourceClaimTemplateSpec': {
    fields: {
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! resource.v1.ResourceClaimSpec ={}',
    },
  },
  'resource.v1.ResourcePool': {
    fields: {
      name: '1! string =""',
      generation: '2! int64 =0',
      resourceSliceCount: '3! int64 =0',
    },
  },
  'resource.v1.ResourceSlice': {
    gvk: { group: 'resource.k8s.io', version: 'v1', kind: 'ResourceSlice' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! resource.v1.ResourceSliceSpec ={}',
    },
  },
  'resource.v1.ResourceSliceSpec': {
    fields: {
      driver: '1! string =""',
      pool: '2! resource.v1.ResourcePool ={}',
      nodeName: '3 string ptr',
      nodeSelector: '4 core.v1.NodeSelector',
      allNodes: '5 bool ptr',
      devices: '6 []resource.v1.Device list=atomic',
      perDeviceNodeSelection: '7 bool ptr',
      sharedCounters: '8 []resource.v1.CounterSet list=atomic',
    },
  },
} as const
