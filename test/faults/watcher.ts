/** A client as client-go's reflector: a state, then changes from its last revision on; 410 leads to a new state. */
import { setTimeout as delay } from 'node:timers/promises'
import { createConnection, type Protocol, watchLines } from './client.ts'
import type { Item, Scope, Step } from './history.ts'
import { itemOf, kinds } from './objects.ts'
import type { Recorder } from './recorder.ts'

export type WatcherPlan = {
  readonly name: string
  readonly protocol: Protocol
  readonly scope: Scope
  /** `list`: in one piece; `pages`: by seven; `stream`: the watch sends the state itself. */
  readonly state: 'list' | 'pages' | 'stream'
  readonly bookmarks?: true
  /** The server ends the watch after this long. */
  readonly timeoutSeconds?: number
}

export type RunningWatcher = {
  readonly position: () => number
  readonly done: Promise<void>
  readonly record: (step: Step) => void
  readonly figures: { states: number; events: number; bookmarks: number; resumed: number; expired: number }
}

const pageSize = 7
const retryMs = 50

/** Watches until `signal` aborts, now on this server, now on that. */
export function startWatcher(
  plan: WatcherPlan,
  ports: readonly number[],
  recorder: Recorder,
  signal: AbortSignal,
): RunningWatcher {
  const record = recorder.watch(plan.name, plan.scope)
  const figures = { states: 0, events: 0, bookmarks: 0, resumed: 0, expired: 0 }
  const place: Place = { position: 0, isPlaced: false }
  const follow = async (): Promise<void> => {
    for (let turn = 0; !signal.aborted; turn++) {
      const port = ports[turn % ports.length] ?? 0
      if (!place.isPlaced && plan.state !== 'stream') {
        const state = await listState(plan, port).catch(() => undefined)
        if (state !== undefined) {
          record({ type: 'state', at: recorder.tick(), ...state })
          place.position = state.revision
          place.isPlaced = true
          figures.states += 1
        }
      } else {
        if (place.isPlaced) figures.resumed += 1
        await watchOnce(plan, port, place, recorder, record, figures, signal)
      }
      await delay(retryMs, undefined, { signal }).catch(() => {})
    }
  }
  return { position: () => (place.isPlaced ? place.position : 0), done: follow(), record, figures }
}

type Place = { position: number; isPlaced: boolean }

async function watchOnce(
  plan: WatcherPlan,
  port: number,
  place: Place,
  recorder: Recorder,
  record: (step: Step) => void,
  figures: RunningWatcher['figures'],
  signal: AbortSignal,
): Promise<void> {
  const { resource } = plan.scope
  // Comes with the initial events of a stream.
  const initial: Item[] = []
  for await (const { code, line } of watchLines(plan.protocol, port, watchPath(plan, place), signal)) {
    // Some refusals are plain text.
    if (code !== 200 && !line.startsWith('{')) return
    const { type, object, code: refused } = JSON.parse(line)
    if (code === 410 || refused === 410 || object?.code === 410) {
      place.isPlaced = false
      figures.expired += 1
      return
    }
    if (code !== 200 || type === 'ERROR') return
    const at = recorder.tick()
    const revision = Number(object.metadata.resourceVersion)
    if (type === 'BOOKMARK') {
      if (place.isPlaced) record({ type: 'bookmark', at, revision })
      else if (object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true') {
        record({ type: 'state', at, revision, items: initial })
        place.isPlaced = true
        figures.states += 1
      }
      figures.bookmarks += 1
      place.position = revision
    } else if (place.isPlaced) {
      record({ type, at, ...itemOf(resource, object) })
      figures.events += 1
      place.position = revision
    } else initial.push(itemOf(resource, object))
  }
}

function watchPath({ scope, state, bookmarks, timeoutSeconds }: WatcherPlan, { position, isPlaced }: Place): string {
  const query = selectors(scope)
  query.set('watch', 'true')
  if (isPlaced) query.set('resourceVersion', String(position))
  if (bookmarks === true || state === 'stream') query.set('allowWatchBookmarks', 'true')
  if (timeoutSeconds !== undefined) query.set('timeoutSeconds', String(timeoutSeconds))
  if (!isPlaced) {
    query.set('sendInitialEvents', 'true')
    query.set('resourceVersionMatch', 'NotOlderThan')
  }
  return `${pathOf(scope)}?${query.toString()}`
}

async function listState(
  plan: WatcherPlan,
  port: number,
): Promise<{ readonly revision: number; readonly items: readonly Item[] }> {
  const connection = createConnection(port)
  try {
    const items: Item[] = []
    const query = selectors(plan.scope)
    if (plan.state === 'pages') query.set('limit', String(pageSize))
    for (;;) {
      const { code, json } = await connection.send({ method: 'GET', path: `${pathOf(plan.scope)}?${query.toString()}` })
      if (code !== 200) throw new Error(`list answered ${code}`)
      items.push(...json.items.map((object: object) => itemOf(plan.scope.resource, object)))
      const { resourceVersion, continue: more = '' } = json.metadata
      if (more === '') return { revision: Number(resourceVersion), items }
      query.set('continue', more)
    }
  } finally {
    connection.close()
  }
}

function pathOf({ resource }: Scope): string {
  return kinds.find((kind) => kind.resource === resource)?.path ?? ''
}

/** The query that asks for the scope. */
export function selectors({ group, name }: Scope): URLSearchParams {
  const query = new URLSearchParams()
  if (group !== undefined) query.set('labelSelector', `group=${group}`)
  if (name !== undefined) query.set('fieldSelector', `metadata.name=${name}`)
  return query
}
