/** Custom resources as kubectl sees them, from the definition to the last object. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startControlPlane, type TestControlPlane } from '../../test/fixtures/control-plane.ts'
import { eventually, run } from '../../test/fixtures/process.ts'

let plane: TestControlPlane
let folder: string
beforeAll(async () => {
  plane = await startControlPlane({ flags: ['--disable-admission-plugins=ServiceAccount'] })
  folder = await mkdtemp(join(tmpdir(), 'kubets-custom-'))
  await apply(crd())
})
afterAll(async () => {
  await plane.close()
  await rm(folder, { recursive: true, force: true })
})

/** Standard output, or the error text of a kubectl that failed. */
async function kubectl(...args: readonly string[]): Promise<string> {
  try {
    return (await run('kubectl', [`--kubeconfig=${plane.kubeconfig}`, `--cache-dir=${folder}/cache`, ...args])).trim()
  } catch (error) {
    return String(error)
  }
}

async function apply(object: object, ...args: readonly string[]): Promise<string> {
  const path = join(folder, `${Math.random()}.json`)
  await writeFile(path, JSON.stringify(object))
  return await kubectl('apply', '-f', path, ...args)
}

const schema = {
  type: 'object',
  description: 'A scheduled job.',
  properties: {
    spec: {
      type: 'object',
      required: ['cron'],
      properties: {
        cron: { type: 'string', pattern: '^[0-9*]+( [0-9*]+)*$', description: 'When it runs.' },
        replicas: { type: 'integer', minimum: 1, maximum: 10, default: 3 },
        color: { type: 'string', enum: ['red', 'green'], default: 'red' },
        port: { 'x-kubernetes-int-or-string': true },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        parts: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, size: { type: 'integer', default: 1 } },
          },
        },
      },
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: { type: 'string' } } },
  },
}

function version(name: string, storage: boolean, more: object = {}): object {
  return {
    name,
    served: true,
    storage,
    schema: { openAPIV3Schema: schema },
    subresources: {
      status: {},
      scale: {
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      },
    },
    additionalPrinterColumns: [
      { name: 'Cron', type: 'string', jsonPath: '.spec.cron' },
      { name: 'Port', type: 'string', jsonPath: '.spec.port', priority: 1 },
    ],
    selectableFields: [{ jsonPath: '.spec.color' }],
    ...more,
  }
}

function crd(versions: readonly object[] = [version('v1', true)]) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'crontabs.stable.example.com' },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'], categories: ['all'] },
      versions,
    },
  }
}

function cronTab(name: string, spec: object, more: object = {}): object {
  return { apiVersion: 'stable.example.com/v1', kind: 'CronTab', metadata: { name }, spec, ...more }
}

function hashOf(index: string): string | undefined {
  return /stable\.example\.com\/v1\?hash=(\w+)/.exec(index)?.[1]
}

test('a definition is established and shows in discovery', async () => {
  expect(await kubectl('wait', '--for=condition=Established', 'crd/crontabs.stable.example.com', '--timeout=30s')).toBe(
    'customresourcedefinition.apiextensions.k8s.io/crontabs.stable.example.com condition met',
  )
  expect(await kubectl('api-resources', '--api-group=stable.example.com', '--no-headers')).toBe(
    'crontabs   ct    stable.example.com/v1   true   CronTab',
  )
})

test('objects are created with their defaults, printed with their columns and changed by every patch but one', async () => {
  expect(await apply(cronTab('one', { cron: '* *', port: 80 }))).toBe('crontab.stable.example.com/one created')
  const [head, row] = (await kubectl('get', 'ct', '-o', 'wide')).split('\n')
  expect(head?.split(/\s+/)).toEqual(['NAME', 'CRON', 'PORT'])
  expect(row?.split(/\s{2,}/)).toEqual(['one', '* *', '80'])
  const read = async (path: string): Promise<string> => await kubectl('get', 'ct', 'one', '-o', `jsonpath={${path}}`)
  expect(await read('.spec.replicas')).toBe('3')
  expect(await read('.metadata.generation')).toBe('1')
  await kubectl('patch', 'ct', 'one', '--type=merge', '-p', '{"spec":{"port":"http"}}')
  await kubectl('patch', 'ct', 'one', '--type=json', '-p', '[{"op":"add","path":"/spec/color","value":"green"}]')
  expect(await read('.spec')).toBe('{"color":"green","cron":"* *","port":"http","replicas":3}')
  expect(await read('.metadata.generation')).toBe('3')
  expect(await kubectl('patch', 'ct', 'one', '--type=strategic', '-p', '{"spec":{"port":1}}')).toContain(
    'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
  )
  expect(await kubectl('get', 'ct', '--field-selector=spec.color=green', '-o', 'name')).toContain('crontab')
  expect(await kubectl('get', 'ct', '--field-selector=spec.color=red', '-o', 'name')).toBe('')
  expect(await apply(cronTab('one', { cron: '1 1' }))).toBe('crontab.stable.example.com/one configured')
})

test('status and scale are their own', async () => {
  await apply(cronTab('scaled', { cron: '1' }, { status: { replicas: 7 } }))
  const read = async (path: string): Promise<string> => await kubectl('get', 'ct', 'scaled', '-o', `jsonpath={${path}}`)
  expect(await read('.status')).toBe('')
  const status = '{"status":{"replicas":2},"spec":{"cron":"9"}}'
  await kubectl('patch', 'ct', 'scaled', '--subresource=status', '--type=merge', '-p', status)
  expect(await read('.status.replicas')).toBe('2')
  expect(await read('.spec.cron')).toBe('1')
  expect(await read('.metadata.generation')).toBe('1')
  expect(await kubectl('scale', 'ct', 'scaled', '--replicas=5')).toBe('crontab.stable.example.com/scaled scaled')
  expect(await read('.spec.replicas')).toBe('5')
  expect(await read('.metadata.generation')).toBe('2')
})

test('what does not fit the schema is refused in upstream words', async () => {
  const spec = { replicas: 'x', color: 'blue', parts: [{ name: 'a' }, { name: 'a' }] }
  const refused = await apply(cronTab('bad', spec), '--validate=ignore')
  expect(refused).toContain('The CronTab "bad" is invalid:')
  expect(refused).toContain('* spec.cron: Required value')
  expect(refused).toContain(
    '* spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
  )
  expect(refused).toContain('* spec.color: Unsupported value: "blue": supported values: "red", "green"')
  expect(refused).toContain('* spec.parts[1]: Duplicate value: {"name":"a"}')
  expect(await apply(cronTab('bad', { cron: '1', replicas: 11 }))).toContain(
    'spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10',
  )
  expect(await apply(cronTab('bad', { cron: 'often' }))).toContain(
    `spec.cron: Invalid value: "often": spec.cron in body should match '^[0-9*]+( [0-9*]+)*$'`,
  )
})

test('unknown fields are refused, warned about or dropped, and kept where the schema says so', async () => {
  const object = cronTab('extra', { cron: '1', free: { any: { thing: 1 } }, other: 1 })
  expect(await apply(object)).toContain('strict decoding error: unknown field "spec.other"')
  expect(await apply(object, '--validate=warn')).toContain('crontab.stable.example.com/extra created')
  expect(await kubectl('get', 'ct', 'extra', '-o', 'jsonpath={.spec}')).toBe(
    '{"color":"red","cron":"1","free":{"any":{"thing":1}},"replicas":3}',
  )
})

test('server-side apply merges lists by their keys and tells of conflicts', async () => {
  const part = (name: string, size: number): object => cronTab('applied', { cron: '1', parts: [{ name, size }] })
  expect(await apply(part('a', 1), '--server-side', '--field-manager=one')).toContain('serverside-applied')
  expect(await apply(part('b', 2), '--server-side', '--field-manager=two')).toContain('serverside-applied')
  expect(await kubectl('get', 'ct', 'applied', '-o', 'jsonpath={.spec.parts[*].name}')).toBe('a b')
  expect(await apply(part('a', 5), '--server-side', '--field-manager=two')).toContain(
    'conflict with "one": .spec.parts[name="a"].size',
  )
})

test('the schema is published: kubectl explains it', async () => {
  const explained = await kubectl('explain', 'ct.spec.cron')
  expect(explained).toContain('FIELD: cron <string>')
  expect(explained).toContain('When it runs.')
  // Clients keep documents by the hash in the index: it has to change with the schema.
  const before = await kubectl('get', '--raw', '/openapi/v3')
  await apply(crd([version('v1', true, { schema: { openAPIV3Schema: { ...schema, description: 'Other words.' } } })]))
  expect(await kubectl('explain', 'ct')).toContain('Other words.')
  expect(hashOf(await kubectl('get', '--raw', '/openapi/v3'))).not.toBe(hashOf(before))
})

test('everything is there after a restart, and a further version is served beside the first', async () => {
  await plane.restart()
  expect(await kubectl('get', 'ct', 'one', '-o', 'name')).toBe('crontab.stable.example.com/one')
  expect(await apply(crd([version('v1', false), version('v2', true)]))).toContain('configured')
  expect(await kubectl('get', 'crontabs.v2.stable.example.com', 'one', '-o', 'jsonpath={.apiVersion}')).toBe(
    'stable.example.com/v2',
  )
  expect(await kubectl('get', 'crd', 'crontabs.stable.example.com', '-o', 'jsonpath={.status.storedVersions}')).toBe(
    '["v1","v2"]',
  )
})

test('names that somebody else has are not accepted', async () => {
  const names = { plural: 'others', singular: 'other', kind: 'CronTab', listKind: 'OtherList' }
  await apply({ ...crd(), metadata: { name: 'others.stable.example.com' }, spec: { ...crd().spec, names } })
  const wait = await kubectl(
    'wait',
    '--for=condition=NamesAccepted=false',
    'crd/others.stable.example.com',
    '--timeout=30s',
  )
  expect(wait).toContain('condition met')
  const path = 'jsonpath={.status.conditions[?(@.type=="NamesAccepted")].message}'
  expect(await kubectl('get', 'crd', 'others.stable.example.com', '-o', path)).toBe('"CronTab" is already in use')
  expect(await kubectl('delete', 'crd', 'others.stable.example.com', '--timeout=30s')).toContain('deleted')
})

test('rules hold for new and changed objects; what was wrong before only warns', async () => {
  const group = 'rules.example.com'
  const name = { plural: 'gauges', singular: 'gauge', kind: 'Gauge', listKind: 'GaugeList' }
  const definition = (level: object): object => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `gauges.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: name,
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: { type: 'object', properties: { level, other: { type: 'integer' } } },
              },
            },
          },
        },
      ],
    },
  })
  const grows = { rule: 'self >= oldSelf', message: 'must not fall' }
  const gauge = (spec: object): object => ({
    apiVersion: `${group}/v1`,
    kind: 'Gauge',
    metadata: { name: 'g', namespace: 'default' },
    spec,
  })
  await apply(definition({ type: 'integer', 'x-kubernetes-validations': [grows] }))
  await eventually('the kind', async () => (await apply(gauge({ level: 50 }))).includes('created'))
  expect(await apply(gauge({ level: 40 }))).toContain('spec.level: Invalid value: 40: must not fall')
  const small = { rule: 'self < 10', messageExpression: 'string(self)' }
  await apply(definition({ type: 'integer', 'x-kubernetes-validations': [grows, small] }))
  await eventually('the new rule', async () =>
    (await apply(gauge({ level: 60 }))).includes('spec.level: Invalid value: 60: 60'),
  )
  expect(await apply(gauge({ level: 50, other: 1 }))).toContain('configured')
  expect(await apply(definition({ type: 'integer', 'x-kubernetes-validations': [{ rule: 'self > "a"' }] }))).toContain(
    "found no matching overload for '_>_' applied to '(int, string)'",
  )
  await eventually('the APIService', async () => (await kubectl('get', 'apiservice', `v1.${group}`)).includes('Local'))
  await kubectl('delete', 'crd', `gauges.${group}`)
  await eventually('its end', async () => (await kubectl('get', 'apiservice', `v1.${group}`)).includes('NotFound'))
}, 60_000)

test('deleting the definition deletes its objects and what was served', async () => {
  expect(await kubectl('delete', 'crd', 'crontabs.stable.example.com', '--timeout=30s')).toContain('deleted')
  expect(await kubectl('get', '--raw', '/apis/stable.example.com/v1')).toContain('(NotFound)')
  await apply(crd())
  await kubectl('wait', '--for=condition=Established', 'crd/crontabs.stable.example.com', '--timeout=30s')
  expect(await kubectl('get', '--raw', '/apis/stable.example.com/v1/crontabs')).toContain('"items":[]')
})
