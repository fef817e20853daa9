/** Facts of rbac.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const rbacV1 = {
  'rbac.v1.AggregationRule': {
    fields: {
      clusterRoleSelectors: '1 []meta.v1.LabelSelector list=atomic',
    },
  },
  'rbac.v1.ClusterRole': {
    gvk: { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'ClusterRole' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      rules: '2 []rbac.v1.PolicyRule list=atomic null',
      aggregationRule: '3 rbac.v1.AggregationRule',
    },
  },
  'rbac.v1.ClusterRoleBinding': {
    gvk: { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'ClusterRoleBinding' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      subjects: '2 []rbac.v1.Subject list=atomic',
      roleRef: '3! rbac.v1.RoleRef ={}',
    },
  },
  'rbac.v1.PolicyRule': {
    fields: {
      verbs: '1! []string list=atomic =[]',
      apiGroups: '2 []string list=atomic',
      resources: '3 []string list=atomic',
      resourceNames: '4 []string list=atomic',
      nonResourceURLs: '5 []string list=atomic',
    },
  },
  'rbac.v1.Role': {
    gvk: { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'Role' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      rules: '2 []rbac.v1.PolicyRule list=atomic null',
    },
  },
  'rbac.v1.RoleBinding': {
    gvk: { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'RoleBinding' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      subjects: '2 []rbac.v1.Subject list=atomic',
      roleRef: '3! rbac.v1.RoleRef ={}',
    },
  },
  'rbac.v1.RoleRef': {
    atomic: true,
    fields: {
      apiGroup: '1 string =""',
      kind: '2! string =""',
      name: '3! string =""',
    },
  },
  'rbac.v1.Subject': {
    atomic: true,
    fields: {
      kind: '1! string =""',
      apiGroup: '2 string',
      name: '3! string =""',
      namespace: '4 string',
    },
  },
} as const
