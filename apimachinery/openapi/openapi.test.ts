import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../json.ts'
import { compileSchema } from '../schema/schema.ts'
import { renderDefinitions } from './definitions.ts'
import { createOpenApiDocuments, type OpenApiAnswer } from './documents.ts'
import { encodeOpenApiV2 } from './gnostic-v2.ts'
import { encodeOpenApiV3 } from './gnostic-v3.ts'
import { longName } from './names.ts'
import { groupName, type OpenApiResource, resourcePaths } from './paths.ts'
import { openApiV2 } from './v2.ts'
import { openApiV3 } from './v3.ts'

const schemas = compileSchema({
  'apps.v1.Thing': {
    gvk: { group: 'apps', version: 'v1', kind: 'Thing' },
    fields: {
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 apps.v1.ThingSpec ={}',
      items: '3 []string list=atomic =[]',
    },
  },
  'apps.v1.ThingSpec': {
    fields: {
      ports: '1 []apps.v1.Port list=map keys=port,protocol patch=merge mergeKey=port',
      limits: '2 map<quantity>',
      surge: '3 intOrString',
      labels: '4 map<string>',
    },
  },
  'apps.v1.Port': { fields: { port: '1! int32 =0', protocol: '2 string ="TCP"' } },
  'meta.v1.ObjectMeta': { fields: { name: '1 string', created: '2 time' } },
  'meta.v1.ListMeta': { fields: { continue: '1 string' } },
  'meta.v1.Status': { fields: { code: '1 int32' } },
  'meta.v1.DeleteOptions': { fields: { dryRun: '1 []string list=atomic' } },
  'meta.v1.WatchEvent': { fields: { object: '1! rawExtension' } },
  'meta.v1.APIGroup': { fields: { name: '1! string =""' } },
  'meta.v1.APIGroupList': { fields: { groups: '1 []meta.v1.APIGroup' } },
  'meta.v1.APIResourceList': { fields: { groupVersion: '1! string =""' } },
  'meta.v1.APIVersions': { fields: { versions: '1 []string' } },
  'version.Info': { fields: { major: '0! string =""' } },
})
const things: OpenApiResource = {
  group: 'apps',
  version: 'v1',
  kind: 'Thing',
  plural: 'things',
  namespaced: true,
  subresources: { status: { group: 'apps', version: 'v1', kind: 'Thing', verbs: ['get', 'patch', 'update'] } },
}

test('longName() puts definitions where upstream has them', () => {
  expect(longName('core.v1.Pod')).toBe('io.k8s.api.core.v1.Pod')
  expect(longName('meta.v1.Time')).toBe('io.k8s.apimachinery.pkg.apis.meta.v1.Time')
  expect(longName('apiregistration.v1.APIService')).toBe(
    'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
  )
  expect(longName('io.example.v1.Thing')).toBe('io.example.v1.Thing')
})
test('groupName() is what operation ids begin with', () => {
  expect(['', 'apps', 'rbac.authorization.k8s.io', 'flowcontrol.apiserver.k8s.io'].map(groupName)).toEqual([
    'Core',
    'Apps',
    'RbacAuthorization',
    'FlowcontrolApiserver',
  ])
})

describe('renderDefinitions()', () => {
  test('wraps references and shows defaults in v3', () => {
    const rendered = renderDefinitions({
      schemas,
      dialect: 'v3',
      roots: ['apps.v1.Thing'],
      lists: ['apps.v1.Thing'],
      describe: (name, field) => (field === 'ports' ? `ports of ${name}` : undefined),
    })
    expect(rendered['io.k8s.api.apps.v1.ThingSpec']).toEqual({
      type: 'object',
      properties: {
        ports: {
          description: 'ports of apps.v1.ThingSpec',
          type: 'array',
          items: { $ref: '#/components/schemas/io.k8s.api.apps.v1.Port' },
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-patch-merge-key': 'port',
          'x-kubernetes-patch-strategy': 'merge',
        },
        limits: {
          type: 'object',
          additionalProperties: { $ref: '#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity' },
        },
        surge: { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString' }] },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
      },
    })
    expect(rendered['io.k8s.api.apps.v1.Port']).toMatchObject({
      required: ['port'],
      properties: { protocol: { default: 'TCP' } },
    })
    expect(rendered['io.k8s.api.apps.v1.Thing']).toMatchObject({ properties: { items: { type: 'array' } } })
    expect(rendered['io.k8s.api.apps.v1.ThingList']).toMatchObject({
      required: ['items'],
      'x-kubernetes-group-version-kind': [{ group: 'apps', version: 'v1', kind: 'ThingList' }],
    })
  })
  test('writes bare references and no defaults in v2', () => {
    const rendered = renderDefinitions({ schemas, dialect: 'v2', roots: ['apps.v1.Thing'], lists: [] })
    expect(rendered['io.k8s.api.apps.v1.Port']).toMatchObject({ properties: { protocol: { type: 'string' } } })
    expect(JSON.stringify(rendered)).not.toContain('default')
    expect(rendered['io.k8s.api.apps.v1.Thing']).toMatchObject({
      properties: { spec: { $ref: '#/definitions/io.k8s.api.apps.v1.ThingSpec' } },
    })
  })
})

test('resourcePaths() tells kubectl that PATCH takes fieldValidation', () => {
  const patch = resourcePaths(things)
    .flatMap((item) => item.operations)
    .filter(({ method }) => method === 'patch')
  expect(patch.map(({ operationId }) => operationId)).toEqual([
    'patchAppsV1NamespacedThing',
    'patchAppsV1NamespacedThingStatus',
  ])
  for (const { parameters } of patch)
    expect(parameters.map(({ name }) => name)).toEqual(['dryRun', 'fieldManager', 'fieldValidation', 'force'])
})

test('openApiV3() refers only to schemas that it has', () => {
  const document = openApiV3({ schemas, resources: [things] })
  const has = new Set(Object.keys((document['components'] as JsonObject)['schemas'] as JsonObject))
  const referred = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name)
  expect(referred.length).toBeGreaterThan(50)
  for (const name of referred) expect(has.has(name ?? ''), name).toBe(true)
})

describe('createOpenApiDocuments()', () => {
  const documents = (revision: string) =>
    createOpenApiDocuments({ schemas, resources: [things], revisionOf: () => revision })
  const body = (answer: OpenApiAnswer | undefined): string => String(answer?.body)
  test('points from the index to the documents, with an address that changes with the content', () => {
    const index = (revision: string): string => body(documents(revision).answer('/openapi/v3', 'json'))
    expect(index('a')).toMatch(
      /"apis\/apps\/v1":\{"serverRelativeURL":"\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}"/,
    )
    expect(index('a')).not.toBe(index('b'))
    expect(body(documents('a').answer('/openapi/v3/apis/apps/v1', 'json'))).toContain('patchAppsV1NamespacedThing')
    expect(documents('a').answer('/openapi/v3/apis/apps/v2', 'json')).toBeUndefined()
  })
  test('has a document for each group and for what every server has', () => {
    const { paths } = JSON.parse(body(documents('a').answer('/openapi/v3', 'json'))) as { paths: JsonObject }
    expect(Object.keys(paths)).toEqual([
      '.well-known/openid-configuration',
      'api',
      'apis',
      'apis/apps',
      'apis/apps/v1',
      'openid/v1/jwks',
      'version',
    ])
    expect(JSON.parse(body(documents('a').answer('/openapi/v3/apis/apps', 'json')))).toMatchObject({
      paths: { '/apis/apps/': { get: { operationId: 'getAppsAPIGroup', tags: ['apps'] } } },
      components: { schemas: { 'io.k8s.apimachinery.pkg.apis.meta.v1.APIGroup': { required: ['name'] } } },
    })
    expect(JSON.parse(body(documents('a').answer('/openapi/v3/openid/v1/jwks', 'json')))).toMatchObject({
      paths: { '/openid/v1/jwks/': { get: { operationId: 'getServiceAccountIssuerOpenIDKeyset' } } },
      components: { securitySchemes: {} },
    })
  })
  test('gives both forms of a document of v3 the same tag', () => {
    const all = documents('a')
    const [inJson, inProtobuf] = (['json', 'protobuf'] as const).map((form) => all.answer('/openapi/v3/version', form))
    expect(inProtobuf?.contentType).toBe('application/com.github.proto-openapi.spec.v3.v1.0+protobuf')
    expect(inProtobuf?.etag).toBe(inJson?.etag)
    expect(inProtobuf?.body.subarray(0, 7)).toEqual(Buffer.from('\n\x053.0.0'))
  })
  test('answers v2 as the client can read it', () => {
    expect(documents('a').answer('/openapi/v2', 'protobuf')?.contentType).toBe(
      'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
    )
    expect(body(documents('a').answer('/openapi/v2', 'json'))).toMatch(/^\{"swagger":"2.0"/)
  })
})

test('encodeOpenApiV2() is read back by a protobuf library', () => {
  const root = protobuf
    .parse(`
    syntax = "proto3";
    message Any { string yaml = 2; }
    message NamedAny { string name = 1; Any value = 2; }
    message TypeItem { repeated string value = 1; }
    message ItemsItem { repeated Schema schema = 1; }
    message Additional { Schema schema = 1; bool boolean = 2; }
    message NamedSchema { string name = 1; Schema value = 2; }
    message Schemas { repeated NamedSchema items = 1; }
    message Schema { string ref = 1; string format = 2; string description = 4; repeated string required = 19; Additional additional = 21; TypeItem type = 22; ItemsItem items = 23; Schemas properties = 25; repeated NamedAny extensions = 31; }
    message Query { bool required = 1; string in = 2; string description = 3; string name = 4; string type = 6; }
    message PathParameter { bool required = 1; string in = 2; string name = 4; string type = 5; }
    message NonBody { Query query = 3; PathParameter path = 4; }
    message Body { string name = 2; Schema schema = 5; }
    message Parameter { Body body = 1; NonBody nonBody = 2; }
    message ParametersItem { Parameter parameter = 1; }
    message Operation { repeated string tags = 1; string operationId = 5; repeated ParametersItem parameters = 8; repeated NamedAny extensions = 13; }
    message PathItem { Operation get = 2; Operation patch = 8; repeated ParametersItem parameters = 9; }
    message NamedPath { string name = 1; PathItem value = 2; }
    message Paths { repeated NamedPath path = 2; }
    message Document { string swagger = 1; Paths paths = 8; Schemas definitions = 9; }
  `)
    .root.lookupType('Document')
  const document = root.toObject(root.decode(encodeOpenApiV2(openApiV2({ schemas, resources: [things] })))) as {
    swagger: string
    definitions: { items: { name: string; value: JsonObject }[] }
    paths: { path: { name: string; value: { patch?: { parameters: unknown[]; extensions: unknown[] } } }[] }
  }
  expect(document.swagger).toBe('2.0')
  expect(document.definitions.items.find(({ name }) => name.endsWith('ThingSpec'))?.value).toMatchObject({
    type: { value: ['object'] },
    properties: {
      items: [
        {
          name: 'ports',
          value: {
            type: { value: ['array'] },
            items: { schema: [{ ref: '#/definitions/io.k8s.api.apps.v1.Port' }] },
            extensions: [
              { name: 'x-kubernetes-list-map-keys', value: { yaml: '- port\n- protocol\n' } },
              { name: 'x-kubernetes-list-type', value: { yaml: 'map\n' } },
              { name: 'x-kubernetes-patch-merge-key', value: { yaml: 'port\n' } },
              { name: 'x-kubernetes-patch-strategy', value: { yaml: 'merge\n' } },
            ],
          },
        },
        {
          name: 'limits',
          value: { additional: { schema: { ref: '#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity' } } },
        },
        { name: 'surge' },
        { name: 'labels' },
      ],
    },
  })
  const patch = document.paths.path.find(({ name }) => name.endsWith('/things/{name}'))?.value.patch
  expect(patch?.parameters).toContainEqual({
    parameter: {
      nonBody: { query: expect.objectContaining({ name: 'fieldValidation', in: 'query', type: 'string' }) },
    },
  })
  expect(patch?.extensions).toContainEqual({
    name: 'x-kubernetes-group-version-kind',
    value: { yaml: 'group: apps\nversion: v1\nkind: Thing\n' },
  })
})

test('openApiV2() says shared parameters once, under the names that upstream gives them', () => {
  const text =
    'resourceVersion sets a constraint on what resource versions a request may be served from. See https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions for details.\n\nDefaults to unset'
  const document = openApiV2({
    schemas,
    resources: [things],
    describe: (definition, field) => (definition === 'parameters' && field === 'resourceVersion' ? text : undefined),
  })
  expect((document['parameters'] as JsonObject)['resourceVersion-5WAnf1kx']).toMatchObject({ name: 'resourceVersion' })
  expect(JSON.stringify(document['paths'])).toContain('{"$ref":"#/parameters/resourceVersion-5WAnf1kx"}')
  expect(JSON.stringify(document['paths'])).not.toContain('"name":"resourceVersion"')
})

test('encodeOpenApiV3() is read back by a protobuf library', () => {
  const { root } = protobuf.parse(`
    syntax = "proto3";
    message Any { string yaml = 2; }
    message NamedAny { string name = 1; Any value = 2; }
    message Reference { string ref = 1; }
    message SchemaOrReference { Schema schema = 1; Reference reference = 2; }
    message ItemsItem { repeated SchemaOrReference items = 1; }
    message Additional { SchemaOrReference schema = 1; bool boolean = 2; }
    message Default { double number = 1; bool boolean = 2; string string = 3; }
    message NamedSchema { string name = 1; SchemaOrReference value = 2; }
    message Schemas { repeated NamedSchema named = 1; }
    message Schema { bool unique = 20; repeated string required = 23; string type = 25; repeated SchemaOrReference allOf = 26; ItemsItem items = 30; Schemas properties = 31; Additional additional = 32; Default default = 33; string format = 35; repeated NamedAny extensions = 36; }
    message Parameter { string name = 1; string in = 2; bool required = 4; SchemaOrReference schema = 10; }
    message ParameterOrReference { Parameter parameter = 1; }
    message Operation { repeated string tags = 1; string operationId = 5; repeated ParameterOrReference parameters = 6; repeated NamedAny extensions = 13; }
    message PathItem { Operation get = 4; Operation patch = 10; repeated ParameterOrReference parameters = 13; }
    message NamedPath { string name = 1; PathItem value = 2; }
    message Paths { repeated NamedPath path = 1; }
    message Components { Schemas schemas = 1; }
    message Document { string openapi = 1; Paths paths = 4; Components components = 5; }
  `)
  const type = root.lookupType('Document')
  const read = type.toObject(type.decode(encodeOpenApiV3(openApiV3({ schemas, resources: [things] })))) as {
    openapi: string
    components: { schemas: { named: { name: string; value: { schema: JsonObject } }[] } }
    paths: { path: { name: string; value: { patch?: { parameters: unknown[]; extensions: unknown[] } } }[] }
  }
  expect(read.openapi).toBe('3.0.0')
  const schemaOf = (end: string): JsonObject | undefined =>
    read.components.schemas.named.find(({ name }) => name.endsWith(end))?.value.schema
  expect(schemaOf('.Port')).toMatchObject({
    required: ['port'],
    type: 'object',
    properties: {
      named: [
        { value: { schema: { format: 'int32', default: {} } } },
        { value: { schema: { default: { string: 'TCP' } } } },
      ],
    },
  })
  expect(schemaOf('.ThingSpec')).toMatchObject({
    properties: {
      named: [
        {
          name: 'ports',
          value: {
            schema: { items: { items: [{ reference: { ref: '#/components/schemas/io.k8s.api.apps.v1.Port' } }] } },
          },
        },
        { name: 'limits', value: { schema: { additional: { schema: { reference: {} } } } } },
        { name: 'surge', value: { schema: { allOf: [{ reference: {} }] } } },
        { name: 'labels' },
      ],
    },
  })
  const patch = read.paths.path.find(({ name }) => name.endsWith('/things/{name}'))?.value.patch
  expect(patch?.parameters).toContainEqual({
    parameter: { name: 'fieldValidation', in: 'query', schema: { schema: { unique: true, type: 'string' } } },
  })
  expect(patch?.extensions).toContainEqual({ name: 'x-kubernetes-action', value: { yaml: 'patch\n' } })
})
