/** The rows of the budget that concern the API server. Each fills what it needs, measures, and leaves the server to the next. */
import { setTimeout as delay } from 'node:timers/promises'
import { formatNumber, loadFigures, percentile } from '../statistics.ts'
import { openWatchers } from './http2-watchers.ts'
import { ask, type LoadResult, requestBytes, runLoad } from './load.ts'
import { definitionBody, nodeBody, podBody } from './objects.ts'
import type { Target } from './target.ts'

export type Settings = { readonly connections: number; readonly seconds: number; readonly namespace: string }

/** One line of the report. */
export type Row = { readonly what: string; readonly figure: string }

/** Measures one thing; gives one line or several. */
export type Measurement = (target: Target, settings: Settings) => Promise<readonly Row[]>

/** All measurements by name, in an order in which each finds what it needs. */
export const measurements: Readonly<Record<string, Measurement>> = {
  startup: async (target) =>
    target.readyMs === undefined
      ? []
      : [{ what: 'empty etcd to /readyz', figure: `${formatNumber(target.readyMs)} ms` }],
  idle: async (target) => await memory(target, 'resident memory, idle'),
  // Before the large lists: their garbage would be counted.
  cluster: fillCluster,
  create: createPods,
  get: getPod,
  list: listPods,
  watch: watchFanOut,
  definitions: defineKinds,
}

/** The first requests meet code that no compiler has seen yet: they are not counted, whatever server is measured. */
const warmUpMs = 8_000

const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`

async function createPods(target: Target, { connections, seconds, namespace }: Settings): Promise<readonly Row[]> {
  const path = `${pods(namespace)}?fieldManager=bench`
  const prefix = `create-${process.pid}`
  const request = (index: number): Buffer => requestBytes(target, 'POST', path, podBody(`${prefix}-${index}`))
  await runLoad(target, { connections, durationMs: warmUpMs, request: (index) => request(index + 10_000_000) })
  const row = await measureLoad(
    target,
    `create Pod, ${connections} connections`,
    async () => await runLoad(target, { connections, durationMs: seconds * 1000, request }),
  )
  await ask(
    target,
    'DELETE',
    pods(namespace),
    JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 }),
  )
  return [row]
}

async function getPod(target: Target, { connections, seconds, namespace }: Settings): Promise<readonly Row[]> {
  await ask(target, 'POST', pods(namespace), podBody('get'))
  const wire = requestBytes(target, 'GET', `${pods(namespace)}/get`)
  await runLoad(target, { connections, durationMs: warmUpMs, request: () => wire })
  return [
    await measureLoad(
      target,
      `get Pod, ${connections} connections`,
      async () => await runLoad(target, { connections, durationMs: seconds * 1000, request: () => wire }),
    ),
  ]
}

async function listPods(target: Target, { namespace }: Settings): Promise<readonly Row[]> {
  const rows: Row[] = []
  let filled = 0
  const listed = `${namespace}-list`
  await createNamespace(target, listed)
  for (const size of [100, 3_000, 30_000]) {
    await fill(target, size - filled, (index) => [pods(listed), podBody(`list-${size}-${index}`)])
    filled = size
    const wire = requestBytes(target, 'GET', pods(listed))
    const rounds = size > 10_000 ? 5 : 20
    const result = await runLoad(target, { connections: 1, request: (index) => (index < rounds ? wire : undefined) })
    const sorted = result.latenciesMs.toSorted((a, b) => a - b)
    const megabytes = result.bytes / rounds / 1e6
    rows.push({
      what: `list ${formatNumber(size)} pods (${formatNumber(megabytes)} MB)`,
      figure: `p50 ${formatNumber(percentile(sorted, 0.5))} ms, worst ${formatNumber(sorted.at(-1) ?? Number.NaN)} ms`,
    })
  }
  await ask(
    target,
    'DELETE',
    pods(listed),
    JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 }),
  )
  return rows
}

async function fillCluster(target: Target, { namespace }: Settings): Promise<readonly Row[]> {
  await fill(target, 1_000, (index) => ['/api/v1/nodes', nodeBody(`bench-${index}`)])
  await fill(target, 3_000, (index) => [pods(namespace), podBody(`cluster-${index}`, `bench-${index % 1_000}`)])
  return await memory(target, 'resident memory, 1,000 nodes and 3,000 pods')
}

async function watchFanOut(target: Target, { seconds, namespace }: Settings): Promise<readonly Row[]> {
  const count = 1_000
  const writers = 8
  const folder = `/api/v1/namespaces/${namespace}/configmaps`
  const changed = Array.from({ length: writers }, (_, index) => `watched-${index}`)
  for (const name of changed) await ask(target, 'POST', folder, configMap(name))
  const watchers = await openWatchers(target, { path: `${folder}?watch=1`, count, perConnection: 100 })
  const initial = await settled(watchers.events)
  const changing = (index: number): Buffer => {
    const path = `${folder}/${changed[index % writers]}`
    return requestBytes(target, 'PATCH', path, `{"data":{"a":"${index}"}}`, 'application/merge-patch+json')
  }
  const startMs = performance.now()
  await runLoad(target, { connections: writers, durationMs: seconds * 1000, request: changing })
  const events = (await settled(watchers.events)) - initial
  const took = (performance.now() - startMs - settleMs) / 1000
  const ended = watchers.ended()
  watchers.close()
  await ask(target, 'DELETE', folder)
  return [
    {
      what: `watch events delivered, ${formatNumber(count)} watchers over HTTP/2`,
      figure: `${formatNumber(events / took)}/s${ended === 0 ? '' : `, ${ended} watches ended early`}`,
    },
  ]
}

async function defineKinds(target: Target): Promise<readonly Row[]> {
  const count = 200
  const before = await target.residentMb()
  const startMs = performance.now()
  await fill(
    target,
    count,
    (index) => ['/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definitionBody(index)],
    4,
  )
  const discovered = await until(async () => {
    const { body } = await ask(target, 'GET', '/apis/bench.example/v1')
    return (body.match(/"kind":"Bench\d+"/g)?.length ?? 0) >= count
  })
  const tookMs = performance.now() - startMs
  await ask(target, 'GET', '/openapi/v2')
  const after = await target.residentMb()
  for (let index = 0; index < count; index++) {
    await ask(target, 'DELETE', `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/benches${index}.bench.example`)
  }
  const grown = before === undefined || after === undefined ? '' : `, ${formatNumber(after - before)} MB more`
  return [
    { what: `${count} CRDs created and discovered`, figure: `${discovered ? formatNumber(tookMs) : '-'} ms${grown}` },
  ]
}

async function memory(target: Target, what: string): Promise<readonly Row[]> {
  await delay(3_000)
  const megabytes = await target.residentMb()
  return megabytes === undefined ? [] : [{ what, figure: `${formatNumber(megabytes)} MB` }]
}

async function measureLoad(target: Target, what: string, load: () => Promise<LoadResult>): Promise<Row> {
  const before = await target.cpuSeconds()
  const result = await load()
  const after = await target.cpuSeconds()
  const { perSecond, p50Ms, p99Ms } = loadFigures(result.latenciesMs, result.seconds)
  const cpu =
    before === undefined || after === undefined
      ? ''
      : `, ${formatNumber(((after - before) / result.latenciesMs.length) * 1e6)} µs of CPU each`
  const refused = [...result.refused].map(([code, times]) => `, ${times} × ${code}`).join('')
  const figure = `${formatNumber(perSecond)}/s, p50 ${formatNumber(p50Ms)} ms, p99 ${formatNumber(p99Ms)} ms${cpu}${refused}`
  return { what, figure }
}

/** Creates `count` objects; fails when one is refused. */
async function fill(
  target: Target,
  count: number,
  object: (index: number) => readonly [path: string, body: string],
  connections = 16,
): Promise<void> {
  const { refused } = await runLoad(target, {
    connections,
    request: (index) => (index < count ? requestBytes(target, 'POST', ...object(index)) : undefined),
  })
  const problems = [...refused].filter(([code]) => code !== 409)
  if (problems.length > 0)
    throw new Error(`filling was refused: ${problems.map(([code, n]) => `${n} × ${code}`).join(', ')}`)
}

/** Makes a namespace and waits until pods can be created in it; no controller may be there to make its ServiceAccount. */
export async function createNamespace(target: Target, name: string): Promise<void> {
  await ask(
    target,
    'POST',
    '/api/v1/namespaces',
    JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
  )
}

function configMap(name: string): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: 'b' } })
}

const settleMs = 1_000

/** The count when it has not grown for a second. */
async function settled(count: () => number): Promise<number> {
  for (let last = -1; ; ) {
    const now = count()
    if (now === last) return now
    last = now
    await delay(settleMs)
  }
}

async function until(check: () => Promise<boolean>): Promise<boolean> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    if (await check()) return true
    await delay(10)
  }
  return false
}
