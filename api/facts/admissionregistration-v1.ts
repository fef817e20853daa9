/** Facts of admissionregistration.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const admissionregistrationV1 = {
  'admissionregistration.v1.ApplyConfiguration': {
    fields: {
      expression: '1 string',
    },
  },
  'admissionregistration.v1.AuditAnnotation': {
    fields: {
      key: '1! string =""',
      valueExpression: '2! string =""',
    },
  },
  'admissionregistration.v1.ExpressionWarning': {
    fields: {
      fieldRef: '2! string =""',
      warning: '3! string =""',
    },
  },
  'admissionregistration.v1.JSONPatch': {
    fields: {
      expression: '1 string',
    },
  },
  'admissionregistration.v1.MatchCondition': {
    fields: {
      name: '1! string =""',
      expression: '2! string =""',
    },
  },
  'admissionregistration.v1.MatchResources': {
    atomic: true,
    fields: {
      namespaceSelector: '1 meta.v1.LabelSelector',
      objectSelector: '2 meta.v1.LabelSelector',
      resourceRules: '3 []admissionregistration.v1.NamedRuleWithOperations list=atomic',
      excludeResourceRules: '4 []admissionregistration.v1.NamedRuleWithOperations list=atomic',
      matchPolicy: '7 string ptr',
    },
  },
  'admissionregistration.v1.MutatingAdmissionPolicy': {
    gvk: { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'MutatingAdmissionPolicy' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 admissionregistration.v1.MutatingAdmissionPolicySpec ={}',
    },
  },
  'admissionregistration.v1.MutatingAdmissionPolicyBinding': {
    gvk: { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'MutatingAdmissionPolicyBinding' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 admissionregistration.v1.MutatingAdmissionPolicyBindingSpec ={}',
    },
  },
  'admissionregistration.v1.MutatingAdmissionPolicyBindingSpec': {
    fields: {
      policyName: '1 string',
      paramRef: '2 admissionregistration.v1.ParamRef',
      matchResources: '3 admissionregistration.v1.MatchResources',
    },
  },
  'admissionregistration.v1.MutatingAdmissionPolicySpec': {
    fields: {
      paramKind: '1 admissionregistration.v1.ParamKind',
      matchConstraints: '2 admissionregistration.v1.MatchResources',
      variables: '3 []admissionregistration.v1.Variable list=atomic',
      mutations: '4 []admissionregistration.v1.Mutation list=atomic',
      failurePolicy: '5 string ptr',
      matchConditions: '6 []admissionregistration.v1.MatchCondition list=map keys=name patch=merge mergeKey=name',
      reinvocationPolicy: '7 string',
    },
  },
  'admissionregistration.v1.MutatingWebhook': {
    fields: {
      name: '1! string =""',
      clientConfig: '2! admissionregistration.v1.WebhookClientConfig ={}',
      rules: '3 []admissionregistration.v1.RuleWithOperations list=atomic',
      failurePolicy: '4 string ptr',
      matchPolicy: '9 string ptr',
      namespaceSelector: '5 meta.v1.LabelSelector',
      objectSelector: '11 meta.v1.LabelSelector',
      sideEffects: '6! string ptr',
      timeoutSeconds: '7 int32 ptr',
      admissionReviewVersions: '8! []string list=atomic =[]',
      reinvocationPolicy: '10 string ptr',
      matchConditions: '12 []admissionregistration.v1.MatchCondition list=map keys=name patch=merge mergeKey=name',
    },
  },
  'admissionregistration.v1.MutatingWebhookConfiguration': {
    gvk: { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'MutatingWebhookConfiguration' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      webhooks: '2 []admissionregistration.v1.MutatingWebhook list=map keys=name patch=merge mergeKey=name',
    },
  },
  'admissionregistration.v1.Mutation': {
    fields: {
      patchType: '2! string =""',
      applyConfiguration: '3 admissionregistration.v1.ApplyConfiguration',
      jsonPatch: '4 admissionregistration.v1.JSONPatch',
    },
  },
  'admissionregistration.v1.NamedRuleWithOperations': {
    atomic: true,
    fields: {
      resourceNames: '1 []string list=atomic',
      operations: '2.1 []string list=atomic',
      apiGroups: '2.2.1 []string list=atomic',
      apiVersions: '2.2.2 []string list=atomic',
      resources: '2.2.3 []string list=atomic',
      scope: '2.2.4 string',
    },
  },
  'admissionregistration.v1.ParamKind': {
    atomic: true,
    fields: {
      apiVersion: '1 string',
      kind: '2 string',
    },
  },
  'admissionregistration.v1.ParamRef': {
    atomic: true,
    fields: {
      name: '1 string',
      namespace: '2 string',
      selector: '3 meta.v1.LabelSelector',
      parameterNotFoundAction: '4 string ptr',
    },
  },
  'admissionregistration.v1.RuleWithOperations': {
    fields: {
      operations: '1 []string list=atomic',
      apiGroups: '2.1 []string list=atomic',
      apiVersions: '2.2 []string list=atomic',
      resources: '2.3 []string list=atomic',
      scope: '2.4 string',
    },
  },
  'admissionregistration.v1.ServiceReference': {
    fields: {
      namespace: '1! string =""',
      name: '2! string =""',
      path: '3 string ptr',
      port: '4 int32 ptr',
    },
  },
  'admissionregistration.v1.TypeChecking': {
    fields: {
      expressionWarnings: '1 []admissionregistration.v1.ExpressionWarning list=atomic',
    },
  },
  'admissionregistration.v1.ValidatingAdmissionPolicy': {
    gvk: { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingAdmissionPolicy' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 admissionregistration.v1.ValidatingAdmissionPolicySpec ={}',
      status: '3 admissionregistration.v1.ValidatingAdmissionPolicyStatus ={}',
    },
  },
  'admissionregistration.v1.ValidatingAdmissionPolicyBinding': {
    gvk: { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingAdmissionPolicyBinding' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec ={}',
    },
  },
  'admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec': {
    fields: {
      policyName: '1! string',
      paramRef: '2 admissionregistration.v1.ParamRef',
      matchResources: '3 admissionregistration.v1.MatchResources',
      validationActions: '4! []string list=set',
    },
  },
  'admissionregistration.v1.ValidatingAdmissionPolicySpec': {
    fields: {
      paramKind: '1 admissionregistration.v1.ParamKind',
      matchConstraints: '2 admissionregistration.v1.MatchResources',
      validations: '3 []admissionregistration.v1.Validation list=atomic',
      failurePolicy: '4 string ptr',
      auditAnnotations: '5 []admissionregistration.v1.AuditAnnotation list=atomic',
      matchConditions: '6 []admissionregistration.v1.MatchCondition list=map keys=name patch=merge mergeKey=name',
      variables: '7 []admissionregistration.v1.Variable list=map keys=name patch=merge mergeKey=name',
    },
  },
  'admissionregistration.v1.ValidatingAdmissionPolicyStatus': {
    fields: {
      observedGeneration: '1 int64',
      typeChecking: '2 admissionregistration.v1.TypeChecking',
      conditions: '3 []meta.v1.Condition list=map keys=type',
    },
  },
  'admissionregistration.v1.ValidatingWebhook': {
    fields: {
      name: '1! string =""',
      clientConfig: '2! admissionregistration.v1.WebhookClientConfig ={}',
      rules: '3 []admissionregistration.v1.RuleWithOperations list=atomic',
      failurePolicy: '4 string ptr',
      matchPolicy: '9 string ptr',
      namespaceSelector: '5 meta.v1.LabelSelector',
      objectSelector: '10 meta.v1.LabelSelector',
      sideEffects: '6! string ptr',
      timeoutSeconds: '7 int32 ptr',
      admissionReviewVersions: '8! []string list=atomic =[]',
      matchConditions: '11 []admissionregistration.v1.MatchCondition list=map keys=name patch=merge mergeKey=name',
    },
  },
  'admissionregistration.v1.ValidatingWebhookConfiguration': {
    gvk: { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingWebhookConfiguration' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      webhooks: '2 []admissionregistration.v1.ValidatingWebhook list=map keys=name patch=merge mergeKey=name',
    },
  },
  'admissionregistration.v1.Validation': {
    fields: {
      expression: '1! string =""',
      message: '2 string',
      reason: '3 string ptr',
      messageExpression: '4 string',
    },
  },
  'admissionregistration.v1.Variable': {
    atomic: true,
    fields: {
      name: '1! string =""',
      expression: '2! string =""',
    },
  },
  'admissionregistration.v1.WebhookClientConfig': {
    fields: {
      url: '3 string ptr',
      service: '1 admissionregistration.v1.ServiceReference',
      caBundle: '2 bytes',
    },
  },
} as const
