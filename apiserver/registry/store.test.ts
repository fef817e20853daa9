import { afterAll, beforeAll, expect, test } from 'vitest'
import { definitions } from '../../api/facts/table.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import { builtinResources } from '../../api/resources.ts'
import { compileSchema } from '../../apimachinery/schema/schema.ts'
import { forbidden, hasReason } from '../../apimachinery/status.ts'
import { systemClock } from '../../component-base/clock.ts'
import { silentLogger } from '../../component-base/logger.ts'
import { type AdmissionPlugin, createAdmissionChain } from '../admission/admission.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import type { Storage } from '../storage/storage.ts'
import { WatchCache } from '../storage/watch-cache.ts'
import { storagePrefix } from './keys.ts'
import { ResourceRegistry } from './resource-registry.ts'
import { createStore, type Store } from './store.ts'

const signal = new AbortController().signal
const end = new AbortController()
const user = { name: 'tester', groups: [] }
const storage = createMemoryStorage()
const caches = new WatchCache({ storage, clock: systemClock, logger: silentLogger })
const resources = new ResourceRegistry(builtinResources)
let plugins: readonly AdmissionPlugin[] = []
let randoms: number[] = []
let store: Store
let running: Promise<void>

beforeAll(async () => {
  for (const resource of resources.all()) {
    if (resource.facts.storagePrefix !== undefined) caches.cache(storagePrefix(resource))
  }
  running = caches.run(end.signal)
  store = createStore({
    resources,
    schemas: compileSchema(definitions),
    storage,
    caches,
    admission: () => createAdmissionChain(plugins),
    clock: systemClock,
    random: () => randoms.shift() ?? Math.random(),
  })
  await caches.reach(0)
})
afterAll(async () => {
  end.abort()
  await running
})

function served(plural: string, group = ''): Resource {
  const resource = store.resource(group, plural)
  if (resource === undefined) throw new Error(plural)
  return resource
}
type ConfigMapLike = ApiObject & { readonly data?: Readonly<Record<string, string>> }
async function createConfigMap(name: string, data: Record<string, string> = {}): Promise<ConfigMapLike> {
  return await store.create(served('configmaps'), 'default', { metadata: { name }, data }, { user }, signal)
}
function withData(object: ApiObject, data: Record<string, string>): ApiObject {
  const next: ConfigMapLike = { ...object, data }
  return next
}
async function storedText(key: string): Promise<string> {
  return (await storage.get(key, signal))?.value.toString('utf8') ?? ''
}

test('create() stores what upstream stores: kind first, and no resourceVersion', async () => {
  const created = await createConfigMap('stored', { a: 'b' })
  const text = await storedText('/registry/configmaps/default/stored')
  expect(text.startsWith('{"kind":"ConfigMap","apiVersion":"v1","metadata":{')).toBe(true)
  expect(text).not.toContain('resourceVersion')
  expect(Number(created.metadata.resourceVersion)).toBe(await storage.currentRevision(signal))
})

test('create() refuses a resourceVersion and another namespace than that of the path', async () => {
  const versioned = { metadata: { name: 'a', resourceVersion: '5' } }
  await expect(store.create(served('configmaps'), 'default', versioned, { user }, signal)).rejects.toThrow(
    'resourceVersion should not be set on objects to be created',
  )
  const elsewhere = { metadata: { name: 'a', namespace: 'other' } }
  await expect(store.create(served('configmaps'), 'default', elsewhere, { user }, signal)).rejects.toThrow(
    'the namespace of the provided object does not match the namespace sent on the request',
  )
})

test('create() tries other generated names when one is taken', async () => {
  randoms = [0, 0, 0, 0, 0]
  const draft = { metadata: { generateName: 'gen-' } }
  const first = await store.create(served('configmaps'), 'default', draft, { user }, signal)
  randoms = [0, 0, 0, 0, 0]
  const second = await store.create(served('configmaps'), 'default', draft, { user }, signal)
  expect(first.metadata.name).toBe('gen-bbbbb')
  expect(second.metadata.name).not.toBe('gen-bbbbb')
})

test('create() runs mutating admission before validation, and validating admission last', async () => {
  const seen: string[] = []
  plugins = [
    {
      name: 'late',
      validate: ({ object }) => {
        seen.push(`validate ${object?.metadata.labels?.['added'] ?? ''}`)
      },
    },
    {
      name: 'early',
      mutate: ({ object }) => {
        seen.push('mutate')
        if (object === undefined) throw new Error('a create has an object')
        return { ...object, metadata: { ...object.metadata, labels: { added: 'yes' } } }
      },
    },
  ]
  const created = await createConfigMap('admitted')
  plugins = []
  expect(seen).toEqual(['mutate', 'validate yes'])
  expect(created.metadata.labels).toEqual({ added: 'yes' })
})

test('create() tells admission how the write ended, also when it failed', async () => {
  const outcomes: string[] = []
  plugins = [{ name: 'settles', settled: (_request, outcome) => void outcomes.push(outcome) }]
  await createConfigMap('settled')
  await expect(createConfigMap('settled')).rejects.toThrow('already exists')
  plugins = []
  expect(outcomes).toEqual(['stored', 'failed'])
})

test('update() starts from the cache and goes on with the stored state after a lost race', async () => {
  await createConfigMap('raced', { n: '0' })
  await caches.fresh()
  const seen: string[] = []
  const updated: ConfigMapLike = await store.update(
    served('configmaps'),
    { namespace: 'default', name: 'raced' },
    async (current: ConfigMapLike) => {
      seen.push(current.data?.['n'] ?? '')
      if (seen.length === 1) await bump('raced')
      return withData(current, { ...current.data, mine: 'yes' })
    },
    { user },
    signal,
  )
  expect(seen).toEqual(['0', '1'])
  expect(updated.data).toEqual({ n: '1', mine: 'yes' })
})

/** Another API server's write. */
async function bump(name: string): Promise<void> {
  const key = `/registry/configmaps/default/${name}`
  const found = await storage.get(key, signal)
  const value = Buffer.from((found?.value.toString('utf8') ?? '').replace('"n":"0"', '"n":"1"'))
  await storage.put(key, value, { expectedRevision: found?.modRevision ?? 0 }, signal)
}

test('update() refuses a resourceVersion that is not the current one', async () => {
  const created = await createConfigMap('versions')
  const key = { namespace: 'default', name: 'versions' }
  await store.update(served('configmaps'), key, (current) => withData(current, { a: 'b' }), { user }, signal)
  const stale = store.update(served('configmaps'), key, () => withData(created, { c: 'd' }), { user }, signal)
  await expect(stale).rejects.toSatisfy((error) => hasReason(error, 'Conflict'))
})

test('update() that changes nothing writes nothing', async () => {
  await createConfigMap('still', { a: 'b' })
  const before = await storage.currentRevision(signal)
  const key = { namespace: 'default', name: 'still' }
  await store.update(served('configmaps'), key, (current) => ({ ...current }), { user }, signal)
  expect(await storage.currentRevision(signal)).toBe(before)
})

test('update() keeps what belongs to the server', async () => {
  const created = await createConfigMap('system')
  const key = { namespace: 'default', name: 'system' }
  const updated = await store.update(
    served('configmaps'),
    key,
    (current) => ({
      ...current,
      metadata: { ...current.metadata, creationTimestamp: '1999-01-01T00:00:00Z', uid: '' },
    }),
    { user },
    signal,
  )
  expect(updated.metadata).toMatchObject({
    uid: created.metadata.uid,
    creationTimestamp: created.metadata.creationTimestamp,
  })
})

test('update() refuses with the reason of the one who changes', async () => {
  await createConfigMap('refused')
  const refusal = forbidden(served('configmaps').facts, 'refused', 'no')
  const change = (): ApiObject => {
    throw refusal
  }
  const key = { namespace: 'default', name: 'refused' }
  await expect(store.update(served('configmaps'), key, change, { user }, signal)).rejects.toBe(refusal)
})

test('delete() of what is not there is NotFound', async () => {
  const gone = store.delete(served('configmaps'), { namespace: 'default', name: 'never' }, { user }, signal)
  await expect(gone).rejects.toThrow('configmaps "never" not found')
})

test('delete() removes an object once its last finalizer is gone', async () => {
  const draft = { metadata: { name: 'held', finalizers: ['example.com/x'] } }
  await store.create(served('configmaps'), 'default', draft, { user }, signal)
  const key = { namespace: 'default', name: 'held' }
  const marked = await store.delete(served('configmaps'), key, { user }, signal)
  expect(marked.deleted).toBe(false)
  const free = (current: ApiObject): ApiObject => {
    const { finalizers: _finalizers, ...metadata } = current.metadata
    return { ...current, metadata }
  }
  await store.update(served('configmaps'), key, free, { user }, signal)
  await expect(store.get(served('configmaps'), key, signal)).rejects.toThrow('not found')
})

test('a kind that is stored as another version is read in both', async () => {
  const v1 = store.resource('autoscaling', 'horizontalpodautoscalers', 'v1')
  if (v1 === undefined) throw new Error('autoscaling/v1')
  const spec = { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' } }
  const draft = { metadata: { name: 'h' }, spec: { ...spec, targetCPUUtilizationPercentage: 40 } }
  const created = await store.create(v1, 'default', draft, { user }, signal)
  expect(created.apiVersion).toBe('autoscaling/v1')
  expect(await storedText('/registry/horizontalpodautoscalers/default/h')).toContain('"apiVersion":"autoscaling/v2"')
  const v2 = await store.get(
    served('horizontalpodautoscalers', 'autoscaling'),
    { namespace: 'default', name: 'h' },
    signal,
  )
  expect(v2).toMatchObject({ apiVersion: 'autoscaling/v2', spec: { metrics: [{ type: 'Resource' }] } })
})

test('update() that would change nothing looks whether the state it began with is still there', async () => {
  let gate = Promise.resolve()
  const watch: Storage['watch'] = async function* (...input) {
    for await (const batch of storage.watch(...input)) {
      await gate
      yield batch
    }
  }
  const late = new WatchCache({ storage: { ...storage, watch }, clock: systemClock, logger: silentLogger })
  for (const resource of resources.all())
    if (resource.facts.storagePrefix !== undefined) late.cache(storagePrefix(resource))
  const stop = new AbortController()
  const feeding = late.run(stop.signal)
  const schemas = compileSchema(definitions)
  const admission = (): ReturnType<typeof createAdmissionChain> => createAdmissionChain([])
  const behind = createStore({
    resources,
    schemas,
    storage,
    caches: late,
    admission,
    clock: systemClock,
    random: () => 0,
  })
  const put = async (value: string, options: object = {}): Promise<ApiObject> =>
    await behind.update(
      served('configmaps'),
      { namespace: 'default', name: 'back' },
      (old) => withData({ ...old, metadata: { ...old.metadata, resourceVersion: '' } }, { value }),
      { user, ...options },
      signal,
    )
  const created = await createConfigMap('back', { value: 'first' })
  await late.reach(Number(created.metadata.resourceVersion))
  let open = (): void => {}
  gate = new Promise((resolve) => {
    open = resolve
  })
  const second = await put('second')
  const [again, tried] = [put('first'), put('second', { dryRun: true })]
  setTimeout(open, 20)
  expect(Number((await again).metadata.resourceVersion)).toBeGreaterThan(Number(second.metadata.resourceVersion))
  expect((await tried).metadata.resourceVersion).not.toBe(created.metadata.resourceVersion)
  expect(await storedText('/registry/configmaps/default/back')).toContain('"value":"first"')
  stop.abort()
  await feeding
})

test('delete() answers with the revision of the deletion', async () => {
  const created = await createConfigMap('removed')
  const key = { namespace: 'default', name: 'removed' }
  const { object } = await store.delete(served('configmaps'), key, { user }, signal)
  expect(Number(object.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion))
  expect(Number(object.metadata.resourceVersion)).toBe(await storage.currentRevision(signal))
})
