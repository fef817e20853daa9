import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Client } from '../../client/rest/client.ts'
import type { Answer, Request } from '../../client/rest/transport.ts'
import { silentLogger } from '../../component-base/logger.ts'
import { ClusterWatch } from './cluster.ts'

type Metadata = {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
}
type Item = { readonly metadata: Metadata; readonly spec: unknown; readonly status: unknown }
type Stream = { readonly send: (type: string, object: Item) => void; readonly isOpen: () => boolean }

/** Whose list or watch it is; the pods of this node and of all others are two. */
type Topic = 'policies' | 'namespaces' | 'locals' | 'others'

function topicOf({ path }: Request): Topic {
  const url = new URL(path, 'http://server')
  if (url.pathname.endsWith('/networkpolicies')) return 'policies'
  if (url.pathname.endsWith('/namespaces')) return 'namespaces'
  return url.searchParams.get('fieldSelector')?.includes('spec.nodeName!=') === true ? 'others' : 'locals'
}

/** An API server of four collections, whose lists can be held back. */
class FakeServer {
  readonly lists: Topic[] = []
  readonly items: Record<Topic, Item[]> = { policies: [], namespaces: [], locals: [], others: [] }
  readonly #streams = new Map<Topic, Stream>()
  #hold: Promise<void> = Promise.resolve()

  readonly client = new Client({
    send: async (request, signal) => await this.#answer(request, signal),
    close: () => {},
  })

  /** Lists of pods of other nodes wait until the function is called. */
  holdOthers(): () => void {
    let open = () => {}
    this.#hold = new Promise((resolve) => {
      open = resolve
    })
    return open
  }

  isWatched(topic: Topic): boolean {
    return this.#streams.get(topic)?.isOpen() === true
  }

  /** Changes a collection and tells who watches it. */
  change(topic: Topic, type: 'ADDED' | 'MODIFIED' | 'DELETED', item: Item): void {
    const rest = this.items[topic].filter(({ metadata }) => metadata.name !== item.metadata.name)
    this.items[topic] = type === 'DELETED' ? rest : [...rest, item]
    this.#streams.get(topic)?.send(type, item)
  }

  async #answer(request: Request, signal: AbortSignal): Promise<Answer> {
    const topic = topicOf(request)
    if (request.path.includes('watch=')) return { status: 200, headers: {}, body: this.#watch(topic, signal) }
    this.lists.push(topic)
    if (topic === 'others') await this.#hold
    const body = Buffer.from(
      JSON.stringify({ kind: 'List', metadata: { resourceVersion: '1' }, items: this.items[topic] }),
    )
    return {
      status: 200,
      headers: {},
      body: (async function* () {
        yield body
      })(),
    }
  }

  async *#watch(topic: Topic, signal: AbortSignal): AsyncGenerator<Buffer> {
    const lines: Buffer[] = []
    let wake = () => {}
    this.#streams.set(topic, {
      send: (type, object) => {
        lines.push(Buffer.from(`${JSON.stringify({ type, object })}\n`))
        wake()
      },
      isOpen: () => !signal.aborted,
    })
    signal.addEventListener('abort', () => wake(), { once: true })
    for (;;) {
      yield* lines.splice(0)
      signal.throwIfAborted()
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}

let version = 10
const item = (name: string, nodeName?: string): Item => {
  version += 1
  const metadata = { name, namespace: 'ns', uid: `uid-${name}-${version}`, resourceVersion: `${version}` }
  return { metadata, spec: { containers: [], ...(nodeName !== undefined && { nodeName }) }, status: {} }
}
const again = ({ metadata, ...rest }: Item): Item => {
  version += 1
  return { metadata: { ...metadata, resourceVersion: `${version}` }, ...rest }
}

/** Runs a ClusterWatch on a server; `told` is what the enforcer heard, `pause` ends the one sleep under way. */
async function follow<T>(
  server: FakeServer,
  judge: (
    cluster: ClusterWatch,
    told: string[],
    until: (isSo: () => boolean) => Promise<void>,
    pause: () => void,
  ) => Promise<T>,
): Promise<T> {
  const told: string[] = []
  const tell =
    (what: string) =>
    ({ metadata }: { readonly metadata: { readonly name: string } }, isGone = false) => {
      told.push(`${isGone ? '-' : '+'}${what} ${metadata.name}`)
      return true
    }
  let pause = () => {}
  const cluster = new ClusterWatch({
    ...{ client: server.client, nodeName: 'here', logger: silentLogger, changed: () => {} },
    enforcer: { setPolicy: tell('policy'), setNamespace: tell('namespace'), setPod: tell('pod') },
    clock: {
      now: () => 0,
      sleep: async (_, signal) =>
        await new Promise<void>((resolve, reject) => {
          pause = resolve
          signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        }),
    },
  })
  const stop = new AbortController()
  const running = cluster.run(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  const until = async (isSo: () => boolean) => {
    for (let turns = 0; !isSo(); turns++) {
      if (turns > 1_000) throw new Error(`in vain; told: ${told.join(', ')}`)
      await turn()
    }
  }
  try {
    return await judge(cluster, told, until, () => pause())
  } finally {
    stop.abort(new Error('end of test'))
    await running
  }
}

test('ClusterWatch asks for policies and the pods of its node, and for no others while there is no policy', async () => {
  const server = new FakeServer()
  server.items.locals.push(item('mine', 'here'))
  server.items.others.push(item('far'))
  await follow(server, async (cluster, told, until) => {
    await until(() => cluster.isCurrent && server.isWatched('locals'))
    expect(told).toEqual(['+pod mine'])
    expect(server.lists.toSorted()).toEqual(['locals', 'policies'])
  })
})

test('ClusterWatch tells of the first policy only with the pods and namespaces of the whole cluster', async () => {
  const server = new FakeServer()
  server.items.others.push(item('far'))
  server.items.namespaces.push(item('ns'))
  const open = server.holdOthers()
  await follow(server, async (cluster, told, until) => {
    await until(() => cluster.isCurrent && server.isWatched('policies'))
    server.change('policies', 'ADDED', item('deny'))
    await until(() => server.lists.includes('others') && server.isWatched('namespaces'))
    expect(cluster.isCurrent).toBe(false)
    expect(told).toEqual([])
    open()
    await until(() => cluster.isCurrent)
    expect(told).toEqual(['+namespace ns', '+pod far', '+policy deny'])
    server.change('policies', 'ADDED', item('allow'))
    await until(() => told.includes('+policy allow'))
  })
})

test('ClusterWatch is not current at the start before the pods that present policies choose from are known', async () => {
  const server = new FakeServer()
  server.items.policies.push(item('deny'))
  const open = server.holdOthers()
  await follow(server, async (cluster, told, until) => {
    await until(() => server.lists.includes('others') && server.isWatched('locals') && server.isWatched('namespaces'))
    expect(cluster.isCurrent).toBe(false)
    open()
    await until(() => cluster.isCurrent)
    expect(told).toEqual(['+policy deny'])
  })
})

test('ClusterWatch ends both watches a while after the last policy is gone, and keeps the pods of its node', async () => {
  const server = new FakeServer()
  const deny = item('deny')
  server.items.policies.push(deny)
  server.items.locals.push(item('mine', 'here'))
  server.items.others.push(item('far'))
  server.items.namespaces.push(item('ns'))
  await follow(server, async (cluster, told, until, pause) => {
    await until(() => cluster.isCurrent && server.isWatched('policies') && server.isWatched('others'))
    told.length = 0
    server.change('policies', 'DELETED', deny)
    await until(() => told.includes('-policy deny'))
    expect(server.isWatched('others')).toBe(true)
    pause()
    await until(() => !server.isWatched('others') && !server.isWatched('namespaces'))
    expect(told).toEqual(['-policy deny', '-pod far', '-namespace ns'])
    expect(server.isWatched('locals')).toBe(true)
    server.change('policies', 'ADDED', deny)
    await until(() => told.includes('+policy deny'))
    expect(told.slice(3)).toEqual(['+namespace ns', '+pod far', '+policy deny'])
  })
})

test('ClusterWatch does not list the cluster again for a policy that is deleted and made again', async () => {
  const server = new FakeServer()
  const deny = item('deny')
  server.items.policies.push(deny)
  await follow(server, async (cluster, told, until, pause) => {
    await until(() => cluster.isCurrent && server.isWatched('policies') && server.isWatched('others'))
    server.change('policies', 'DELETED', deny)
    server.change('policies', 'ADDED', again(deny))
    server.change('policies', 'DELETED', again(deny))
    await until(() => told.filter((line) => line === '-policy deny').length === 2)
    pause()
    await turn()
    expect(server.isWatched('others')).toBe(true)
    server.change('policies', 'ADDED', again(deny))
    await until(() => told.filter((line) => line === '+policy deny').length === 3)
    expect(server.lists.filter((topic) => topic === 'others')).toEqual(['others'])
  })
})

test.each([['told before'], ['told after']])(
  'ClusterWatch keeps a pod that is bound to its node, where the watch of the others has lost it %s',
  async (order) => {
    const server = new FakeServer()
    const pending = item('web')
    server.items.policies.push(item('deny'))
    server.items.others.push(pending)
    await follow(server, async (cluster, told, until) => {
      await until(() => cluster.isCurrent && server.isWatched('locals') && server.isWatched('others'))
      const bound = again(pending)
      const lose = async () => {
        const before = told.length
        server.change('others', 'DELETED', bound)
        await until(() => told.length > before)
      }
      if (order === 'told before') await lose()
      server.change('locals', 'ADDED', bound)
      await until(() => cluster.pod('ns/web') !== undefined)
      if (order === 'told after') await lose()
      expect(told.at(-1)).toBe('+pod web')
    })
  },
)

test('ClusterWatch takes the namesake on another node for the pod that its own node has just lost', async () => {
  const server = new FakeServer()
  const old = item('web-0', 'here')
  server.items.policies.push(item('deny'))
  server.items.locals.push(old)
  await follow(server, async (cluster, told, until) => {
    await until(() => cluster.isCurrent && server.isWatched('locals') && server.isWatched('others'))
    server.change('others', 'ADDED', item('web-0', 'there'))
    await until(() => told.length === 3)
    server.change('locals', 'DELETED', old)
    await until(() => cluster.pod('ns/web-0') === undefined)
    expect(told.at(-1)).toBe('+pod web-0')
  })
})
