/** Paths beside the resources that upstream's documents tell of: what is served, which version this is, who signs tokens. */
import { groupName } from './paths.ts'

/** A path that answers GET with one kind of thing. */
export type PlainPath = {
  readonly path: string
  readonly tag: string
  readonly operationId: string
  readonly description: string
  readonly produces: readonly string[]
  /** What it answers with; absent: text. */
  readonly definition?: string
}

const objectTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']

/** Paths that every server has, by the name of their document below `/openapi/v3/`. */
export const serverPaths: ReadonlyMap<string, PlainPath> = new Map([
  [
    '.well-known/openid-configuration',
    {
      path: '/.well-known/openid-configuration/',
      tag: 'WellKnown',
      operationId: 'getServiceAccountIssuerOpenIDConfiguration',
      description: "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
      produces: ['application/json'],
    },
  ],
  [
    'api',
    {
      path: '/api/',
      tag: 'core',
      operationId: 'getCoreAPIVersions',
      description: 'get available API versions',
      produces: objectTypes,
      definition: 'meta.v1.APIVersions',
    },
  ],
  [
    'apis',
    {
      path: '/apis/',
      tag: 'apis',
      operationId: 'getAPIVersions',
      description: 'get available API versions',
      produces: objectTypes,
      definition: 'meta.v1.APIGroupList',
    },
  ],
  [
    'openid/v1/jwks',
    {
      path: '/openid/v1/jwks/',
      tag: 'openid',
      operationId: 'getServiceAccountIssuerOpenIDKeyset',
      description: 'get service account issuer OpenID JSON Web Key Set (contains public token verification keys)',
      produces: ['application/jwk-set+json'],
    },
  ],
  [
    'version',
    {
      path: '/version/',
      tag: 'version',
      operationId: 'getCodeVersion',
      description: 'get the version information for this server',
      produces: ['application/json'],
      definition: 'version.Info',
    },
  ],
])

/** `/apis/{group}`. */
export function groupPath(group: string): PlainPath {
  const name = groupName(group)
  return {
    path: `/apis/${group}/`,
    tag: lowerFirst(name),
    operationId: `get${name}APIGroup`,
    description: 'get information of a group',
    produces: objectTypes,
    definition: 'meta.v1.APIGroup',
  }
}

/** `/apis/{group}/{version}` and `/api/v1`. */
export function groupVersionPath({ group, version }: { readonly group: string; readonly version: string }): PlainPath {
  const name = groupName(group)
  return {
    path: group === '' ? `/api/${version}/` : `/apis/${group}/${version}/`,
    tag: `${lowerFirst(name)}_${version}`,
    operationId: `get${name}${version.charAt(0).toUpperCase()}${version.slice(1)}APIResources`,
    description: 'get available resources',
    produces: objectTypes,
    definition: 'meta.v1.APIResourceList',
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
