/** Facts of flowcontrol.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const flowcontrolV1 = {
  'flowcontrol.v1.ExemptPriorityLevelConfiguration': {
    fields: {
      nominalConcurrencyShares: '1 int32 ptr',
      lendablePercent: '2 int32 ptr',
    },
  },
  'flowcontrol.v1.FlowDistinguisherMethod': {
    fields: {
      type: '1! string =""',
    },
  },
  'flowcontrol.v1.FlowSchema': {
    gvk: { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', kind: 'FlowSchema' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 flowcontrol.v1.FlowSchemaSpec ={}',
      status: '3 flowcontrol.v1.FlowSchemaStatus ={}',
    },
  },
  'flowcontrol.v1.FlowSchemaCondition': {
    fields: {
      type: '1 string',
      status: '2 string',
      lastTransitionTime: '3 time null',
      reason: '4 string',
      message: '5 string',
    },
  },
  'flowcontrol.v1.FlowSchemaSpec': {
    fields: {
      priorityLevelConfiguration: '1! flowcontrol.v1.PriorityLevelConfigurationReference ={}',
      matchingPrecedence: '2 int32 =0',
      distinguisherMethod: '3 flowcontrol.v1.FlowDistinguisherMethod',
      rules: '4 []flowcontrol.v1.PolicyRulesWithSubjects list=atomic',
    },
  },
  'flowcontrol.v1.FlowSchemaStatus': {
    fields: {
      conditions: '1 []flowcontrol.v1.FlowSchemaCondition list=map keys=type patch=merge mergeKey=type',
    },
  },
  'flowcontrol.v1.GroupSubject': {
    fields: {
      name: '1! string =""',
    },
  },
  'flowcontrol.v1.LimitResponse': {
    fields: {
      type: '1! string =""',
      queuing: '2 flowcontrol.v1.QueuingConfiguration',
    },
  },
  'flowcontrol.v1.LimitedPriorityLevelConfiguration': {
    fields: {
      nominalConcurrencyShares: '1 int32 ptr',
      limitResponse: '2 flowcontrol.v1.LimitResponse ={}',
      lendablePercent: '3 int32 ptr',
      borrowingLimitPercent: '4 int32 ptr',
    },
  },
  'flowcontrol.v1.NonResourcePolicyRule': {
    fields: {
      verbs: '1! []string list=set =[]',
      nonResourceURLs: '6! []string list=set =[]',
    },
  },
  'flowcontrol.v1.PolicyRulesWithSubjects': {
    fields: {
      subjects: '1! []flowcontrol.v1.Subject list=atomic =[]',
      resourceRules: '2 []flowcontrol.v1.ResourcePolicyRule list=atomic',
      nonResourceRules: '3 []flowcontrol.v1.NonResourcePolicyRule list=atomic',
    },
  },
  'flowcontrol.v1.PriorityLevelConfiguration': {
    gvk: { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', kind: 'PriorityLevelConfiguration' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 flowcontrol.v1.PriorityLevelConfigurationSpec ={}',
      status: '3 flowcontrol.v1.PriorityLevelConfigurationStatus ={}',
    },
  },
  'flowcontrol.v1.PriorityLevelConfigurationCondition': {
    fields: {
      type: '1 string',
      status: '2 string',
      lastTransitionTime: '3 time null',
      reason: '4 string',
      message: '5 string',
    },
  },
  'flowcontrol.v1.PriorityLevelConfigurationReference': {
    fields: {
      name: '1! string =""',
    },
  },
  'flowcontrol.v1.PriorityLevelConfigurationSpec': {
    fields: {
      type: '1! string =""',
      limited: '2 flowcontrol.v1.LimitedPriorityLevelConfiguration',
      exempt: '3 flowcontrol.v1.ExemptPriorityLevelConfiguration',
    },
  },
  'flowcontrol.v1.PriorityLevelConfigurationStatus': {
    fields: {
      conditions: '1 []flowcontrol.v1.PriorityLevelConfigurationCondition list=map keys=type patch=merge mergeKey=type',
    },
  },
  'flowcontrol.v1.QueuingConfiguration': {
    fields: {
      queues: '1 int32 =0',
      handSize: '2 int32 =0',
      queueLengthLimit: '3 int32 =0',
    },
  },
  'flowcontrol.v1.ResourcePolicyRule': {
    fields: {
      verbs: '1! []string list=set =[]',
      apiGroups: '2! []string list=set =[]',
      resources: '3! []string list=set =[]',
      clusterScope: '4 bool',
      namespaces: '5 []string list=set null',
    },
  },
  'flowcontrol.v1.ServiceAccountSubject': {
    fields: {
      namespace: '1! string =""',
      name: '2! string =""',
    },
  },
  'flowcontrol.v1.Subject': {
    fields: {
      kind: '1! string =""',
      user: '2 flowcontrol.v1.UserSubject',
      group: '3 flowcontrol.v1.GroupSubject',
      serviceAccount: '4 flowcontrol.v1.ServiceAccountSubject',
    },
  },
  'flowcontrol.v1.UserSubject': {
    fields: {
      name: '1! string =""',
    },
  },
} as const
