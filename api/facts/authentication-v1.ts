/** Facts of authentication.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const authenticationV1 = {
  'authentication.v1.BoundObjectReference': {
    fields: {
      kind: '1 string',
      apiVersion: '2 string',
      name: '3 string',
      uid: '4 string',
    },
  },
  'authentication.v1.SelfSubjectReview': {
    gvk: { group: 'authentication.k8s.io', version: 'v1', kind: 'SelfSubjectReview' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      status: '2 authentication.v1.SelfSubjectReviewStatus ={}',
    },
  },
  'authentication.v1.SelfSubjectReviewStatus': {
    fields: {
      userInfo: '1 authentication.v1.UserInfo ={}',
    },
  },
  'authentication.v1.TokenRequest': {
    gvk: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 authentication.v1.TokenRequestSpec ={}',
      status: '3 authentication.v1.TokenRequestStatus ={}',
    },
  },
  'authentication.v1.TokenRequestSpec': {
    fields: {
      audiences: '1 []string list=atomic =[]',
      expirationSeconds: '4 int64 ptr',
      boundObjectRef: '3 authentication.v1.BoundObjectReference',
    },
  },
  'authentication.v1.TokenRequestStatus': {
    fields: {
      token: '1 string =""',
      expirationTimestamp: '2 time null',
    },
  },
  'authentication.v1.TokenReview': {
    gvk: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenReview' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! authentication.v1.TokenReviewSpec ={}',
      status: '3 authentication.v1.TokenReviewStatus ={}',
    },
  },
  'authentication.v1.TokenReviewSpec': {
    fields: {
      token: '1! string',
      audiences: '2 []string list=atomic',
    },
  },
  'authentication.v1.TokenReviewStatus': {
    fields: {
      authenticated: '1 bool',
      user: '2 authentication.v1.UserInfo ={}',
      audiences: '4 []string list=atomic',
      error: '3 string',
    },
  },
  'authentication.v1.UserInfo': {
    fields: {
      username: '1 string',
      uid: '2 string',
      groups: '3 []string list=atomic',
      extra: '4 map<[]string>',
    },
  },
} as const
