import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RawClient, rawClient } from '../test/fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../test/fixtures/control-plane.ts'
import { eventually, run } from '../test/fixtures/process.ts'

let plane: TestControlPlane
let api: RawClient
beforeAll(async () => {
  plane = await startControlPlane({ flags: ['--disable-admission-plugins=ServiceAccount'] })
  api = await rawClient(plane)
})
afterAll(async () => await plane.close())

async function kubectl(...args: string[]): Promise<string> {
  return await run('kubectl', [`--kubeconfig=${plane.kubeconfig}`, ...args])
}

const configMaps = '/api/v1/namespaces/default/configmaps'

function configMap(name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data }
}

test('GET namespaces shows those that every cluster has', async () => {
  const names = await kubectl('get', 'namespaces', '-o', 'name')
  expect(names.trim().split('\n')).toEqual([
    'namespace/default',
    'namespace/kube-node-lease',
    'namespace/kube-public',
    'namespace/kube-system',
  ])
})

test('GET of the Service kubernetes shows the first address of the range', async () => {
  const { json } = await api.send('/api/v1/namespaces/default/services/kubernetes')
  expect(json.spec.clusterIP).toBe('10.96.0.1')
  const endpoints = await api.send('/api/v1/namespaces/default/endpoints/kubernetes')
  expect(endpoints.json.subsets[0].addresses).toEqual([{ ip: '192.0.2.1' }])
})

test('POST creates an object with system fields, and refuses it the second time', async () => {
  const created = await api.send(configMaps, { method: 'POST', body: configMap('twice', { a: 'b' }) })
  expect(created.code).toBe(201)
  expect(created.json.metadata).toMatchObject({ name: 'twice', namespace: 'default' })
  expect(created.json.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
  expect(Number(created.json.metadata.resourceVersion)).toBeGreaterThan(0)
  const again = await api.send(configMaps, { method: 'POST', body: configMap('twice') })
  expect(again.code).toBe(409)
  expect(again.json).toMatchObject({
    kind: 'Status',
    reason: 'AlreadyExists',
    message: 'configmaps "twice" already exists',
    details: { name: 'twice', kind: 'configmaps' },
  })
})

test('POST with generateName makes a name of its own', async () => {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'gen-' } }
  const { json } = await api.send(configMaps, { method: 'POST', body })
  expect(json.metadata.name).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
})

test('POST with dryRun=All answers as if it were created, and stores nothing', async () => {
  const { code } = await api.send(`${configMaps}?dryRun=All`, { method: 'POST', body: configMap('dry') })
  expect(code).toBe(201)
  expect((await api.send(`${configMaps}/dry`)).code).toBe(404)
})

test('POST refuses what is no object in upstream words', async () => {
  const broken = await api.send(configMaps, { method: 'POST', body: 'nonsense' })
  expect(broken.code).toBe(400)
  expect(broken.json.message).toContain('the object provided is unrecognized (must be of type ConfigMap)')
  const wrong = await api.send(configMaps, { method: 'POST', body: '<a/>', contentType: 'text/xml' })
  expect(wrong.code).toBe(415)
  const big = await api.send(configMaps, { method: 'POST', body: Buffer.alloc(3 * 1024 * 1024 + 1, 32) })
  expect(big.code).toBe(413)
})

test('POST warns of unknown fields, and refuses them when strict', async () => {
  const body = { ...configMap('unknown-field'), extra: 1 }
  const warned = await api.send(configMaps, { method: 'POST', body })
  expect(warned.headers['warning']).toBe('299 - "unknown field \\"extra\\""')
  const strict = await api.send(`${configMaps}?fieldValidation=Strict`, { method: 'POST', body })
  expect(strict.json.message).toBe(
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "extra"',
  )
})

test('POST into a namespace that is not there is refused', async () => {
  const { code, json } = await api.send('/api/v1/namespaces/nowhere/configmaps', {
    method: 'POST',
    body: configMap('a'),
  })
  expect(code).toBe(404)
  expect(json.message).toBe('namespaces "nowhere" not found')
})

test('PUT refuses a stale resourceVersion and bumps the generation only for the spec', async () => {
  const deployments = '/apis/apps/v1/namespaces/default/deployments'
  const body = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'put' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  }
  const created = (await api.send(deployments, { method: 'POST', body })).json
  expect(created.metadata.generation).toBe(1)
  const scaled = { ...created, spec: { ...created.spec, replicas: 3 } }
  const updated = (await api.send(`${deployments}/put`, { method: 'PUT', body: scaled })).json
  expect(updated.metadata.generation).toBe(2)
  const stale = await api.send(`${deployments}/put`, { method: 'PUT', body: scaled })
  expect(stale.code).toBe(409)
  expect(stale.json.message).toBe(
    'Operation cannot be fulfilled on deployments.apps "put": the object has been modified; please apply your changes to the latest version and try again',
  )
  const withStatus = { ...updated, status: { replicas: 3 } }
  const status = (await api.send(`${deployments}/put/status`, { method: 'PUT', body: withStatus })).json
  expect(status.metadata.generation).toBe(2)
  expect(status.status.replicas).toBe(3)
})

test('PUT that changes nothing keeps the resourceVersion', async () => {
  const created = (await api.send(configMaps, { method: 'POST', body: configMap('same', { a: 'b' }) })).json
  const again = (await api.send(`${configMaps}/same`, { method: 'PUT', body: created })).json
  expect(again.metadata.resourceVersion).toBe(created.metadata.resourceVersion)
})

test('PATCH understands its content types', async () => {
  await api.send(configMaps, { method: 'POST', body: configMap('patched', { a: '1' }) })
  const merge = await api.send(`${configMaps}/patched`, {
    method: 'PATCH',
    contentType: 'application/merge-patch+json',
    body: { data: { b: '2' } },
  })
  expect(merge.json.data).toEqual({ a: '1', b: '2' })
  const json = await api.send(`${configMaps}/patched`, {
    method: 'PATCH',
    contentType: 'application/json-patch+json',
    body: [{ op: 'remove', path: '/data/a' }],
  })
  expect(json.json.data).toEqual({ b: '2' })
  const strategic = await api.send(`${configMaps}/patched`, {
    method: 'PATCH',
    contentType: 'application/strategic-merge-patch+json',
    body: { data: { $patch: 'replace', c: '3' } },
  })
  expect(strategic.json.data).toEqual({ c: '3' })
  const wrong = await api.send(`${configMaps}/patched`, { method: 'PATCH', body: {} })
  expect(wrong.code).toBe(415)
})

test('PATCH by many at once loses no change', async () => {
  await api.send(configMaps, { method: 'POST', body: configMap('busy') })
  const patches = Array.from({ length: 20 }, async (_, index) => {
    const body = { data: { [`k${index}`]: 'v' } }
    return await api.send(`${configMaps}/busy`, { method: 'PATCH', contentType: 'application/merge-patch+json', body })
  })
  expect((await Promise.all(patches)).map(({ code }) => code)).toEqual(Array.from({ length: 20 }, () => 200))
  expect(Object.keys((await api.send(`${configMaps}/busy`)).json.data)).toHaveLength(20)
})

test('DELETE answers with a Status, checks preconditions, and waits for finalizers', async () => {
  const body = { ...configMap('held'), metadata: { name: 'held', finalizers: ['example.com/hold'] } }
  const { json } = await api.send(configMaps, { method: 'POST', body })
  const wrong = await api.send(`${configMaps}/held`, { method: 'DELETE', body: { preconditions: { uid: 'other' } } })
  expect(wrong.code).toBe(409)
  const marked = await api.send(`${configMaps}/held`, { method: 'DELETE' })
  expect(marked.json.metadata.deletionTimestamp).toBeDefined()
  const contentType = 'application/merge-patch+json'
  await api.send(`${configMaps}/held`, { method: 'PATCH', contentType, body: { metadata: { finalizers: null } } })
  expect((await api.send(`${configMaps}/held`)).code).toBe(404)
  await api.send(configMaps, { method: 'POST', body: configMap('gone') })
  const gone = await api.send(`${configMaps}/gone`, { method: 'DELETE' })
  expect(gone.json).toMatchObject({ kind: 'Status', status: 'Success', details: { name: 'gone', kind: 'configmaps' } })
  expect(json.metadata.uid).not.toBe(gone.json.details.uid)
})

test('DELETE of a running pod waits for its node, and grace period 0 does not', async () => {
  const pods = '/api/v1/namespaces/default/pods'
  const pod = (name: string, spec: object): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  })
  await api.send(pods, { method: 'POST', body: pod('scheduled', { nodeName: 'n1' }) })
  const marked = (await api.send(`${pods}/scheduled`, { method: 'DELETE' })).json
  expect(marked.metadata.deletionGracePeriodSeconds).toBe(30)
  await api.send(`${pods}/scheduled`, { method: 'DELETE', body: { gracePeriodSeconds: 0 } })
  expect((await api.send(`${pods}/scheduled`)).code).toBe(404)
  await api.send(pods, { method: 'POST', body: pod('pending', {}) })
  await api.send(`${pods}/pending`, { method: 'DELETE' })
  expect((await api.send(`${pods}/pending`)).code).toBe(404)
})

test('DELETE of a collection takes what the selector matches', async () => {
  for (const [name, group] of Object.entries({ d1: 'x', d2: 'x', d3: 'y' })) {
    await api.send(configMaps, { method: 'POST', body: configMap(name, {}, { group }) })
  }
  const deleted = await api.send(`${configMaps}?labelSelector=group%3Dx`, { method: 'DELETE' })
  expect(deleted.json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual(['d1', 'd2'])
  expect((await api.send(`${configMaps}/d3`)).code).toBe(200)
})

test('LIST pages through one consistent state', async () => {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'paged' } }
  await api.send('/api/v1/namespaces', { method: 'POST', body: namespace })
  const path = '/api/v1/namespaces/paged/configmaps'
  for (const name of ['a', 'b', 'c', 'd', 'e']) await api.send(path, { method: 'POST', body: configMap(name) })
  const first = (await api.send(`${path}?limit=2`)).json
  expect(names(first)).toEqual(['a', 'b'])
  expect(first.metadata.remainingItemCount).toBe(3)
  await api.send(`${path}/c`, { method: 'DELETE' })
  await api.send(path, { method: 'POST', body: configMap('bb') })
  const second = (await api.send(`${path}?limit=2&continue=${first.metadata.continue}`)).json
  expect(names(second)).toEqual(['c', 'd'])
  expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
  const third = (await api.send(`${path}?limit=2&continue=${second.metadata.continue}`)).json
  expect(names(third)).toEqual(['e'])
  expect(third.metadata.continue).toBeUndefined()
  expect(names((await api.send(path)).json)).toEqual(['a', 'b', 'bb', 'd', 'e'])
  const bad = await api.send(`${path}?continue=nonsense`)
  expect(bad.code).toBe(400)
})

function names(list: { items: { metadata: { name: string } }[] }): string[] {
  return list.items.map(({ metadata }) => metadata.name)
}

test('LIST at a future resourceVersion is refused after a while', async () => {
  const { code, json } = await api.send(`${configMaps}?resourceVersion=99999999`)
  expect(code).toBe(504)
  expect(json.message).toMatch(/^Timeout: Too large resource version: 99999999, current: \d+$/)
})

test('WATCH from a list sees every change after it, and selectors turn changes into others', async () => {
  const list = (await api.send(configMaps)).json
  const from = `watch=true&resourceVersion=${list.metadata.resourceVersion}`
  const all = await api.watch(`${configMaps}?${from}`)
  const some = await api.watch(`${configMaps}?${from}&labelSelector=color%3Dred`)
  const created = (await api.send(configMaps, { method: 'POST', body: configMap('w', {}, { color: 'blue' }) })).json
  const contentType = 'application/merge-patch+json'
  const patch = async (color: string): Promise<void> => {
    await api.send(`${configMaps}/w`, { method: 'PATCH', contentType, body: { metadata: { labels: { color } } } })
  }
  await patch('red')
  await patch('blue')
  await api.send(`${configMaps}/w`, { method: 'DELETE' })
  const seen = [await all.next(), await all.next(), await all.next(), await all.next()]
  expect(seen.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED'])
  expect(seen[0]?.object.metadata.resourceVersion).toBe(created.metadata.resourceVersion)
  expect([(await some.next()).type, (await some.next()).type]).toEqual(['ADDED', 'DELETED'])
  all.close()
  some.close()
})

test('WATCH with sendInitialEvents starts with the state and says where it ends', async () => {
  const path = '/apis/scheduling.k8s.io/v1/priorityclasses'
  const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
  const watch = await api.watch(`${path}?${query}`)
  const events = [await watch.next(), await watch.next(), await watch.next()]
  expect(events.map(({ type }) => type)).toEqual(['ADDED', 'ADDED', 'BOOKMARK'])
  expect(events[2]?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
  watch.close()
})

test('GET as a table shows the columns of the kind', async () => {
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
  const { json } = await api.send('/api/v1/namespaces/default/services', { headers: { accept } })
  expect(json.kind).toBe('Table')
  expect(json.columnDefinitions[0]).toMatchObject({ name: 'Name', type: 'string', format: 'name' })
  expect(json.rows[0].object.kind).toBe('PartialObjectMetadata')
})

test('unknown paths, resources and methods are answered as upstream does', async () => {
  const page = await api.send('/apis/nothing.example.com/v1/things')
  expect([page.code, page.text]).toEqual([404, '404 page not found\n'])
  const resource = await api.send('/api/v1/things')
  expect(resource.json).toMatchObject({ code: 404, message: 'the server could not find the requested resource' })
  const method = await api.send('/api/v1/namespaces', { method: 'DELETE' })
  expect(method.code).toBe(405)
  expect(method.json.message).toBe('the server does not allow this method on the requested resource')
  const accept = await api.send(configMaps, { headers: { accept: 'text/csv' } })
  expect(accept.code).toBe(406)
})

test('requests without credentials are anonymous, and may not read', async () => {
  const anonymous = await rawClient(plane, { cert: '', key: '' })
  const { code, json } = await anonymous.send(configMaps)
  expect(code).toBe(403)
  expect(json.message).toBe(
    'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "default"',
  )
  expect((await anonymous.send('/version')).json.gitVersion).toBe('v1.36.2')
  expect((await anonymous.send('/readyz')).text).toBe('ok')
})

test('kubectl get componentstatuses asks the components', async () => {
  const { json, headers } = await api.send('/api/v1/componentstatuses')
  expect(json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual([
    'controller-manager',
    'etcd-0',
    'scheduler',
  ])
  expect(json.items[1].conditions).toEqual([{ type: 'Healthy', status: 'True', message: 'ok' }])
  expect(headers['warning']).toContain('v1 ComponentStatus is deprecated in v1.19+')
  expect((await api.send('/api/v1/componentstatuses/nothing')).code).toBe(404)
})

test('kubectl creates, changes, waits for and deletes', async () => {
  expect(await kubectl('create', 'configmap', 'k', '--from-literal=a=b')).toBe('configmap/k created\n')
  expect(await kubectl('label', 'configmap', 'k', 'x=y')).toBe('configmap/k labeled\n')
  expect(await kubectl('get', 'configmap', 'k', '-o', 'jsonpath={.data.a}{.metadata.labels.x}')).toBe('by')
  expect(await kubectl('wait', '--for=jsonpath={.data.a}=b', 'configmap/k')).toBe('configmap/k condition met\n')
  expect(await kubectl('delete', 'configmap', 'k')).toContain('configmap "k" deleted')
})

test('a namespace is marked and waits for its finalizer', async () => {
  await kubectl('create', 'namespace', 'going')
  const marked = (await api.send('/api/v1/namespaces/going', { method: 'DELETE' })).json
  expect(marked.status.phase).toBe('Terminating')
  expect(marked.metadata.deletionTimestamp).toBeDefined()
  const body = { ...marked, spec: { finalizers: [] } }
  await api.send('/api/v1/namespaces/going/finalize', { method: 'PUT', body })
  expect((await api.send('/api/v1/namespaces/going')).code).toBe(404)
})

test('the server and its watches survive a crash of etcd', async () => {
  const list = (await api.send(configMaps)).json
  const watch = await api.watch(`${configMaps}?watch=true&resourceVersion=${list.metadata.resourceVersion}`)
  await plane.etcd.kill()
  await plane.etcd.restart()
  await eventually('a write after the crash', async () => {
    return (await api.send(configMaps, { method: 'POST', body: configMap('after-crash') })).code === 201
  })
  expect((await watch.next()).object.metadata.name).toBe('after-crash')
  watch.close()
})

test('the server comes back with all objects after a restart, and answers 410 to watches from before', async () => {
  const { json } = await api.send(configMaps, { method: 'POST', body: configMap('kept', { a: 'b' }) })
  const old = json.metadata.resourceVersion
  await api.send(`${configMaps}/kept`, { method: 'PUT', body: { ...json, data: { a: 'c' } } })
  await plane.restart()
  expect((await api.send(`${configMaps}/kept`)).json.data).toEqual({ a: 'c' })
  const watch = await api.watch(`${configMaps}?watch=true&resourceVersion=${old}`)
  expect(watch.code).toBe(200)
  const event = await watch.next()
  expect(event.type).toBe('ERROR')
  expect(event.object).toMatchObject({ code: 410, reason: 'Expired' })
  expect(event.object.message).toMatch(new RegExp(`^too old resource version: ${old} \\(\\d+\\)$`))
})
