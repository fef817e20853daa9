/** Clients that write and read what they like, all on the same few objects, and record what they were told. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, createConnection, type Sending } from './client.ts'
import type { Outcome, Scope, Write } from './history.ts'
import { itemOf, type Kind, kinds, shown, tokenAnnotation } from './objects.ts'
import type { Recorder } from './recorder.ts'
import { selectors } from './watcher.ts'

export type WritersPlan = {
  readonly ports: readonly number[]
  readonly connections: number
  /** On average, between an answer and the next request. */
  readonly thinkMs: number
  readonly random: () => number
}

export type WriterFigures = { acknowledged: number; refused: number; unknown: number; reads: number }

const names = Array.from({ length: 20 }, (_, at) => `object-${at}`)
/** Some objects are larger than a window of HTTP/2. */
const largeShare = 0.01
const largeCharacters = 200_000
const refusals = new Set([400, 403, 404, 409, 410, 412, 422, 429])

type Client = {
  readonly id: number
  readonly plan: WritersPlan
  readonly recorder: Recorder
  readonly figures: WriterFigures
  readonly send: (sending: Sending) => Promise<Answer>
  /** What somebody was last told of each object. */
  readonly known: Map<string, { readonly revision: number; readonly uid: string }>
}

/** Runs all clients until `signal` aborts; resolves when each has its last answer. */
export async function runWriters(plan: WritersPlan, recorder: Recorder, signal: AbortSignal): Promise<WriterFigures> {
  const figures = { acknowledged: 0, refused: 0, unknown: 0, reads: 0 }
  const known: Client['known'] = new Map()
  await Promise.all(
    Array.from({ length: plan.connections }, async (_, id) => {
      const connection = createConnection(plan.ports[id % plan.ports.length] ?? 0)
      const client: Client = { id, plan, recorder, figures, send: connection.send, known }
      while (!signal.aborted) {
        await act(client)
        await delay(plan.random() * 2 * plan.thinkMs, undefined, { signal }).catch(() => {})
      }
      connection.close()
    }),
  )
  return figures
}

type Action = (client: Client, kind: Kind, name: string) => Promise<void>

const actions: readonly (readonly [weight: number, action: Action])[] = [
  [20, create],
  [18, update],
  [18, patch],
  [10, apply],
  [10, remove],
  [0.6, removeCollection],
  [16, get],
  [6, list],
]
const totalWeight = actions.reduce((sum, [weight]) => sum + weight, 0)

async function act(client: Client): Promise<void> {
  let drawn = client.plan.random() * totalWeight
  const [, action] = actions.find(([weight]) => {
    drawn -= weight
    return drawn < 0
  }) ?? [0, get]
  await action(client, pick(client, kinds), pick(client, names))
}

function pick<T>({ plan }: Client, all: readonly [T, ...T[]] | readonly T[]): T {
  const picked = all[Math.floor(plan.random() * all.length)]
  if (picked === undefined) throw new Error('nothing to pick from')
  return picked
}

type Content = {
  readonly annotations: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
}

function content(client: Client, token: string): Content {
  const { random } = client.plan
  const isLarge = random() < largeShare
  return {
    annotations: { [tokenAnnotation]: token, ...(isLarge ? { large: token.padEnd(largeCharacters, 'x') } : {}) },
    labels: { group: random() < 0.5 ? 'a' : 'b' },
  }
}

async function create(client: Client, kind: Kind, name: string): Promise<void> {
  await write(client, kind, name, 'create', (token) => ({
    sending: {
      method: 'POST',
      path: kind.path,
      body: { ...kind.body, metadata: { name, ...content(client, token) } },
    },
  }))
}

async function update(client: Client, kind: Kind, name: string): Promise<void> {
  const known = client.known.get(`${kind.resource}/${name}`)
  if (known === undefined) return
  await write(client, kind, name, 'update', (token) => ({
    sending: {
      method: 'PUT',
      path: `${kind.path}/${name}`,
      body: { ...kind.body, metadata: { name, resourceVersion: String(known.revision), ...content(client, token) } },
    },
    precondition: known.revision,
  }))
}

const patchTypes = [
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/json-patch+json',
]

async function patch(client: Client, kind: Kind, name: string): Promise<void> {
  const type = pick(client, patchTypes)
  if (kind.resource === 'things' && type.includes('strategic')) return
  await write(client, kind, name, 'patch', (token) => {
    const sets = { [`writer-${client.id}`]: token }
    const body = type.includes('json-patch')
      ? [
          { op: 'add', path: `/metadata/annotations/${tokenAnnotation.replace('/', '~1')}`, value: token },
          { op: 'add', path: `/metadata/annotations/writer-${client.id}`, value: token },
        ]
      : { metadata: { annotations: { [tokenAnnotation]: token, ...sets } } }
    return { sending: { method: 'PATCH', path: `${kind.path}/${name}`, body, type }, sets }
  })
}

async function apply(client: Client, kind: Kind, name: string): Promise<void> {
  await write(client, kind, name, 'apply', (token) => {
    const sets = { [`writer-${client.id}`]: token }
    return {
      sending: {
        method: 'PATCH',
        path: `${kind.path}/${name}?fieldManager=writer-${client.id}&force=true`,
        body: { ...kind.body, metadata: { name, annotations: { [tokenAnnotation]: token, ...sets } } },
        type: 'application/apply-patch+yaml',
      },
      sets,
    }
  })
}

async function remove(client: Client, kind: Kind, name: string): Promise<void> {
  const known = client.known.get(`${kind.resource}/${name}`)
  const precondition = known !== undefined && client.plan.random() < 0.5 ? known.revision : undefined
  const preconditions = precondition === undefined ? {} : { preconditions: { resourceVersion: String(precondition) } }
  await write(client, kind, name, 'delete', () => ({
    sending: {
      method: 'DELETE',
      path: `${kind.path}/${name}`,
      body: { kind: 'DeleteOptions', apiVersion: 'v1', ...preconditions },
    },
    ...(precondition === undefined ? {} : { precondition }),
  }))
}

async function removeCollection(client: Client, kind: Kind): Promise<void> {
  await write(client, kind, '', 'deletecollection', () => ({
    sending: { method: 'DELETE', path: `${kind.path}?labelSelector=group%3Da` },
  }))
}

type Prepared = { readonly sending: Sending } & Pick<Write, 'precondition' | 'sets'>

async function write(
  client: Client,
  { resource }: Kind,
  name: string,
  verb: Write['verb'],
  prepare: (token: string) => Prepared,
): Promise<void> {
  const { recorder, figures } = client
  const started = recorder.tick()
  const token = `w${client.id}-${started}`
  const { sending, precondition, sets } = prepare(token)
  const answer = await client.send(sending).catch(() => undefined)
  const code = answer?.code ?? 0
  const outcome = outcomeOf(code)
  figures[outcome] += 1
  const isRemoval = verb === 'delete' || verb === 'deletecollection'
  const key = name === '' ? resource : `${resource}/${name}`
  if (outcome === 'acknowledged' && !isRemoval) {
    const { resourceVersion, uid } = answer?.json.metadata ?? {}
    client.known.set(key, { revision: Number(resourceVersion), uid })
  }
  recorder.write({
    ...{ verb, key, token, outcome, code, started, ended: recorder.tick() },
    ...(outcome === 'acknowledged' ? told(isRemoval, answer?.json) : {}),
    ...(precondition === undefined ? {} : { precondition }),
    ...(sets === undefined ? {} : { sets: Object.fromEntries(Object.entries(sets).map(([k, v]) => [k, shown(v)])) }),
  })
}

function outcomeOf(code: number): Outcome {
  if (code >= 200 && code < 300) return 'acknowledged'
  return refusals.has(code) ? 'refused' : 'unknown'
}

/** The answer of a deletion is the object, a list of them, or a `Status` with the uid. */
function told(isRemoval: boolean, json: Answer['json']): Pick<Write, 'revision' | 'uids'> {
  if (!isRemoval) return { revision: Number(json.metadata.resourceVersion) }
  if (json.items !== undefined) {
    return { uids: json.items.map(({ metadata }: { metadata: { uid: string } }) => metadata.uid) }
  }
  return { uids: [json.details?.uid ?? json.metadata.uid] }
}

async function get(client: Client, kind: Kind, name: string): Promise<void> {
  const { recorder } = client
  const started = recorder.tick()
  const answer = await client.send({ method: 'GET', path: `${kind.path}/${name}` }).catch(() => undefined)
  if (answer === undefined || (answer.code !== 200 && answer.code !== 404)) return
  const found = answer.code === 200 ? itemOf(kind.resource, answer.json) : undefined
  if (found !== undefined) client.known.set(found.key, { revision: found.revision, uid: answer.json.metadata.uid })
  recorder.read({ type: 'get', key: `${kind.resource}/${name}`, found, started, ended: recorder.tick() })
  client.figures.reads += 1
}

async function list(client: Client, kind: Kind): Promise<void> {
  const { recorder, plan } = client
  const scope: Scope = { resource: kind.resource, ...(plan.random() < 0.5 ? { group: 'b' } : {}) }
  const started = recorder.tick()
  const answer = await client
    .send({ method: 'GET', path: `${kind.path}?${selectors(scope).toString()}` })
    .catch(() => undefined)
  if (answer?.code !== 200) return
  const { items, metadata } = answer.json
  recorder.read({
    ...{ type: 'list', scope, started, ended: recorder.tick(), revision: Number(metadata.resourceVersion) },
    items: items.map((object: object) => itemOf(kind.resource, object)),
  })
  client.figures.reads += 1
}
