import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { json as readJson } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority } from '../fixtures/certificates.ts'
import { eventually } from '../fixtures/process.ts'
import { createConnection, type Protocol, watchLines } from './client.ts'
import { type Processes, startProcesses } from './processes.ts'
import { bundleApiServer, type Program } from './program.ts'

let program: Program
let processes: Processes
beforeAll(async () => {
  program = await bundleApiServer()
  processes = await startProcesses(program.file, 1)
}, 120_000)
afterAll(async () => {
  await processes.close()
  await program.remove()
})

const path = '/api/v1/namespaces/default/configmaps'
const hold = { hold: 'yes' }

/** A webhook that keeps creations with the label `hold` under way until they are let go. */
async function startHolding(port: number) {
  const authority = await createAuthority()
  const waiting: (() => void)[] = []
  const webhook = createServer(await authority.issue('hold', [], ['127.0.0.1']), (request, response) => {
    void (async () => {
      const review = (await readJson(request)) as { readonly request: { readonly uid: string } }
      await new Promise<void>((resolve) => waiting.push(resolve))
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ ...review, response: { uid: review.request.uid, allowed: true } }))
    })()
  }).listen(0, '127.0.0.1')
  await once(webhook, 'listening')
  const metadata = { name: 'hold' }
  const url = `https://127.0.0.1:${(webhook.address() as AddressInfo).port}/hold`
  const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }
  const hook = {
    name: 'hold.example.com',
    clientConfig: { url, caBundle: Buffer.from(authority.cert).toString('base64') },
    rules: [rule],
    objectSelector: { matchLabels: hold },
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 30,
  }
  const configurations = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations'
  const { send, close } = createConnection(port)
  const { code } = await send({ method: 'POST', path: configurations, body: { metadata, webhooks: [hook] } })
  expect(code).toBe(201)
  close()
  return {
    waiting,
    letGo: () => {
      for (const resolve of waiting.splice(0)) resolve()
    },
    close: () => {
      webhook.closeAllConnections()
      webhook.close()
    },
  }
}

test('SIGTERM under load: what is under way is answered, watches show what was acknowledged and end, nothing is lost', async () => {
  const [server] = processes.servers
  if (server === undefined) throw new Error('no server')
  const { port } = server
  const stop = new AbortController()
  const acknowledged: { readonly name: string; readonly revision: number }[] = []
  const client = async (id: number): Promise<void> => {
    const { send, close } = createConnection(port)
    for (let turn = 0; ; turn++) {
      const name = `stop-${id}-${turn}`
      // What crosses the end of a connection has no answer.
      const answer = await send({ method: 'POST', path, body: { metadata: { name } } }).catch(() => undefined)
      if (answer?.code !== 201) break
      acknowledged.push({ name, revision: Number(answer.json.metadata.resourceVersion) })
    }
    close()
  }
  const seenBy: Readonly<Record<Protocol, string[]>> = { 'http/1.1': [], h2: [] }
  const watch = async (protocol: Protocol): Promise<readonly string[]> => {
    const seen = seenBy[protocol]
    for await (const { line } of watchLines(protocol, port, `${path}?watch=1`, stop.signal)) {
      const { type, object } = JSON.parse(line)
      if (type === 'ADDED') seen.push(object.metadata.name)
      else throw new Error(line)
    }
    return seen
  }
  const watches = (['http/1.1', 'h2'] as const).map(watch)
  const holding = await startHolding(port)
  const clients = Array.from({ length: 32 }, async (_, id) => await client(id))
  const held = Array.from({ length: 16 }, async (_, id) => {
    const { send, close } = createConnection(port)
    const answer = await send({ method: 'POST', path, body: { metadata: { name: `held-${id}`, labels: hold } } })
    close()
    return answer
  })
  await eventually('requests under way, load, and watches that see it', () => {
    const isWatched = Object.values(seenBy).every((seen) => seen.length > 64)
    return holding.waiting.length === held.length && isWatched
  })
  const ended = server.end('SIGTERM')
  await delay(300)
  holding.letGo()
  for (const { code, json } of await Promise.all(held)) {
    expect(code).toBe(201)
    acknowledged.push({ name: json.metadata.name, revision: Number(json.metadata.resourceVersion) })
  }
  const { code } = await ended
  await Promise.all(clients)
  holding.close()
  expect(code).toBe(0)
  expect(acknowledged.length).toBeGreaterThan(64)
  const seen = await Promise.all(watches)
  stop.abort()
  await server.start()
  const { send, close } = createConnection(port)
  const { json } = await send({ method: 'GET', path })
  close()
  type Named = { readonly metadata: { readonly name: string } }
  const stored = new Set(json.items.map(({ metadata }: Named) => metadata.name))
  expect(acknowledged.filter(({ name }) => !stored.has(name))).toEqual([])
  for (const names of seen) {
    expect(new Set(names).size).toBe(names.length)
    expect(acknowledged.filter(({ name }) => !names.includes(name))).toEqual([])
  }
}, 120_000)
