/** One run: processes, clients and faults together; then the verdict over what was recorded. */

import { setMaxListeners } from 'node:events'
import { eventually } from '../fixtures/process.ts'
import { type ChaosFigures, runChaos } from './chaos.ts'
import { checkHistory } from './checker.ts'
import { createConnection } from './client.ts'
import type { Violation } from './history.ts'
import { kinds, namespace, thingDefinition, tokenAnnotation } from './objects.ts'
import { currentRevision, startOracle } from './oracle.ts'
import { type Processes, startProcesses } from './processes.ts'
import { Recorder } from './recorder.ts'
import { type RunningWatcher, startWatcher, type WatcherPlan } from './watcher.ts'
import { runWriters, type WriterFigures } from './writers.ts'

export type RunPlan = {
  /** The bundle of the API server. */
  readonly program: string
  readonly servers: number
  readonly seconds: number
  readonly connections: number
  readonly thinkMs: number
  readonly random: () => number
  readonly log: (text: string) => void
}

export type Report = {
  readonly violations: readonly Violation[]
  readonly writers: WriterFigures
  readonly chaos: ChaosFigures
  readonly changes: number
  readonly watches: readonly (RunningWatcher['figures'] & { readonly name: string })[]
}

const settleLimitMs = 60_000

const watchers: readonly WatcherPlan[] = [
  { name: 'configmaps 1', protocol: 'http/1.1', scope: { resource: 'configmaps' }, state: 'list' },
  { name: 'configmaps 2', protocol: 'h2', scope: { resource: 'configmaps' }, state: 'pages', bookmarks: true },
  { name: 'configmaps a', protocol: 'http/1.1', scope: { resource: 'configmaps', group: 'a' }, state: 'list' },
  { name: 'configmap 0', protocol: 'h2', scope: { resource: 'configmaps', name: 'object-0' }, state: 'list' },
  { name: 'pods 1', protocol: 'http/1.1', scope: { resource: 'pods' }, state: 'stream', timeoutSeconds: 5 },
  { name: 'pods 2', protocol: 'h2', scope: { resource: 'pods' }, state: 'stream', timeoutSeconds: 7 },
  { name: 'pods a', protocol: 'h2', scope: { resource: 'pods', group: 'a' }, state: 'pages', bookmarks: true },
  {
    name: 'things 1',
    protocol: 'h2',
    scope: { resource: 'things' },
    state: 'list',
    bookmarks: true,
    timeoutSeconds: 4,
  },
  { name: 'things a', protocol: 'http/1.1', scope: { resource: 'things', group: 'a' }, state: 'stream' },
  { name: 'thing 0', protocol: 'h2', scope: { resource: 'things', name: 'object-0' }, state: 'stream' },
]

/** Starts everything, lets it run, ends it and judges it. */
export async function runFaults(plan: RunPlan): Promise<Report> {
  const processes = await startProcesses(plan.program, plan.servers)
  const stop = new AbortController()
  try {
    const ports = processes.servers.map(({ port }) => port)
    await prepare(ports)
    const recorder = new Recorder()
    const { etcd } = processes
    const oracle = startOracle(etcd.url, (await currentRevision(etcd.url)) + 1, recorder, stop.signal)
    const running = watchers.map((watcher, at) => ({
      watcher,
      ...startWatcher(watcher, rotated(ports, at), recorder, stop.signal),
    }))
    const load = AbortSignal.timeout(plan.seconds * 1_000)
    // Every client listens to it.
    setMaxListeners(0, load, stop.signal)
    const { connections, thinkMs, random, log } = plan
    const [writers, chaos] = await Promise.all([
      runWriters({ ports, connections, thinkMs, random }, recorder, load),
      runChaos({ processes, oracle, random, log }, load),
    ])
    const last = await settle(processes, oracle.seen, running)
    for (const { record, watcher } of running) {
      record({ type: 'end', at: recorder.tick(), revision: last.get(watcher.scope.resource) ?? 0 })
    }
    stop.abort()
    await Promise.all([oracle.done, ...running.map(async ({ done }) => await done)])
    const history = recorder.history()
    return {
      violations: checkHistory(history),
      writers,
      chaos,
      changes: history.changes.length,
      watches: running.map(({ watcher: { name }, figures }) => ({ name, ...figures })),
    }
  } finally {
    stop.abort()
    await processes.close()
  }
}

function rotated<T>(all: readonly T[], by: number): readonly T[] {
  const at = by % all.length
  return [...all.slice(at), ...all.slice(0, at)]
}

async function prepare(ports: readonly number[]): Promise<void> {
  for (const [at, port] of ports.entries()) {
    const { send, close } = createConnection(port)
    if (at === 0) {
      await send({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: namespace } } })
      const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
      await send({ method: 'POST', path, body: thingDefinition })
    }
    for (const { path } of kinds) {
      await eventually(`${path} to be served`, async () => (await send({ method: 'GET', path })).code === 200)
    }
    close()
  }
}

/**
 * A last change of each kind, on the object that every watcher sees; waits until all have seen it. Returns its revisions. What
 * does not come shows as a missed event.
 */
async function settle(
  { servers }: Processes,
  seen: () => number,
  running: readonly { readonly watcher: WatcherPlan; readonly position: () => number }[],
): Promise<ReadonlyMap<string, number>> {
  const { send, close } = createConnection(servers[0]?.port ?? 0)
  const last = new Map<string, number>()
  for (const { resource, path, body } of kinds) {
    const revision = await eventually(`a last write of ${resource}`, async () => {
      const metadata = {
        name: 'object-0',
        labels: { group: 'a' },
        annotations: { [tokenAnnotation]: `end-${resource}` },
      }
      const applied = `${path}/object-0?fieldManager=end&force=true`
      const type = 'application/apply-patch+yaml'
      const { code, json } = await send({ method: 'PATCH', path: applied, body: { ...body, metadata }, type })
      return code < 300 && Number(json.metadata.resourceVersion)
    })
    last.set(resource, revision)
  }
  close()
  const highest = Math.max(...last.values())
  await eventually(
    'all watches to come to the end',
    () =>
      seen() >= highest &&
      running.every(({ watcher, position }) => position() >= (last.get(watcher.scope.resource) ?? 0)),
    settleLimitMs,
  ).catch(() => {})
  return last
}
