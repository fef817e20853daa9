/** What `fieldValidation=Strict` refuses: unknown and duplicate fields, of typed and of custom objects. */
import { expect, test } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { anything, definition, establish, type Version } from './custom-definitions.ts'
import { conformanceCluster } from './fixture.ts'

const cluster = conformanceCluster()
const { send, namespace } = cluster
const strict = '?fieldManager=field_validation_mgr&fieldValidation=Strict'
const group = 'fields.example.com'

const text = { type: 'string' }
const port = {
  type: 'object',
  properties: { containerPort: { type: 'integer', format: 'int32' }, name: text, protocol: text },
  required: ['containerPort', 'protocol'],
}
const specProperties = {
  foo: text,
  cronSpec: { type: 'string', pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$' },
  ports: {
    type: 'array',
    items: port,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
  },
}
const template = {
  type: 'object',
  'x-kubernetes-embedded-resource': true,
  properties: { metadata: { type: 'object', properties: { name: text } }, spec: { type: 'object' } },
}

function schemaOf(spec: object): object {
  return { type: 'object', properties: { spec: { type: 'object', ...spec } } }
}

/** Serves a kind of two versions and applies one object of it, given as the YAML below its name. */
async function applied(kind: string, schema: object, yaml: string, query = strict): Promise<RawAnswer> {
  const versions: readonly Version[] = [
    { name: 'v1beta1', schema },
    { name: 'v1beta2', schema },
  ]
  await establish(cluster, definition(group, kind, versions, { scope: 'Cluster' }))
  const body = `apiVersion: ${group}/v1beta1\nkind: ${kind}\nmetadata:\n  name: mytest\n${yaml}`
  const contentType = 'application/apply-patch+yaml'
  const path = `/apis/${group}/v1beta1/${kind.toLowerCase()}s/mytest`
  return await send(`${path}${query}`, { method: 'PATCH', contentType, body })
}

const valid = `  cronSpec: "* * * * */5"
  ports:
  - name: x
    containerPort: 80
    protocol: TCP
`

/** Creates a Deployment whose `metadata` and `spec` begin with more text. */
async function deploy(metadata: string, spec: string, query = strict): Promise<RawAnswer> {
  const containers = '[{"name":"nginx","image":"nginx:latest"}]'
  const body = `{"apiVersion":"apps/v1","kind":"Deployment",
    "metadata":{${metadata}"name":"my-dep","labels":{"app":"nginx"}},
    "spec":{${spec}"selector":{"matchLabels":{"app":"nginx"}},
      "template":{"metadata":{"labels":{"app":"nginx"}},"spec":{"containers":${containers}}}}}`
  return await send(`/apis/apps/v1/namespaces/${await namespace()}/deployments${query}`, { method: 'POST', body })
}

test('[sig-api-machinery] FieldValidation should detect unknown and duplicate fields of a typed object [Conformance]', async () => {
  const fields = '"unknownField":"foo","replicas":2,"replicas":3,'
  const refused = await deploy('', fields)
  expect(refused.json).toMatchObject({
    code: 400,
    reason: 'BadRequest',
    message:
      'Deployment in version "v1" cannot be handled as a Deployment: ' +
      'strict decoding error: unknown field "spec.unknownField", duplicate field "spec.replicas"',
  })
  const warned = await deploy('', fields, '?fieldValidation=Warn')
  expect(warned.code).toBe(201)
  expect(warned.json.spec).toMatchObject({ replicas: 3 })
  expect(warned.headers['warning']).toBe(
    '299 - "unknown field \\"spec.unknownField\\"", 299 - "duplicate field \\"spec.replicas\\""',
  )
})

test('[sig-api-machinery] FieldValidation should detect unknown metadata fields of a typed object [Conformance]', async () => {
  const refused = await deploy('"unknownMeta":"foo",', '')
  expect(refused.code).toBe(400)
  expect(refused.json.message).toContain('strict decoding error: unknown field "metadata.unknownMeta"')
})

test('[sig-api-machinery] FieldValidation should create/apply a valid CR for CRD with validation schema [Conformance]', async () => {
  const answer = await applied('Valid', schemaOf({ properties: specProperties }), `spec:\n  foo: foo1\n${valid}`)
  expect(answer.code).toBe(201)
  expect(answer.json).toMatchObject({
    spec: { foo: 'foo1', cronSpec: '* * * * */5', ports: [{ name: 'x', containerPort: 80, protocol: 'TCP' }] },
  })
})

test('[sig-api-machinery] FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema [Conformance]', async () => {
  const answer = await applied('Free', anything, `spec:\n  unknown: uk1\n${valid}`)
  expect(answer.code).toBe(201)
  expect(answer.json.spec).toMatchObject({ unknown: 'uk1', ports: [{ name: 'x', containerPort: 80, protocol: 'TCP' }] })
})

test('[sig-api-machinery] FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema [Conformance]', async () => {
  const schema = schemaOf({ properties: specProperties })
  const answer = await applied('Extra', schema, `unknownField: unknown\nspec:\n  foo: foo1\n${valid}`)
  expect(answer.json).toMatchObject({
    code: 500,
    message:
      `failed to create typed patch object (/mytest; ${group}/v1beta1, Kind=Extra): ` +
      '.unknownField: field not declared in schema',
  })
})

test('[sig-api-machinery] FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR [Conformance]', async () => {
  const schema = schemaOf({ ...anything, properties: { ...specProperties, template } })
  const embedded = '  template:\n    apiVersion: foo/v1\n    kind: Sub\n    metadata:\n      name: subobject\n'
  const root = await applied('Rooted', schema, `  unknownMeta: unknown\nspec:\n${embedded}${valid}`)
  expect([root.code, root.json.message]).toEqual([
    500,
    `failed to create typed patch object (/mytest; ${group}/v1beta1, Kind=Rooted): ` +
      '.metadata.unknownMeta: field not declared in schema',
  ])
  const inner = await applied('Embedding', schema, `spec:\n${embedded}      unknownSubMeta: unknown\n${valid}`)
  expect([inner.code, inner.json.message]).toEqual([
    500,
    `failed to create typed patch object (/mytest; ${group}/v1beta1, Kind=Embedding): ` +
      '.spec.template.metadata.unknownSubMeta: field not declared in schema',
  ])
  const metadata = { name: 'both', unknownMeta: 'unknown' }
  const sub = { apiVersion: 'foo/v1', kind: 'Sub', metadata: { name: 'sub', unknownSubMeta: 'unknown' } }
  const created = await send(`/apis/${group}/v1beta1/embeddings${strict}`, {
    method: 'POST',
    body: { apiVersion: `${group}/v1beta1`, kind: 'Embedding', metadata, spec: { template: sub } },
  })
  expect(created.code).toBe(400)
  expect(created.json.message).toContain(
    'strict decoding error: unknown field "metadata.unknownMeta", ' +
      'unknown field "spec.template.metadata.unknownSubMeta"',
  )
})

test('[sig-api-machinery] FieldValidation should detect duplicates in a CR when preserving unknown fields [Conformance]', async () => {
  const schema = schemaOf({ ...anything, properties: specProperties })
  const yaml = `spec:\n  unknown: uk1\n  foo: foo1\n  foo: foo2\n${valid}`
  const answer = await applied('Doubled', schema, yaml)
  expect(answer.json).toMatchObject({
    code: 400,
    reason: 'BadRequest',
    message:
      'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n' +
      '  line 8: key "foo" already set in map',
  })
})
