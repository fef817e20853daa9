/** Kinds whose versions a webhook converts: reading, lists of mixed storage, selectable fields. */
import { expect, test } from 'vitest'
import type { RawAnswer, RawWatch } from '../fixtures/api-client.ts'
import {
  type Definition,
  definition,
  definitionsPath,
  establish,
  objectsPath,
  type Version,
} from './custom-definitions.ts'
import { conformanceCluster } from './fixture.ts'
import { collectionAt } from './operations.ts'
import { type ReviewRequest, type ReviewResponse, webhookServer } from './webhook-server.ts'

type Json = RawAnswer['json']

const cluster = conformanceCluster()
const { namespace } = cluster
const webhook = webhookServer(cluster)
const group = 'stable.example.com'
const text = { type: 'string' }

/** v1 has `hostPort`, v2 has `host` and `port`. */
const v1: Version = {
  name: 'v1',
  schema: { type: 'object', properties: { hostPort: text } },
  selectableFields: [{ jsonPath: '.hostPort' }],
}
const v2: Version = {
  name: 'v2',
  schema: { type: 'object', properties: { host: text, port: text } },
  selectableFields: [{ jsonPath: '.host' }, { jsonPath: '.port' }],
}

function convert({ objects, desiredAPIVersion }: ReviewRequest): ReviewResponse {
  return {
    convertedObjects: objects.map((object: Json) => convertOne(object, desiredAPIVersion)),
    result: { status: 'Success' },
  }
}

function convertOne({ hostPort, host, port, ...rest }: Json, apiVersion: string): object {
  if (apiVersion.endsWith('v1')) {
    return { ...rest, apiVersion, ...(host === undefined ? {} : { hostPort: `${host}:${port ?? ''}` }) }
  }
  const [newHost, newPort] = (hostPort ?? '').split(':')
  return { ...rest, apiVersion, ...(hostPort === undefined ? {} : { host: newHost, port: newPort }) }
}

/** A kind in both versions; the first is stored. */
function converted(kind: string, versions: readonly Version[] = [v1, v2]): Definition {
  return definition(group, kind, versions, {
    preserveUnknownFields: false,
    conversion: {
      strategy: 'Webhook',
      webhook: { clientConfig: webhook.clientConfig('/convert'), conversionReviewVersions: ['v1'] },
    },
  })
}

/** Serves a kind in both versions; gives its collections in a namespace. */
async function convertedKind(kind: string) {
  webhook.answer('/convert', convert)
  const crd = converted(kind)
  await establish(cluster, crd)
  const ns = await namespace()
  const [first, second] = [objectsPath(crd, ns, 'v1'), objectsPath(crd, ns, 'v2')]
  const body = (name: string, version: string, fields: object): object => ({
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name },
    ...fields,
  })
  return { crd, paths: { v1: first, v2: second }, body }
}

const fieldsOf = ({ apiVersion, hostPort, host, port }: Json): object => ({ apiVersion, hostPort, host, port })
const asV1 = { apiVersion: `${group}/v1`, hostPort: 'localhost:8080', host: undefined, port: undefined }
const asV2 = { apiVersion: `${group}/v2`, hostPort: undefined, host: 'localhost', port: '8080' }

test('[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert from CR v1 to CR v2 [Conformance]', async () => {
  const { paths, body } = await convertedKind('Converted')
  const made = await collectionAt(cluster, paths.v1).create(body('one', 'v1', { hostPort: 'localhost:8080' }))
  expect(fieldsOf(made)).toEqual(asV1)
  const read = await collectionAt(cluster, paths.v2).get('one')
  expect(fieldsOf(read)).toEqual(asV2)
  expect(read.metadata.uid).toBe(made.metadata.uid)
})

test('[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert a non homogeneous list of CRs [Conformance]', async () => {
  const { crd, paths, body } = await convertedKind('Mixed')
  await collectionAt(cluster, paths.v1).create(body('one', 'v1', { hostPort: 'localhost:8080' }))
  await collectionAt(cluster, definitionsPath).replace(crd.metadata.name, ({ spec }) => {
    for (const version of spec.versions) version.storage = version.name === 'v2'
  })
  await collectionAt(cluster, paths.v1).create(body('two', 'v1', { hostPort: 'localhost:8080' }))
  for (const [path, expected] of [
    [paths.v1, asV1],
    [paths.v2, asV2],
  ] as const) {
    const { items } = await collectionAt(cluster, path).list()
    expect(items.map(({ metadata }: Json) => metadata.name)).toEqual(['one', 'two'])
    expect(items.map(fieldsOf)).toEqual([expected, expected])
  }
})

/** The events of a watch so far: `+name` added, `-name` deleted. */
async function seen(watch: RawWatch, count: number): Promise<readonly string[]> {
  const signs: Readonly<Record<string, string>> = { ADDED: '+', DELETED: '-' }
  const events: string[] = []
  while (events.length < count) {
    const { type, object } = await watch.next()
    if (type !== 'BOOKMARK') events.push(`${signs[type] ?? type}${object.metadata.name}`)
  }
  return events.sort()
}

test('[sig-api-machinery] CustomResourceFieldSelectors [Privileged:ClusterAdmin] CustomResourceFieldSelectors MUST list and watch custom resources matching the field selector [Conformance]', async () => {
  const { paths, body } = await convertedKind('Selectable')
  const selected = (version: 'v1' | 'v2', selector: string): string =>
    `${paths[version]}?fieldSelector=${encodeURIComponent(selector)}`
  const names = async (version: 'v1' | 'v2', selector: string): Promise<readonly string[]> =>
    (await cluster.expectCode(200, selected(version, selector))).items.map(({ metadata }: Json) => metadata.name)
  // What an informer of a current client asks: the state as events, then what follows (KEP-3157).
  const informer = '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
  const cases = [
    { version: 'v2', selector: 'host=host1', finds: ['one', 'two'] },
    { version: 'v2', selector: 'host=host1,port=80', finds: ['one'] },
    { version: 'v1', selector: 'hostPort=host1:80', finds: ['one'] },
  ] as const
  const watches = await Promise.all(
    cases.flatMap(({ version, selector, finds }) =>
      ['', informer].map(async (more) => ({
        watch: await cluster.watch(`${selected(version, selector)}&watch=1${more}`),
        finds,
      })),
    ),
  )
  const v2Objects = collectionAt(cluster, paths.v2)
  await v2Objects.create(body('one', 'v2', { host: 'host1', port: '80' }))
  await v2Objects.create(body('two', 'v2', { host: 'host1', port: '8080' }))
  await v2Objects.create(body('three', 'v2', { host: 'host2' }))
  for (const { version, selector, finds } of cases) expect(await names(version, selector)).toEqual(finds)
  expect(await names('v1', 'hostPort=host1:8080')).toEqual(['two'])
  for (const { watch, finds } of watches)
    expect(await seen(watch, finds.length)).toEqual(finds.map((name) => `+${name}`))

  const grace = { method: 'DELETE', body: { gracePeriodSeconds: 0 } }
  await cluster.expectCode(200, selected('v2', 'host=host1,port=80'), grace)
  await v2Objects.replace('two', (object) => {
    object.host = 'host2'
  })
  for (const { version, selector } of cases) expect(await names(version, selector)).toEqual([])
  for (const { watch, finds } of watches) {
    expect(await seen(watch, finds.length)).toEqual(finds.map((name) => `-${name}`))
    watch.close()
  }
  const wrong = await cluster.send(selected('v2', 'hostPort=host1:80'))
  expect([wrong.code, wrong.json.message]).toEqual([400, 'field label not supported: hostPort'])
})
