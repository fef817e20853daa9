/** Facts of authorization.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const authorizationV1 = {
  'authorization.v1.FieldSelectorAttributes': {
    fields: {
      rawSelector: '1 string',
      requirements: '2 []meta.v1.FieldSelectorRequirement list=atomic',
    },
  },
  'authorization.v1.LabelSelectorAttributes': {
    fields: {
      rawSelector: '1 string',
      requirements: '2 []meta.v1.LabelSelectorRequirement list=atomic',
    },
  },
  'authorization.v1.LocalSubjectAccessReview': {
    gvk: { group: 'authorization.k8s.io', version: 'v1', kind: 'LocalSubjectAccessReview' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! authorization.v1.SubjectAccessReviewSpec ={}',
      status: '3 authorization.v1.SubjectAccessReviewStatus ={}',
    },
  },
  'authorization.v1.NonResourceAttributes': {
    fields: {
      path: '1 string',
      verb: '2 string',
    },
  },
  'authorization.v1.NonResourceRule': {
    fields: {
      verbs: '1! []string list=atomic =[]',
      nonResourceURLs: '2 []string list=atomic',
    },
  },
  'authorization.v1.ResourceAttributes': {
    fields: {
      namespace: '1 string',
      verb: '2 string',
      group: '3 string',
      version: '4 string',
      resource: '5 string',
      subresource: '6 string',
      name: '7 string',
      fieldSelector: '8 authorization.v1.FieldSelectorAttributes',
      labelSelector: '9 authorization.v1.LabelSelectorAttributes',
    },
  },
  'authorization.v1.ResourceRule': {
    fields: {
      verbs: '1! []string list=atomic =[]',
      apiGroups: '2 []string list=atomic',
      resources: '3 []string list=atomic',
      resourceNames: '4 []string list=atomic',
    },
  },
  'authorization.v1.SelfSubjectAccessReview': {
    gvk: { group: 'authorization.k8s.io', version: 'v1', kind: 'SelfSubjectAccessReview' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! authorization.v1.SelfSubjectAccessReviewSpec ={}',
      status: '3 authorization.v1.SubjectAccessReviewStatus ={}',
    },
  },
  'authorization.v1.SelfSubjectAccessReviewSpec': {
    fields: {
      resourceAttributes: '1 authorization.v1.ResourceAttributes',
      nonResourceAttributes: '2 authorization.v1.NonResourceAttributes',
    },
  },
  'authorization.v1.SelfSubjectRulesReview': {
    gvk: { group: 'authorization.k8s.io', version: 'v1', kind: 'SelfSubjectRulesReview' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! authorization.v1.SelfSubjectRulesReviewSpec ={}',
      status: '3 authorization.v1.SubjectRulesReviewStatus ={}',
    },
  },
  'authorization.v1.SelfSubjectRulesReviewSpec': {
    fields: {
      namespace: '1 string',
    },
  },
  'authorization.v1.SubjectAccessReview': {
    gvk: { group: 'authorization.k8s.io', version: 'v1', kind: 'SubjectAccessReview' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! authorization.v1.SubjectAccessReviewSpec ={}',
      status: '3 authorization.v1.SubjectAccessReviewStatus ={}',
    },
  },
  'authorization.v1.SubjectAccessReviewSpec': {
    fields: {
      resourceAttributes: '1 authorization.v1.ResourceAttributes',
      nonResourceAttributes: '2 authorization.v1.NonResourceAttributes',
      user: '3 string',
      groups: '4 []string list=atomic',
      extra: '5 map<[]string>',
      uid: '6 string',
    },
  },
  'authorization.v1.SubjectAccessReviewStatus': {
    fields: {
      allowed: '1! bool =false',
      denied: '4 bool',
      reason: '2 string',
      evaluationError: '3 string',
    },
  },
  'authorization.v1.SubjectRulesReviewStatus': {
    fields: {
      resourceRules: '1! []authorization.v1.ResourceRule list=atomic =[]',
      nonResourceRules: '2! []authorization.v1.NonResourceRule list=atomic =[]',
      incomplete: '3! bool =false',
      evaluationError: '4 string',
    },
  },
} as const
