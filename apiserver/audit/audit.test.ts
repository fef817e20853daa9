import { describe, expect, test } from 'vitest'
import { StatusError } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { IncomingRequest } from '../http/api-request.ts'
import { parseRequestInfo, type UserInfo } from '../http/request-info.ts'
import { type AuditBackend, planBatches, type ReportLoss } from './backend.ts'
import { buffered } from './buffered.ts'
import { type AuditEvent, encodeEvent, legacyLine, sourceIps } from './event.ts'
import { withoutManagedFields } from './managed-fields.ts'
import { parseAuditPolicy } from './policy.ts'
import { planBackups } from './rotating-file.ts'
import { AuditTrail } from './trail.ts'
import { encodeList } from './webhook-backend.ts'

const alice: UserInfo = { name: 'alice', groups: ['devs', 'system:authenticated'] }

function policy(...rules: readonly object[]): ReturnType<typeof parseAuditPolicy> {
  return parseAuditPolicy({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules })
}

describe('parseAuditPolicy', () => {
  const pod = parseRequestInfo('GET', '/api/v1/namespaces/ns/pods/web')
  const log = parseRequestInfo('GET', '/api/v1/namespaces/ns/pods/web/log')
  const node = parseRequestInfo('GET', '/api/v1/nodes/n1')
  const deployment = parseRequestInfo('PATCH', '/apis/apps/v1/namespaces/ns/deployments/web')
  const health = parseRequestInfo('GET', '/healthz/ping')

  test.each<[string, object, ReturnType<typeof parseRequestInfo>, boolean]>([
    ['everything', {}, pod, true],
    ['a user', { users: ['alice'] }, pod, true],
    ['another user', { users: ['bob'] }, pod, false],
    ['a group', { userGroups: ['devs'] }, pod, true],
    ['another group', { userGroups: ['ops'] }, pod, false],
    ['a verb', { verbs: ['get'] }, pod, true],
    ['another verb', { verbs: ['get'] }, deployment, false],
    ['a namespace', { namespaces: ['ns'] }, pod, true],
    ['another namespace', { namespaces: ['other'] }, pod, false],
    ['no namespace', { namespaces: [''] }, node, true],
    ['a namespace rule and a path', { namespaces: ['ns'] }, health, false],
    ['a resource', { resources: [{ group: '', resources: ['pods'] }] }, pod, true],
    ['a resource, not its subresource', { resources: [{ group: '', resources: ['pods'] }] }, log, false],
    ['a subresource', { resources: [{ group: '', resources: ['pods/log'] }] }, log, true],
    ['all subresources of a resource', { resources: [{ group: '', resources: ['pods/*'] }] }, log, true],
    ['a resource with its subresources', { resources: [{ group: '', resources: ['pods/*'] }] }, pod, true],
    ['a subresource of any resource', { resources: [{ group: '', resources: ['*/log'] }] }, log, true],
    ['all resources', { resources: [{ group: '', resources: ['*'] }] }, log, true],
    ['a whole group', { resources: [{ group: 'apps' }] }, deployment, true],
    ['another group of resources', { resources: [{ group: 'apps' }] }, pod, false],
    ['any group', { resources: [{ group: '*', resources: ['deployments'] }] }, deployment, true],
    ['a name', { resources: [{ group: '', resources: ['pods'], resourceNames: ['web'] }] }, pod, true],
    ['another name', { resources: [{ group: '', resources: ['pods'], resourceNames: ['db'] }] }, pod, false],
    ['a path', { nonResourceURLs: ['/healthz/ping'] }, health, true],
    ['a path below', { nonResourceURLs: ['/healthz*'] }, health, true],
    ['all paths', { nonResourceURLs: ['*'] }, health, true],
    ['another path', { nonResourceURLs: ['/metrics'] }, health, false],
    ['a path rule and a resource', { nonResourceURLs: ['*'] }, pod, false],
  ])('matches %s', (_, rule, info, isMatch) => {
    expect(policy({ level: 'Metadata', ...rule })(info, alice).level).toBe(isMatch ? 'Metadata' : 'None')
  })

  test('takes the first rule that matches, with the stages of rule and policy', () => {
    const evaluate = parseAuditPolicy({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived'],
      omitManagedFields: true,
      rules: [
        { level: 'Request', users: ['bob'] },
        { level: 'RequestResponse', omitStages: ['Panic'], omitManagedFields: false },
      ],
    })
    const { level, omitStages, omitManagedFields } = evaluate(pod, alice)
    expect([level, [...omitStages], omitManagedFields]).toEqual([
      'RequestResponse',
      ['RequestReceived', 'Panic'],
      false,
    ])
    expect(evaluate(pod, { name: 'bob', groups: [] }).omitManagedFields).toBe(true)
  })

  test('matches requests of nobody only by rules without users', () => {
    expect(policy({ level: 'Metadata', users: ['alice'] })(pod, undefined).level).toBe('None')
    expect(policy({ level: 'Metadata' })(pod, undefined).level).toBe('Metadata')
  })

  test.each<[string, object, string]>([
    ['a missing level', { users: ['a'] }, 'rules[0].level: Required value'],
    [
      'a wrong level',
      { level: 'All' },
      'rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "RequestResponse"',
    ],
    [
      'a relative path',
      { level: 'None', nonResourceURLs: ['healthz'] },
      `rules[0].nonResourceURLs[0]: Invalid value: "healthz": non-resource URL rules must begin with a '/' character`,
    ],
    [
      'a star in the middle',
      { level: 'None', nonResourceURLs: ['/a*b'] },
      `rules[0].nonResourceURLs[0]: Invalid value: "/a*b": non-resource URL wildcards '*' must be the final character of the rule`,
    ],
    [
      'paths and resources',
      { level: 'None', nonResourceURLs: ['/a'], namespaces: ['x'] },
      'rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs',
    ],
    [
      'names without resources',
      { level: 'None', resources: [{ group: '', resourceNames: ['a'] }] },
      'rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one resource',
    ],
    [
      'a stage that is not',
      { level: 'None', omitStages: ['Later'] },
      'rules[0].omitStages[0]: Invalid value: "Later": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic',
    ],
  ])('refuses %s', (_, rule, message) => {
    expect(() => policy(rule)).toThrow(message)
  })

  test('refuses a policy without rules', () => {
    expect(() => policy()).toThrow('loaded illegal policy with 0 rules')
  })
})

const clock: Clock = { now: () => Date.parse('2026-01-02T03:04:06.500Z'), sleep: async () => {} }

function incoming(headers: Readonly<Record<string, string>> = {}): IncomingRequest {
  const connection = { remoteAddress: '10.0.0.9', getPeerCertificate: () => ({}) }
  return {
    method: 'POST',
    url: '/api/v1/namespaces/ns/pods?dryRun=All',
    headers: { 'user-agent': 'kubectl/v1.36', ...headers },
    connection: connection as unknown as IncomingRequest['connection'],
  }
}

function trail(level: string, isLongRunning = false): { readonly trail: AuditTrail; readonly events: AuditEvent[] } {
  const events: AuditEvent[] = []
  const sink = (event: AuditEvent): boolean => {
    events.push(event)
    return true
  }
  const request = incoming()
  const started = {
    incoming: request,
    info: parseRequestInfo(request.method, request.url),
    auditId: 'id-1',
    receivedMs: Date.parse('2026-01-02T03:04:05.006Z'),
    isLongRunning,
  }
  return { trail: new AuditTrail({ policy: policy({ level }), sink, clock }, started), events }
}

describe('AuditTrail', () => {
  test('tells of a write with everything that is known', async () => {
    const { trail: one, events } = trail('RequestResponse')
    await one.authenticated(alice)
    one.impersonated({ name: 'bob', groups: ['ops'] })
    one.authorized({ type: 'allow', reason: 'RBAC: allowed' })
    one.body(Buffer.from('{"kind":"Pod","metadata":{"name":"web"}}'), 'application/json')
    one.response(Buffer.from('{"kind":"Pod","metadata":{"name":"web","uid":"u"}}'))
    one.started(201)
    one.completed()
    expect(events.map(({ stage }) => stage)).toEqual(['RequestReceived', 'ResponseComplete'])
    const [, last] = events
    expect(last === undefined ? '' : encodeEvent(last)).toBe(
      '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"id-1",' +
        '"stage":"ResponseComplete","requestURI":"/api/v1/namespaces/ns/pods?dryRun=All","verb":"create",' +
        '"user":{"username":"alice","groups":["devs","system:authenticated"]},' +
        '"impersonatedUser":{"username":"bob","groups":["ops"]},' +
        '"sourceIPs":["10.0.0.9"],"userAgent":"kubectl/v1.36",' +
        '"objectRef":{"resource":"pods","namespace":"ns","name":"web","apiVersion":"v1"},' +
        '"responseStatus":{"metadata":{},"code":201},' +
        '"requestObject":{"kind":"Pod","metadata":{"name":"web"}},' +
        '"responseObject":{"kind":"Pod","metadata":{"name":"web","uid":"u"}},' +
        '"requestReceivedTimestamp":"2026-01-02T03:04:05.006000Z","stageTimestamp":"2026-01-02T03:04:06.500000Z",' +
        '"annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed"}}',
    )
  })

  test.each([
    ['Metadata', false, false],
    ['Request', true, false],
    ['RequestResponse', true, true],
  ])('keeps at level %s what belongs there', async (level, request, response) => {
    const { trail: one, events } = trail(level)
    await one.authenticated(alice)
    one.body(Buffer.from('{}'), 'application/json')
    one.response(Buffer.from('{}'))
    one.completed()
    const last = events.at(-1)
    expect([last?.requestObject !== undefined, last?.responseObject !== undefined]).toEqual([request, response])
  })

  test('tells of nothing at level None', async () => {
    const { trail: one, events } = trail('None')
    await one.authenticated(alice)
    one.completed()
    expect(events).toEqual([])
  })

  test('tells when a long answer begins', async () => {
    const { trail: one, events } = trail('Metadata', true)
    await one.authenticated(alice)
    one.started(200)
    one.completed()
    expect(events.map(({ stage }) => stage)).toEqual(['RequestReceived', 'ResponseStarted', 'ResponseComplete'])
  })

  test('tells what an error said', async () => {
    const { trail: one, events } = trail('Metadata')
    await one.authenticated(alice)
    one.failed(new StatusError('NotFound', 'pods "x" not found', { name: 'x', kind: 'pods' }))
    one.started(404)
    one.completed()
    expect(events.at(-1)?.responseStatus).toEqual({
      metadata: {},
      status: 'Failure',
      message: 'pods "x" not found',
      reason: 'NotFound',
      details: { name: 'x', kind: 'pods' },
      code: 404,
    })
  })

  test('tells of a failed authentication once, without a user', () => {
    const { trail: one, events } = trail('Metadata')
    one.unauthenticated()
    one.started(401)
    one.completed()
    expect(events).toMatchObject([
      {
        stage: 'ResponseStarted',
        user: {},
        responseStatus: { message: 'Authentication failed, no credentials provided', code: 401 },
      },
    ])
  })

  test('tells of a bug as Panic', async () => {
    const { trail: one, events } = trail('Metadata')
    await one.authenticated(alice)
    one.panicked(new TypeError('oh'))
    one.completed()
    expect(events.at(-1)).toMatchObject({
      stage: 'Panic',
      responseStatus: { message: "APIServer panic'd: oh", code: 500 },
    })
  })

  test('keeps the first of two annotations with one key', async () => {
    const { trail: one, events } = trail('Metadata')
    await one.authenticated(alice)
    one.annotate('a', '1')
    one.annotate('a', '2')
    one.completed()
    expect(events.at(-1)?.annotations).toEqual({ a: '1' })
  })
})

describe('sourceIps', () => {
  test.each<[string, Readonly<Record<string, string>>, readonly string[]]>([
    ['the connection', {}, ['10.0.0.9']],
    ['proxies before it', { 'x-forwarded-for': '1.1.1.1, nonsense, 2.2.2.2' }, ['1.1.1.1', '2.2.2.2', '10.0.0.9']],
    ['the real address', { 'x-real-ip': '3.3.3.3' }, ['3.3.3.3', '10.0.0.9']],
    ['no address twice', { 'x-forwarded-for': '3.3.3.3, 10.0.0.9', 'x-real-ip': '3.3.3.3' }, ['3.3.3.3', '10.0.0.9']],
  ])('names %s', (_, headers, expected) => {
    expect(sourceIps(incoming(headers))).toEqual(expected)
  })
})

const event: AuditEvent = {
  level: 'RequestResponse',
  auditID: 'id',
  stage: 'ResponseComplete',
  requestURI: '/x',
  verb: 'get',
  user: { username: 'u', groups: ['a', 'b'] },
  sourceIPs: ['10.0.0.1'],
  userAgent: 'ua',
  requestObject: '{"a":1}',
  requestReceivedTimestamp: '2026-01-02T03:04:05.100000Z',
  stageTimestamp: '2026-01-02T03:04:05.200000Z',
}

test('legacyLine is one line', () => {
  expect(legacyLine(event)).toBe(
    '2026-01-02T03:04:05.1Z AUDIT: id="id" stage="ResponseComplete" ip="10.0.0.1" method="get" user="u" ' +
      'groups="\\"a\\",\\"b\\"" as="<self>" asgroups="<lookup>" user-agent="ua" namespace="<none>" uri="/x" ' +
      'response="<deferred>"',
  )
})

test('encodeList leaves out kind and apiVersion of the items', () => {
  const list = JSON.parse(encodeList([event]))
  expect([list.kind, list.items[0].kind, list.items[0].requestObject]).toEqual(['EventList', undefined, { a: 1 }])
})

test('withoutManagedFields reaches into lists and tables', () => {
  const object = { metadata: { name: 'a', managedFields: [1] } }
  const bare = { metadata: { name: 'a' } }
  expect(withoutManagedFields(object)).toEqual(bare)
  expect(withoutManagedFields({ items: [object] })).toEqual({ items: [bare] })
  expect(withoutManagedFields({ rows: [{ cells: [], object }] })).toEqual({ rows: [{ cells: [], object: bare }] })
})

describe('planBatches', () => {
  const size = (one: AuditEvent): number => (one.requestObject === undefined ? 10 : 100)

  test('leaves out objects that make an event too large, and says so', () => {
    const { batches, lost } = planBatches([event], { maxEventSize: 50, maxBatchSize: 100 }, size)
    expect(lost).toEqual([])
    expect(batches[0]?.[0]).toMatchObject({ annotations: { 'audit.k8s.io/truncated': 'true' } })
    expect(batches[0]?.[0]?.requestObject).toBeUndefined()
  })

  test('loses what is too large even so, and splits what does not fit into one batch', () => {
    expect(planBatches([event], { maxEventSize: 5, maxBatchSize: 5 }, size).lost).toHaveLength(1)
    const { batches } = planBatches([event, event, event], { maxEventSize: 100, maxBatchSize: 200 }, size)
    expect(batches.map(({ length }) => length)).toEqual([2, 1])
  })
})

test('planBackups keeps the newest by number and age', () => {
  const names = [
    'audit.log',
    'audit-2026-01-02T00-00-00.000.log',
    'audit-2026-01-01T00-00-00.000.log.gz',
    'audit-2025-01-01T00-00-00.000.log',
    'audit-2025-12-31T00-00-00.000.log',
    'audit-notes.log',
    'other.log',
  ]
  const nowMs = Date.parse('2026-01-02T12:00:00Z')
  expect(planBackups(names, { path: '/x/audit.log', maxAge: 30, maxBackups: 2 }, nowMs)).toEqual({
    keep: ['audit-2026-01-02T00-00-00.000.log', 'audit-2026-01-01T00-00-00.000.log.gz'],
    remove: ['audit-2025-12-31T00-00-00.000.log', 'audit-2025-01-01T00-00-00.000.log'],
  })
  expect(planBackups(names, { path: '/x/audit.log', maxAge: 30, maxBackups: 0 }, nowMs).remove).toEqual([
    'audit-2025-01-01T00-00-00.000.log',
  ])
})

describe('buffered', () => {
  const options = { bufferSize: 3, maxBatchSize: 2, maxBatchWaitMs: 0, parallel: 1 }

  test('sends full batches at once, the rest at the end, and loses what finds the queue full', async () => {
    const batches: number[] = []
    let lost = 0
    const delegate: AuditBackend = {
      process: (events) => {
        batches.push(events.length)
        return true
      },
      run: async () => {},
    }
    const report: ReportLoss = (_, events) => {
      lost += events.length
    }
    const sleep: Clock['sleep'] = async (_, signal) =>
      await new Promise((__, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
    const forever: Clock = { now: () => 0, sleep }
    const backend = buffered('log', delegate, options, forever, report)
    const stop = new AbortController()
    await backend.process([event, event, event, event, event])
    const running = backend.run(stop.signal)
    await new Promise((resolve) => setImmediate(resolve))
    expect(batches).toEqual([2])
    stop.abort()
    await running
    expect(batches).toEqual([2, 1])
    expect(lost).toBe(2)
  })
})
