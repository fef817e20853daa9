import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RawClient, rawClient } from '../../test/fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../../test/fixtures/control-plane.ts'
import { eventually } from '../../test/fixtures/process.ts'

let plane: TestControlPlane
let api: RawClient
beforeAll(async () => {
  plane = await startControlPlane({ flags: ['--goaway-chance=0.02'] })
  api = await rawClient(plane)
})
afterAll(async () => await plane.close())

const group = '/apis/flowcontrol.apiserver.k8s.io/v1'
const apiVersion = 'flowcontrol.apiserver.k8s.io/v1'

/** A level without seats of its own and without the right to borrow: who comes here waits. */
function jail(name: string): object {
  const queuing = { queues: 1, handSize: 1, queueLengthLimit: 1 }
  const limited = { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse: { type: 'Queue', queuing } }
  return { apiVersion, kind: 'PriorityLevelConfiguration', metadata: { name }, spec: { type: 'Limited', limited } }
}

function schemaFor(name: string, user: string, level: string): object {
  const everything = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }
  const rules = [
    {
      subjects: [{ kind: 'User', user: { name: user } }],
      resourceRules: [everything],
      nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
    },
  ]
  const spec = { priorityLevelConfiguration: { name: level }, matchingPrecedence: 50, rules }
  return { apiVersion, kind: 'FlowSchema', metadata: { name }, spec }
}

async function create(plural: string, body: object): Promise<{ readonly metadata: { readonly uid: string } }> {
  const { code, json } = await api.send(`${group}/${plural}`, { method: 'POST', body })
  expect(code).toBe(201)
  return json
}

async function conditionOf(name: string): Promise<Record<string, string> | undefined> {
  const { json } = await api.send(`${group}/flowschemas/${name}`)
  return json.status.conditions?.[0]
}

test('GET flowschemas shows what upstream ships, and says of each that its level is there', async () => {
  const isComplete = async (): Promise<boolean> => {
    const { json } = await api.send(`${group}/flowschemas`)
    const items: { readonly status: { readonly conditions?: readonly { readonly status: string }[] } }[] = json.items
    return items.length === 11 && items.every(({ status }) => status.conditions?.[0]?.status === 'False')
  }
  await eventually('all conditions', isComplete)
  const levels = await api.send(`${group}/prioritylevelconfigurations`)
  expect(levels.json.items.length).toBe(8)
  const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1'
  const table = await api.send(`${group}/flowschemas`, { headers: { accept } })
  const rows: { readonly cells: readonly unknown[] }[] = table.json.rows
  expect(rows.map(({ cells }) => cells[0]).slice(0, 3)).toEqual(['exempt', 'probes', 'system-leader-election'])
})

test('GET of anything says by which schema and level it was served, by uid', async () => {
  const [schema, level] = await Promise.all([
    api.send(`${group}/flowschemas/exempt`),
    api.send(`${group}/prioritylevelconfigurations/exempt`),
  ])
  const { headers } = await api.send('/api/v1/namespaces/nowhere')
  expect(headers['x-kubernetes-pf-flowschema-uid']).toBe(schema.json.metadata.uid)
  expect(headers['x-kubernetes-pf-prioritylevel-uid']).toBe(level.json.metadata.uid)
})

test('a level without seats makes one request wait, refuses the next, and is seen doing so', async () => {
  await create('prioritylevelconfigurations', jail('jail'))
  const schema = await create('flowschemas', schemaFor('jailed', 'mallory', 'jail'))
  const mallory = await rawClient(plane, await plane.authority.issue('mallory', []))
  // It stays in the queue for a quarter of this: time enough to look at it.
  const waiting = mallory.send('/version?timeout=40s')
  const waits = /^jail, +jailed, +0, +0, +, .*mallory, +get, +\/version/m
  await eventually('the request in its queue', async () => {
    const { text } = await api.send('/debug/api_priority_and_fairness/dump_requests?includeRequestDetails=1')
    return waits.test(text)
  })
  const refused = await mallory.send('/version')
  expect(refused.code).toBe(429)
  expect(refused.text).toBe('Too many requests, please try again later.\n')
  expect(refused.headers['retry-after']).toBe('1')
  expect(refused.headers['content-type']).toBe('text/plain; charset=utf-8')
  expect(refused.headers['x-kubernetes-pf-flowschema-uid']).toBe(schema.metadata.uid)
  const metrics = (await api.send('/metrics')).text
  expect(metrics).toContain(
    'apiserver_flowcontrol_rejected_requests_total{priority_level="jail",flow_schema="jailed",reason="queue-full"} 1',
  )
  expect(metrics).toContain(
    'apiserver_flowcontrol_current_inqueue_requests{priority_level="jail",flow_schema="jailed"} 1',
  )
  expect(metrics).toMatch(
    /^apiserver_flowcontrol_request_wait_duration_seconds_bucket\{.*flow_schema="jailed".*le="\+Inf"\} 1$/m,
  )
  expect(metrics).toContain('apiserver_current_inflight_requests{request_kind="readOnly"}')
  // A quarter of its time is over.
  expect((await waiting).code).toBe(429)
  const others = await api.send('/version')
  expect(others.code).toBe(200)
})

test('the condition Dangling follows the level that a FlowSchema names', async () => {
  await create('flowschemas', schemaFor('lost', 'nobody', 'nowhere'))
  const lost = await eventually('the condition', async () => await conditionOf('lost'))
  expect(lost).toMatchObject({
    type: 'Dangling',
    status: 'True',
    reason: 'NotFound',
    message:
      'This FlowSchema references the PriorityLevelConfiguration object named "nowhere" but there is no such object',
  })
  await create('prioritylevelconfigurations', jail('nowhere'))
  await eventually('the change', async () => (await conditionOf('lost'))?.['reason'] === 'Found')
})

test('a body that does not come is waited for as long as the client has said, and the connection ends', async () => {
  const { cert, key } = await plane.authority.issue('slow', ['system:masters'])
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: plane.port, ca: plane.authority.cert, cert, key })
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(text))
    socket.write(
      'POST /api/v1/namespaces/default/configmaps?timeout=500ms HTTP/1.1\r\nHost: x\r\n' +
        'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    )
  })
  expect(answer).toMatch(/^HTTP\/1.1 504 /)
  expect(answer).toContain('"message":"Timeout: request did not complete within the allotted timeout"')
})

test('an anonymous client of HTTP/2 is told to go after one request; one with a name may stay', async () => {
  const goesAway = async (credentials: { readonly cert?: string; readonly key?: string }): Promise<boolean> =>
    await new Promise((resolve, reject) => {
      const session = connectHttp2(plane.url, { ca: plane.authority.cert, ...credentials })
      let isTold = false
      session.on('goaway', () => {
        isTold = true
      })
      session.on('error', reject)
      const stream = session.request({ ':path': '/healthz' })
      stream.resume()
      stream.once('close', () => {
        const end = (): void => {
          session.destroy()
          resolve(isTold)
        }
        // One that was told to go may have gone already.
        if (session.destroyed || session.closed) end()
        else session.ping(end)
      })
      stream.end()
    })
  expect(await goesAway({})).toBe(true)
  const named = await Promise.all(
    Array.from({ length: 3 }, async () => await goesAway(await plane.authority.issue('x', []))),
  )
  // The flag's chance is 1 in 50; three in a row are not bad luck.
  expect(named).toContain(false)
})

test('headers may be long, but not without end', async () => {
  const long = await api.send('/version', { headers: { 'x-long': 'a'.repeat(200_000) } })
  expect(long.code).toBe(200)
  const selector = `a in (${'b,'.repeat(20_000)}c)`
  const listed = await api.send(`/api/v1/pods?labelSelector=${encodeURIComponent(selector)}`)
  expect(listed.code).toBe(200)
})
