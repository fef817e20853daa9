/** Facts of networking.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const networkingV1 = {
  'networking.v1.HTTPIngressPath': {
    fields: {
      path: '1 string',
      pathType: '3! string ptr',
      backend: '2! networking.v1.IngressBackend ={}',
    },
  },
  'networking.v1.HTTPIngressRuleValue': {
    fields: {
      paths: '1! []networking.v1.HTTPIngressPath list=atomic =[]',
    },
  },
  'networking.v1.IPAddress': {
    gvk: { group: 'networking.k8s.io', version: 'v1', kind: 'IPAddress' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! networking.v1.IPAddressSpec ={}',
    },
  },
  'networking.v1.IPAddressSpec': {
    fields: {
      parentRef: '1! networking.v1.ParentReference',
    },
  },
  'networking.v1.IPBlock': {
    fields: {
      cidr: '1! string =""',
      except: '2 []string list=atomic',
    },
  },
  'networking.v1.Ingress': {
    gvk: { group: 'networking.k8s.io', version: 'v1', kind: 'Ingress' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 networking.v1.IngressSpec ={}',
      status: '3 networking.v1.IngressStatus ={}',
    },
  },
  'networking.v1.IngressBackend': {
    fields: {
      service: '4 networking.v1.IngressServiceBackend',
      resource: '3 core.v1.TypedLocalObjectReference',
    },
  },
  'networking.v1.IngressClass': {
    gvk: { group: 'networking.k8s.io', version: 'v1', kind: 'IngressClass' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 networking.v1.IngressClassSpec ={}',
    },
  },
  'networking.v1.IngressClassParametersReference': {
    fields: {
      apiGroup: '1 string ptr',
      kind: '2! string =""',
      name: '3! string =""',
      scope: '4 string ptr',
      namespace: '5 string ptr',
    },
  },
  'networking.v1.IngressClassSpec': {
    fields: {
      controller: '1 string',
      parameters: '2 networking.v1.IngressClassParametersReference',
    },
  },
  'networking.v1.IngressLoadBalancerIngress': {
    fields: {
      ip: '1 string',
      hostname: '2 string',
      ports: '4 []networking.v1.IngressPortStatus list=atomic',
    },
  },
  'networking.v1.IngressLoadBalancerStatus': {
    fields: {
      ingress: '1 []networking.v1.IngressLoadBalancerIngress list=atomic',
    },
  },
  'networking.v1.IngressPortStatus': {
    fields: {
      port: '1! int32 =0',
      protocol: '2! string =""',
      error: '3 string ptr',
    },
  },
  'networking.v1.IngressRule': {
    fields: {
      host: '1 string',
      http: '2.1 networking.v1.HTTPIngressRuleValue',
    },
  },
  'networking.v1.IngressServiceBackend': {
    fields: {
      name: '1! string =""',
      port: '2 networking.v1.ServiceBackendPort ={}',
    },
  },
  'networking.v1.IngressSpec': {
    fields: {
      ingressClassName: '4 string ptr',
      defaultBackend: '1 networking.v1.IngressBackend',
      tls: '2 []networking.v1.IngressTLS list=atomic',
      rules: '3 []networking.v1.IngressRule list=atomic',
    },
  },
  'networking.v1.IngressStatus': {
    fields: {
      loadBalancer: '1 networking.v1.IngressLoadBalancerStatus ={}',
    },
  },
  'networking.v1.IngressTLS': {
    fields: {
      hosts: '1 []string list=atomic',
      secretName: '2 string',
    },
  },
  'networking.v1.NetworkPolicy': {
    gvk: { group: 'networking.k8s.io', version: 'v1', kind: 'NetworkPolicy' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 networking.v1.NetworkPolicySpec ={}',
    },
  },
  'networking.v1.NetworkPolicyEgressRule': {
    fields: {
      ports: '1 []networking.v1.NetworkPolicyPort list=atomic',
      to: '2 []networking.v1.NetworkPolicyPeer list=atomic',
    },
  },
  'networking.v1.NetworkPolicyIngressRule': {
    fields: {
      ports: '1 []networking.v1.NetworkPolicyPort list=atomic',
      from: '2 []networking.v1.NetworkPolicyPeer list=atomic',
    },
  },
  'networking.v1.NetworkPolicyPeer': {
    fields: {
      podSelector: '1 meta.v1.LabelSelector',
      namespaceSelector: '2 meta.v1.LabelSelector',
      ipBlock: '3 networking.v1.IPBlock',
    },
  },
  'networking.v1.NetworkPolicyPort': {
    fields: {
      protocol: '1 string ptr',
      port: '2 intOrString ptr',
      endPort: '3 int32 ptr',
    },
  },
  'networking.v1.NetworkPolicySpec': {
    fields: {
      podSelector: '1 meta.v1.LabelSelector ={}',
      ingress: '2 []networking.v1.NetworkPolicyIngressRule list=atomic',
      egress: '3 []networking.v1.NetworkPolicyEgressRule list=atomic',
      policyTypes: '4 []string list=atomic',
    },
  },
  'networking.v1.ParentReference': {
    fields: {
      group: '1 string',
      resource: '2! string',
      namespace: '3 string',
      name: '4! string',
    },
  },
  'networking.v1.ServiceBackendPort': {
    atomic: true,
    fields: {
      name: '1 string',
      number: '2 int32',
    },
  },
  'networking.v1.ServiceCIDR': {
    gvk: { group: 'networking.k8s.io', version: 'v1', kind: 'ServiceCIDR' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 networking.v1.ServiceCIDRSpec ={}',
      status: '3 networking.v1.ServiceCIDRStatus ={}',
    },
  },
  'networking.v1.ServiceCIDRSpec': {
    fields: {
      cidrs: '1 []string list=atomic',
    },
  },
  'networking.v1.ServiceCIDRStatus': {
    fields: {
      conditions: '1 []meta.v1.Condition list=map keys=type patch=merge mergeKey=type',
    },
  },
} as const
