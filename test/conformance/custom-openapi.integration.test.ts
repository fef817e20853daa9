/** The schemas of custom kinds in the published documents, and what kubectl makes of them. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { eventually } from '../fixtures/process.ts'
import { anything, type Definition, definition, definitionsPath, establish } from './custom-definitions.ts'
import { conformanceCluster } from './fixture.ts'
import { collectionAt, expectLater } from './operations.ts'

type Json = RawAnswer['json']

const cluster = conformanceCluster()
const { expectCode, send } = cluster
const definitions = collectionAt(cluster, definitionsPath)
let ns = ''
beforeAll(async () => {
  ns = await cluster.namespace()
})

const foo: Json = parse(`
description: Foo CRD for Testing
type: object
properties:
  spec:
    type: object
    description: Specification of Foo
    properties:
      bars:
        description: List of Bars and their specs.
        type: array
        items:
          type: object
          required: [name]
          properties:
            name: { description: Name of Bar., type: string }
            age: { description: Age of Bar., type: string }
            feeling: { description: Whether Bar is feeling great., type: string, enum: [Great, Down] }
            bazs: { description: List of Bazs., type: array, items: { type: string } }
  status:
    type: object
    description: Status of Foo
    properties:
      bars:
        type: array
        description: List of Bars and their statuses.
        items:
          type: object
          properties:
            available: { description: Whether the Bar is installed., type: boolean }
            quxType: { type: string, pattern: in-tree|out-of-tree }
`)
const waldo: Json = parse(`
description: Waldo CRD for Testing
type: object
properties:
  spec:
    type: object
    description: Specification of Waldo
    properties:
      dummy: { description: Dummy property., type: object }
  status:
    type: object
    description: Status of Waldo
    properties:
      bars: { description: List of Bars and their statuses., type: array, items: { type: object } }
`)

/** A kind with the same schema in all versions. */
function kindOf(group: string, kind: string, schema: object, versions: readonly string[] = ['v1']): Definition {
  const more = versions.map((name) => ({ name, schema }))
  return definition(group, kind, more)
}

/** The name of a kind in the document: the group turned around, then version and kind. */
function definitionName({ spec }: Definition, version: string): string {
  return [...spec.group.split('.').reverse(), version, String(spec.names['kind'])].join('.')
}

const known = new Map<string, { readonly etag: string; readonly document: Json }>()

/** A document, fetched again only when it has changed: each is megabytes. */
async function documentAt(path: string): Promise<Json> {
  const before = known.get(path)
  const headers = before === undefined ? {} : { 'if-none-match': before.etag }
  const { code, headers: answered, text: body } = await send(path, { headers })
  if (code === 304) return before?.document
  expect(code).toBe(200)
  const document = JSON.parse(body)
  const { etag } = answered
  if (etag !== undefined) known.set(path, { etag, document })
  return document
}

/** The schema under `definitions` in the document of version 2, without what every kind gets; `undefined` if there is none. */
async function publishedV2(kind: Definition, version: string): Promise<Json> {
  const { definitions: all } = await documentAt('/openapi/v2')
  return withoutCommon(all[definitionName(kind, version)])
}

/** The same in the document of version 3 of its group, which is found in the index. */
async function publishedV3(kind: Definition, version: string): Promise<Json> {
  const { paths } = await documentAt('/openapi/v3')
  const { serverRelativeURL } = paths[`apis/${kind.spec.group}/${version}`] ?? {}
  if (serverRelativeURL === undefined) return undefined
  const { components } = await documentAt(serverRelativeURL)
  return withoutCommon(components.schemas[definitionName(kind, version)])
}

function withoutCommon(schema: Json): Json {
  if (schema === undefined) return undefined
  const { 'x-kubernetes-group-version-kind': _, properties, ...rest } = schema
  const { apiVersion, kind, metadata, ...own } = properties ?? {}
  // Clients need all three or, where version 2 shows no fields, none.
  expect([apiVersion?.type, kind?.type, metadata !== undefined]).toEqual(
    properties === undefined ? [undefined, undefined, false] : ['string', 'string', true],
  )
  return { ...rest, ...(Object.keys(own).length === 0 ? {} : { properties: own }) }
}

/** Waits until both documents show this schema; `undefined` until they show none. */
async function published(
  kind: Definition,
  version: string,
  schema: object | undefined,
  schemaV2 = schema,
): Promise<void> {
  await eventually(`${definitionName(kind, version)} to be published`, async () => {
    expect(await publishedV2(kind, version)).toEqual(schemaV2)
    expect(await publishedV3(kind, version)).toEqual(schema)
    return true
  })
}

async function remove(...kinds: readonly Definition[]): Promise<void> {
  for (const kind of kinds) {
    await definitions.remove(kind.metadata.name)
    const [first] = kind.spec['versions'] as readonly { readonly name: string }[]
    await published(kind, first?.name ?? '', undefined)
  }
}

/** Runs kubectl in the namespace with an object on its standard input; gives exit code and all it said. */
async function kubectl(args: readonly string[], input?: object): Promise<{ code: number | null; out: string }> {
  const { kubeconfig, folder } = cluster.plane()
  const flags = [`--kubeconfig=${kubeconfig}`, `--cache-dir=${folder}/cache-${Math.random()}`, `--namespace=${ns}`]
  const child = spawn('kubectl', [...flags, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(input === undefined ? '' : JSON.stringify(input))
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited])
  return { code, out: stdout + stderr }
}

/** Fails unless kubectl creates, deletes, applies and deletes the object. */
async function expectAccepted(plural: string, object: Json): Promise<void> {
  for (const verb of ['create', 'apply']) {
    const made = await kubectl([verb, '-f', '-'], object)
    expect([made.code, made.out]).toEqual([0, expect.stringMatching(/ created\n$/)])
    const path = `/apis/${object.apiVersion}/namespaces/${ns}/${plural}/${object.metadata.name}`
    await expectCode(200, path, { method: 'DELETE' })
  }
}

/** Fails unless kubectl can neither create nor apply the object, for this reason. */
async function expectRefused(object: object, reason: RegExp): Promise<void> {
  for (const verb of ['create', 'apply']) {
    const refused = await kubectl([verb, '-f', '-'], object)
    expect([refused.code, refused.out]).toEqual([1, expect.stringMatching(reason)])
  }
}

function object(group: string, kind: string, fields: object): Json {
  return { apiVersion: `${group}/v1`, kind, metadata: { name: `test-${kind.toLowerCase()}` }, ...fields }
}

test('[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD with validation schema [Conformance]', async () => {
  const group = 'foo.openapi.example.com'
  const kind = kindOf(group, 'Foo', foo)
  await establish(cluster, kind)
  await published(kind, 'v1', foo)
  const withSpec = (spec: object): Json => object(group, 'Foo', { spec })
  await expectAccepted('foos', withSpec({ bars: [{ name: 'test-bar' }] }))
  await expectRefused(
    withSpec({ bars: [{ name: 'test-bar', feeling: 'NonExistentValue' }] }),
    /Unsupported value: "NonExistentValue"/,
  )
  await expectRefused(withSpec({ foo: true }), /unknown field "spec\.foo"/)
  await expectRefused(withSpec({ bars: [{ age: '10' }] }), /spec\.bars\[0\]\.name: Required value/)
  // The texts of built-in fields are collected when the programs are built; this server runs without them.
  const explained = async (path: string): Promise<string> => (await kubectl(['explain', path])).out
  expect(await explained('foos')).toMatch(
    /DESCRIPTION:.*Foo CRD for Testing.*FIELDS:.*apiVersion.*<string>.*metadata.*<ObjectMeta>.*spec.*<Object>.*Specification of Foo/s,
  )
  expect(await explained('foos.metadata')).toMatch(
    /DESCRIPTION:.*Standard object's metadata.*FIELDS:.*creationTimestamp.*<string>/s,
  )
  expect(await explained('foos.spec')).toMatch(
    /DESCRIPTION:.*Specification of Foo.*FIELDS:.*bars.*<\[\]Object>.*List of Bars and their specs/s,
  )
  expect(await explained('foos.spec.bars')).toMatch(
    /(FIELD|RESOURCE):.*bars.*<\[\]Object>.*DESCRIPTION:.*List of Bars and their specs.*FIELDS:.*bazs.*<\[\]string>.*List of Bazs.*name.*<string>.*Name of Bar/s,
  )
  const missing = await kubectl(['explain', 'foos.spec.bars2'])
  expect([missing.code, missing.out]).toEqual([1, expect.stringContaining('field "bars2" does not exist')])
  await remove(kind)
})

/**
 * Serves a kind that takes unknown fields somewhere, has kubectl write one, and gives what kubectl says about it.
 * Version 2 cannot tell of unknown fields beside known ones: it shows `schemaV2`.
 */
async function explainsUnknown(name: string, schema: object, schemaV2: object, fields: object): Promise<string> {
  const group = 'unknown.openapi.example.com'
  const kind = kindOf(group, name, schema)
  await establish(cluster, kind)
  await published(kind, 'v1', schema, schemaV2)
  const plural = String(kind.spec.names['plural'])
  await expectAccepted(plural, object(group, name, fields))
  const { code, out } = await kubectl(['explain', plural])
  expect(code).toBe(0)
  await remove(kind)
  return out
}

const unknown = { a: { b: [{ c: 'd' }] } }

test('[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD without validation schema [Conformance]', async () => {
  expect(await explainsUnknown('Empty', anything, { type: 'object' }, unknown)).toMatch(/DESCRIPTION:\n\s+<empty>/)
})

test('[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields at the schema root [Conformance]', async () => {
  const description = 'preserve-unknown-properties at root for Testing'
  const schema = { ...waldo, ...anything, description }
  const out = await explainsUnknown('UnknownAtRoot', schema, { type: 'object' }, unknown)
  expect(out).toMatch(/KIND:\s+UnknownAtRoot/)
})

test('[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields in an embedded object [Conformance]', async () => {
  const description = 'preserve-unknown-properties in nested field for Testing'
  const { spec, status } = waldo.properties
  const schema = { ...waldo, description, properties: { spec: { ...spec, ...anything }, status } }
  const { type: _type, ...open } = anything
  const specV2 = { description: spec.description, ...open }
  const schemaV2 = { ...schema, properties: { spec: specV2, status } }
  const out = await explainsUnknown('UnknownInNested', schema, schemaV2, { spec: { b: [{ c: 'd' }] } })
  expect(out).toMatch(/DESCRIPTION:\n\s+preserve-unknown-properties in nested field for\s+Testing/)
})

test('[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of different groups [Conformance]', async () => {
  const kinds = [
    kindOf('a.openapi.example.com', 'Foo', foo),
    kindOf('b.openapi.example.com', 'Waldo', waldo, ['v1beta1']),
  ] as const
  for (const kind of kinds) await establish(cluster, kind)
  await published(kinds[0], 'v1', foo)
  await published(kinds[1], 'v1beta1', waldo)
  await remove(...kinds)
})

test('[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group but different versions [Conformance]', async () => {
  const several = kindOf('multi.openapi.example.com', 'Foo', foo, ['v2', 'v3'])
  await establish(cluster, several)
  await published(several, 'v2', foo)
  await published(several, 'v3', foo)
  await remove(several)
  const group = 'common.openapi.example.com'
  const kinds = [kindOf(group, 'Foo', foo, ['v4']), kindOf(group, 'Waldo', waldo, ['v5'])] as const
  for (const kind of kinds) await establish(cluster, kind)
  await published(kinds[0], 'v4', foo)
  await published(kinds[1], 'v5', waldo)
  await remove(...kinds)
})

test('[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group and version but different kinds [Conformance]', async () => {
  const group = 'kinds.openapi.example.com'
  const kinds = [kindOf(group, 'Foo', foo, ['v6']), kindOf(group, 'Waldo', waldo, ['v6'])] as const
  for (const kind of kinds) await establish(cluster, kind)
  await published(kinds[0], 'v6', foo)
  await published(kinds[1], 'v6', waldo)
  await remove(...kinds)
})

test('[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] updates the published spec when one version gets renamed [Conformance]', async () => {
  const kind = kindOf('renamed.openapi.example.com', 'Foo', foo, ['v2', 'v3'])
  await establish(cluster, kind)
  for (const version of ['v2', 'v3']) await published(kind, version, foo)
  const rename = [
    { op: 'test', path: '/spec/versions/1/name', value: 'v3' },
    { op: 'replace', path: '/spec/versions/1/name', value: 'v4' },
  ]
  await definitions.patch(kind.metadata.name, rename, 'json')
  await published(kind, 'v4', foo)
  await published(kind, 'v3', undefined)
  await published(kind, 'v2', foo)
  await remove(kind)
})

test('[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] removes definition from spec when one version gets changed to not be served [Conformance]', async () => {
  const kind = kindOf('unserved.openapi.example.com', 'Foo', foo, ['v5', 'v6alpha1'])
  await establish(cluster, kind)
  for (const version of ['v5', 'v6alpha1']) await published(kind, version, foo)
  const before = await definitions.get(kind.metadata.name)
  const after = await definitions.replace(kind.metadata.name, ({ spec }) => {
    spec.versions[1].served = false
  })
  expectLater(before, after)
  await published(kind, 'v6alpha1', undefined)
  await published(kind, 'v5', foo)
  expect((await send(`/apis/${kind.spec.group}/v6alpha1/foos`)).code).toBe(404)
  await remove(kind)
})
