import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
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

test('SIGTERM under load: what is under way is answered, watches show what was acknowledged and end, nothing is lost', async () => {
  const [server] = processes.servers
  if (server === undefined) throw new Error('no server')
  const { port } = server
  const stop = new AbortController()
  let stoppedAt = Number.POSITIVE_INFINITY
  const acknowledged: { readonly name: string; readonly revision: number }[] = []
  const unanswered: { readonly sentAt: number; readonly reason: string }[] = []
  const client = async (id: number): Promise<void> => {
    const { send, close } = createConnection(port)
    for (let turn = 0; ; turn++) {
      const name = `stop-${id}-${turn}`
      const sentAt = performance.now()
      try {
        const { code, json } = await send({ method: 'POST', path, body: { metadata: { name } } })
        if (code !== 201) break
        acknowledged.push({ name, revision: Number(json.metadata.resourceVersion) })
      } catch (error) {
        unanswered.push({ sentAt, reason: String(error) })
        break
      }
    }
    close()
  }
  const watch = async (protocol: Protocol): Promise<readonly string[]> => {
    const seen: string[] = []
    for await (const { line } of watchLines(protocol, port, `${path}?watch=1`, stop.signal)) {
      const { type, object } = JSON.parse(line)
      if (type === 'ADDED') seen.push(object.metadata.name)
      else throw new Error(line)
    }
    return seen
  }
  const watches = (['http/1.1', 'h2'] as const).map(watch)
  await delay(500)
  const clients = Array.from({ length: 32 }, async (_, id) => await client(id))
  await delay(1_500)
  stoppedAt = performance.now()
  const { code } = await server.end('SIGTERM')
  await Promise.all(clients)
  expect(code).toBe(0)
  expect(acknowledged.length).toBeGreaterThan(32)
  // What was sent well before the signal has its answer; what crosses the end of a connection cannot.
  expect(unanswered.filter(({ sentAt }) => sentAt < stoppedAt - 20)).toEqual([])
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
