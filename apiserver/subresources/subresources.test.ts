import { describe, expect, it } from 'vitest'
import type { Binding, Endpoints, Node, Pod, Service } from '../../api/core/v1.ts'
import type { PodDisruptionBudget } from '../../api/policy/v1.ts'
import type { ApiObject } from '../../api/resource.ts'
import { StatusError } from '../../apimachinery/status.ts'
import { bindingCauses, bound } from './binding.ts'
import { planEviction, spent } from './eviction.ts'
import { chooseContainer, kubeletAddress } from './kubelet-location.ts'
import { resized, withApproval, withEphemeralContainers } from './partial-update.ts'
import { kubeletLogQuery, logOptionCauses } from './pod-log.ts'
import { kubeletPath, requestHead, streamOptions } from './pod-streams.ts'
import { backendPath, rootRedirect } from './proxy.ts'
import { isPodAddress, parseProxyName, podAddress, portName, serviceAddress } from './proxy-target.ts'
import { askedRequest, questionCauses } from './review-question.ts'
import { scaleOf, withScale } from './scale.ts'
import { tokenRequestCauses } from './token-request.ts'

const pod = (spec: object = {}, rest: object = {}): Pod =>
  ({
    metadata: { name: 'web', namespace: 'ns', uid: 'u' },
    spec: { containers: [{ name: 'a' }], ...spec },
    ...rest,
  }) as unknown as Pod

/** The message of the refusal. */
function refusal(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`
    throw error
  }
  return 'accepted'
}

describe('bound()', () => {
  const labels = { 'topology.kubernetes.io/zone': 'z' }
  const metadata = { annotations: { a: 'b' }, labels }
  const binding = { target: { kind: 'Node', name: 'one' }, metadata } as unknown as Binding

  it('puts the pod on its node, with the annotations and labels of the binding', () => {
    const result = bound(pod(), binding, 'now')
    expect(result.spec.nodeName).toBe('one')
    expect(result.metadata.labels).toEqual({ 'topology.kubernetes.io/zone': 'z' })
    expect(result.metadata.annotations).toEqual({ a: 'b' })
    expect(result.status?.conditions).toEqual([
      { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: 'now' },
    ])
  })

  it.each([
    [pod({ nodeName: 'two' }), 'pod web is already assigned to node "two"'],
    [pod({ schedulingGates: [{ name: 'g' }] }), 'pod web has non-empty .spec.schedulingGates'],
    [
      { ...pod(), metadata: { ...pod().metadata, deletionTimestamp: 'x' } },
      'pod web is being deleted, cannot be assigned to a host',
    ],
  ])('refuses %#', (given, message) => {
    expect(refusal(() => bound(given, binding, 'now'))).toBe(
      `409 Operation cannot be fulfilled on pods/binding "web": ${message}`,
    )
  })

  it('wants a node by name', () => {
    const wrong = { target: { kind: 'Pod', name: '' }, metadata: {} } as unknown as Binding
    expect(bindingCauses(wrong).map(({ field, message }) => `${field}: ${message}`)).toEqual([
      'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
      'target.name: Required value',
    ])
  })
})

describe('planEviction()', () => {
  const budget = (status: object, spec: object = {}): PodDisruptionBudget =>
    ({
      metadata: { name: 'b', generation: 1 },
      spec: { selector: { matchLabels: {} }, ...spec },
      status: { observedGeneration: 1, ...status },
    }) as unknown as PodDisruptionBudget
  const running = pod({}, { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } })
  const unready = pod({}, { status: { phase: 'Running' } })
  const empty = { disruptionsAllowed: 0, currentHealthy: 2, desiredHealthy: 3 }

  it.each<[string, Pod, readonly PodDisruptionBudget[], string]>([
    ['a pending pod', pod({}, { status: { phase: 'Pending' } }), [budget(empty)], 'delete'],
    ['a pod without budget', running, [], 'allow'],
    ['a pod with room', running, [budget({ disruptionsAllowed: 1 })], 'spend'],
    ['a pod without room', running, [budget(empty)], 'refuse'],
    ['an unready pod below its budget', unready, [budget(empty)], 'refuse'],
    [
      'an unready pod of a healthy budget',
      unready,
      [budget({ disruptionsAllowed: 0, currentHealthy: 3, desiredHealthy: 3 })],
      'allow',
    ],
    [
      'an unready pod where always allowed',
      unready,
      [budget(empty, { unhealthyPodEvictionPolicy: 'AlwaysAllow' })],
      'allow',
    ],
    ['a pod of two budgets', running, [budget(empty), budget(empty)], 'refuse'],
    [
      'a pod of a budget that is not computed',
      running,
      [budget({ observedGeneration: 0, disruptionsAllowed: 1 })],
      'refuse',
    ],
  ])('answers for %s', (_, given, budgets, type) => {
    expect(planEviction(given, budgets).type).toBe(type)
  })

  it('says why, and when to try again', () => {
    const plan = planEviction(running, [budget(empty)])
    expect(plan.type === 'refuse' ? plan.error : undefined).toMatchObject({
      code: 429,
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: {
        causes: [
          { reason: 'DisruptionBudget', message: 'The disruption budget b needs 3 healthy pods and has 2 currently' },
        ],
      },
    })
  })

  it('spends one disruption', () => {
    expect(spent(budget({ disruptionsAllowed: 2 }), 'web', 'now').status).toMatchObject({
      disruptionsAllowed: 1,
      disruptedPods: { web: 'now' },
    })
  })
})

describe('scale', () => {
  const deployment = {
    metadata: { name: 'd', namespace: 'ns', uid: 'u', resourceVersion: '5', generation: 3, creationTimestamp: 't' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'd' }, matchExpressions: [{ key: 'x', operator: 'Exists' }] },
    },
    status: { replicas: 1 },
  } as unknown as ApiObject
  const resource = { group: 'apps', plural: 'deployments' }

  it('scaleOf() shows replicas and the selector as text', () => {
    expect(scaleOf(deployment)).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 2 },
      status: { replicas: 1, selector: 'app=d,x' },
    })
  })

  it('withScale() changes replicas and counts a generation', () => {
    const result = withScale(deployment, { spec: { replicas: 5 } }, resource)
    expect(result).toMatchObject({ spec: { replicas: 5 }, metadata: { generation: 4 } })
    expect(withScale(deployment, { spec: { replicas: 2 } }, resource)).toBe(deployment)
  })

  it('withScale() keeps the version that the client has read, for the store to compare', () => {
    const scale = { metadata: { resourceVersion: '4' }, spec: { replicas: 2 } }
    expect(withScale(deployment, scale, resource)).toMatchObject({ metadata: { resourceVersion: '4' } })
  })

  it.each([
    [
      { spec: { replicas: -1 } },
      '422 Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ],
  ])('withScale() refuses %o', (scale, message) => {
    expect(refusal(() => withScale(deployment, scale, resource))).toBe(message)
  })
})

describe('chooseContainer()', () => {
  it.each([
    [pod(), '', 'a'],
    [pod({ containers: [{ name: 'a' }, { name: 'b' }] }), 'b', 'b'],
    [pod({ initContainers: [{ name: 'i' }] }), 'i', 'i'],
  ])('finds %#', (given, wanted, expected) => {
    expect(chooseContainer(given, wanted)).toBe(expected)
  })

  it.each([
    [
      pod({ containers: [{ name: 'a' }, { name: 'b' }] }),
      '',
      'a container name must be specified for pod web, choose one of: [a b]',
    ],
    [
      pod({ containers: [{ name: 'a' }, { name: 'b' }], initContainers: [{ name: 'i' }] }),
      '',
      'a container name must be specified for pod web, choose one of: [i a b]',
    ],
    [pod(), 'z', 'container z is not valid for pod web'],
  ])('refuses %#', (given, wanted, message) => {
    expect(refusal(() => chooseContainer(given, wanted))).toBe(`400 ${message}`)
  })
})

describe('kubeletAddress()', () => {
  const addresses = [
    { type: 'Hostname', address: 'one' },
    { type: 'InternalIP', address: '10.0.0.1' },
  ]
  const node = (port?: number): Node =>
    ({
      status: { addresses, ...(port === undefined ? {} : { daemonEndpoints: { kubeletEndpoint: { Port: port } } }) },
    }) as unknown as Node

  it('goes by the order of preference and the port that the kubelet reports', () => {
    expect(kubeletAddress(node(20250), ['InternalIP', 'Hostname'])).toEqual({ host: '10.0.0.1', port: 20250 })
    expect(kubeletAddress(node(), ['ExternalIP', 'Hostname'])).toEqual({ host: 'one', port: 10250 })
    expect(kubeletAddress(node(), ['ExternalIP'])).toBe(
      'no preferred addresses found; known addresses: [{Hostname one} {InternalIP 10.0.0.1}]',
    )
  })
})

describe('pods/log', () => {
  it('passes the options on that a kubelet knows', () => {
    const query = new URLSearchParams(
      'container=a&follow=true&previous=false&tailLines=5&sinceSeconds=3&limitBytes=9&pretty=1',
    )
    expect(kubeletLogQuery(query)).toBe('follow=true&limitBytes=9&sinceSeconds=3&tailLines=5')
  })

  it.each([
    ['tailLines=-1', ['tailLines: Invalid value: -1: must be greater than or equal to 0']],
    ['limitBytes=0', ['limitBytes: Invalid value: 0: must be greater than 0']],
    ['sinceSeconds=0', ['sinceSeconds: Invalid value: 0: must be greater than 0']],
    [
      'sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z',
      ['[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified'],
    ],
    ['stream=Stdout', ['stream: Forbidden: may not be specified']],
    ['tailLines=0&limitBytes=1', []],
  ])('checks %s', (query, expected) => {
    expect(logOptionCauses(new URLSearchParams(query)).map(({ field, message }) => `${field}: ${message}`)).toEqual(
      expected,
    )
  })
})

it.each([
  ['sinceTime=bogus', 'parsing time "bogus" as "2006-01-02T15:04:05Z07:00": cannot parse "bogus" as "2006"'],
  ['tailLines=x', 'strconv.ParseInt: parsing "x": invalid syntax'],
  ['sinceSeconds=99999999999999999999', 'strconv.ParseInt: parsing "99999999999999999999": value out of range'],
])('logOptionCauses() refuses %s', (query, message) => {
  expect(refusal(() => logOptionCauses(new URLSearchParams(query)))).toBe(`400 ${message}`)
})

describe('kubeletPath()', () => {
  it.each([
    [
      'exec',
      'command=ls&command=-l a&stdin=true&stdout=true&stderr=false&tty=true',
      '/exec/ns/web/a?input=1&output=1&tty=1&command=ls&command=-l+a',
    ],
    ['attach', 'container=a&stdout=&stderr=1', '/attach/ns/web/a?output=1&error=1'],
    ['attach', 'container=a&stdout=False&stderr=0', '/attach/ns/web/a'],
    ['portforward', '', '/portForward/ns/web'],
    ['portforward', 'ports=80&ports=443', '/portForward/ns/web?port=80%2C443'],
  ] as const)('of %s with %s is %s', (kind, query, expected) => {
    expect(kubeletPath(kind, pod(), streamOptions(kind, new URLSearchParams(query)))).toBe(expected)
  })
})

describe('requestHead()', () => {
  it('passes the upgrade on and keeps credentials back', () => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'SPDY/3.1',
      authorization: 'Bearer secret',
      'impersonate-user': 'bob',
      'x-stream-protocol-version': 'v4.channel.k8s.io',
    }
    const head = requestHead(
      { incoming: { method: 'POST', url: '/', headers } } as unknown as Parameters<typeof requestHead>[0],
      { protocol: 'https', host: '10.0.0.1', port: 10250 },
      '/exec/ns/web/a',
    )
    expect(head).toBe(
      'POST /exec/ns/web/a HTTP/1.1\r\nHost: 10.0.0.1:10250\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\nx-stream-protocol-version: v4.channel.k8s.io\r\n\r\n',
    )
  })

  it('keeps the bearer token of a WebSocket back', () => {
    const headers = { 'sec-websocket-protocol': 'base64url.bearer.authorization.k8s.io.YWJj, v5.channel.k8s.io' }
    const head = requestHead(
      { incoming: { method: 'GET', url: '/', headers } } as unknown as Parameters<typeof requestHead>[0],
      { protocol: 'https', host: 'h', port: 1 },
      '/',
    )
    expect(head).toContain('sec-websocket-protocol: v5.channel.k8s.io\r\n')
    expect(head).not.toContain('YWJj')
  })
})

describe('proxy targets', () => {
  it.each([
    ['web', { scheme: '', name: 'web', port: '' }],
    ['web:80', { scheme: '', name: 'web', port: '80' }],
    ['https:web:', { scheme: 'https', name: 'web', port: '' }],
    ['http:web:http', { scheme: 'http', name: 'web', port: 'http' }],
    ['ftp:web:1', undefined],
    ['a:b:c:d', undefined],
  ])('parseProxyName(%s)', (id, expected) => {
    expect(parseProxyName(id)).toEqual(expected)
  })

  it.each([
    ['/api/v1/nodes/one/proxy/stats/summary?a=b', '/stats/summary?a=b'],
    ['/api/v1/namespaces/proxy/pods/proxy/proxy/proxy/x', '/proxy/x'],
    ['/api/v1/namespaces/ns/services/web:80/proxy', '/'],
    ['/api/v1/namespaces/ns/services/web/proxy/a%20b/', '/a%20b/'],
  ])('backendPath(%s) is %s', (url, expected) => {
    expect(backendPath(url)).toBe(expected)
  })

  it('podAddress() takes the first declared port', () => {
    const running = pod(
      { containers: [{ name: 'a', ports: [{ containerPort: 8080 }] }] },
      { status: { podIP: '10.1.1.1' } },
    )
    expect(podAddress(running, { scheme: '', name: 'web', port: '' })).toEqual({
      scheme: 'http',
      host: '10.1.1.1',
      port: 8080,
    })
  })

  it('podAddress() stays away from the loopback and the link', () => {
    for (const podIP of ['127.0.0.1', '169.254.169.254', '::1', 'fe80::1']) {
      const address = () => podAddress(pod({}, { status: { podIP } }), { scheme: '', name: 'web', port: '80' })
      expect(refusal(address)).toBe('400 address not allowed')
    }
  })

  it('portName() finds the name of a number', () => {
    const service = { metadata: { name: 's' }, spec: { ports: [{ name: 'http', port: 80 }, { port: 81 }] } }
    expect(portName(service as unknown as Service, '80')).toBe('http')
    expect(portName(service as unknown as Service, '81')).toBe('')
    expect(refusal(() => portName(service as unknown as Service, '99'))).toBe(
      '503 no service port 99 found for service "s"',
    )
  })

  it('serviceAddress() picks an endpoint of the named port that is a pod, or says that there is none', () => {
    const endpoints = {
      subsets: [
        {
          addresses: [{ ip: '10.1.1.1' }, { ip: '10.1.1.2' }, { ip: '10.1.1.3' }],
          ports: [{ name: 'http', port: 8080 }],
        },
      ],
    } as unknown as Endpoints
    const ask = (port: string, given = endpoints, pods = ['10.1.1.1', '10.1.1.2']) =>
      serviceAddress(
        `s:${port}`,
        given,
        { scheme: '', name: 's', port },
        ({ ip }) => pods.includes(ip),
        () => 1,
      )
    expect(ask('http')).toEqual({ scheme: 'http', host: '10.1.1.2', port: 8080 })
    expect(ask('http', endpoints, ['10.1.1.1'])).toMatchObject({ host: '10.1.1.1' })
    expect(refusal(() => ask('http', endpoints, []))).toBe('503 no endpoints available for service "s:http"')
    expect(refusal(() => ask('nope'))).toBe('503 no endpoints available for service "s:nope"')
    expect(refusal(() => ask('http', { subsets: [] } as unknown as Endpoints))).toBe(
      '503 no endpoints available for service "s"',
    )
  })

  it('isPodAddress() wants the pod of the same namespace, with that address', () => {
    const podNamed = (name: string) =>
      name === 'p' ? pod({}, { status: { podIPs: [{ ip: '10.1.1.1' }] } }) : undefined
    const ask = (ip: string, targetRef?: object) =>
      isPodAddress({ ip, ...(targetRef === undefined ? {} : { targetRef }) }, 'n', podNamed)
    expect(ask('10.1.1.1', { namespace: 'n', name: 'p' })).toBe(true)
    expect(ask('10.1.1.1', { namespace: 'other', name: 'p' })).toBe(false)
    expect(ask('10.1.1.9', { namespace: 'n', name: 'p' })).toBe(false)
    expect(ask('10.1.1.1', { namespace: 'n', name: 'q' })).toBe(false)
    expect(ask('10.1.1.1')).toBe(false)
  })
})

describe('withEphemeralContainers()', () => {
  const before = pod({ ephemeralContainers: [{ name: 'd', image: 'x' }] })

  it('adds, and neither changes nor removes', () => {
    const added = pod({
      ephemeralContainers: [
        { name: 'd', image: 'x' },
        { name: 'e', image: 'y' },
      ],
      nodeName: 'stolen',
    })
    const result = withEphemeralContainers(before, added)
    expect(result.spec.ephemeralContainers).toHaveLength(2)
    expect(result.spec.nodeName).toBeUndefined()
    expect(refusal(() => withEphemeralContainers(before, pod()))).toContain(
      'existing ephemeral containers "d" may not be removed',
    )
    expect(
      refusal(() => withEphemeralContainers(before, pod({ ephemeralContainers: [{ name: 'd', image: 'z' }] }))),
    ).toContain('existing ephemeral containers "d" may not be changed')
  })

  it('does not mind the order in which a client writes the fields', () => {
    const same = pod({ ephemeralContainers: [{ image: 'x', name: 'd' }] })
    expect(withEphemeralContainers(before, same)).toBe(before)
  })
})

describe('resized()', () => {
  it('refuses what the kind refuses, and static pods', () => {
    const sized = pod(
      { containers: [{ name: 'a', image: 'x', resources: { requests: { cpu: '1' } } }] },
      { status: {} },
    )
    const still = pod({ containers: [{ name: 'a', image: 'x' }] }, { status: {} })
    expect(refusal(() => resized(still, sized))).toContain('Pod QOS Class may not change as a result of resizing')
    const metadata = { ...still.metadata, annotations: { 'kubernetes.io/config.mirror': 'x' } }
    expect(refusal(() => resized({ ...still, metadata }, sized))).toContain('static pods cannot be resized')
  })
})

describe('withApproval()', () => {
  type Request = Parameters<typeof withApproval>[0]
  const request = (...types: string[]): Request =>
    ({
      metadata: { name: 'csr' },
      spec: {},
      status: { conditions: types.map((type) => ({ type, status: 'True' })) },
    }) as unknown as Request

  it('stamps conditions, and does not let an approval go', () => {
    expect(withApproval(request(), request('Approved'), 'now').status?.conditions).toEqual([
      { type: 'Approved', status: 'True', lastUpdateTime: 'now', lastTransitionTime: 'now' },
    ])
    const annotated = {
      ...request('Approved'),
      metadata: { name: 'csr', annotations: { by: 'me' } },
    } as unknown as Request
    expect(withApproval(request(), annotated, 'now').metadata.annotations).toEqual({ by: 'me' })
    expect(refusal(() => withApproval(request('Approved'), request(), 'now'))).toContain(
      'updates may not remove a condition of type "Approved"',
    )
    expect(refusal(() => withApproval(request(), request('Approved', 'Denied'), 'now'))).toContain('mutually exclusive')
  })
})

describe('reviews', () => {
  it('want exactly one question', () => {
    expect(questionCauses({})).toHaveLength(1)
    expect(questionCauses({ resourceAttributes: {}, nonResourceAttributes: {} })).toHaveLength(1)
    expect(questionCauses({ nonResourceAttributes: { path: '/x', verb: 'get' } })).toEqual([])
  })

  it('put the question as a request would', () => {
    const fieldSelector = { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['one'] }] }
    expect(askedRequest({ resourceAttributes: { verb: 'list', resource: 'pods', fieldSelector } }).info).toMatchObject({
      isResourceRequest: true,
      verb: 'list',
      resource: 'pods',
      fieldSelector: 'spec.nodeName=one',
    })
  })
})

describe('tokenRequestCauses()', () => {
  it.each([
    [599, 'may not specify a duration less than 10 minutes'],
    [2 ** 33, 'may not specify a duration larger than 2^32 seconds'],
    [600, undefined],
    [undefined, undefined],
  ])('of %s', (expirationSeconds, message) => {
    const request = { spec: { audiences: [], expirationSeconds } } as unknown as Parameters<
      typeof tokenRequestCauses
    >[0]
    const [cause] = tokenRequestCauses(request)
    expect(cause?.message).toBe(message === undefined ? undefined : `Invalid value: ${expirationSeconds}: ${message}`)
  })
})

describe('rootRedirect()', () => {
  const pod = '/api/v1/namespaces/n/pods/p/proxy'
  it.each([
    ['GET', pod, `${pod}/`],
    ['HEAD', `${pod}?a=b`, `${pod}/?a=b`],
    ['GET', `${pod}/`, undefined],
    ['GET', `${pod}/x`, undefined],
    ['POST', pod, undefined],
    ['GET', '/api/v1/nodes/proxy/proxy', '/api/v1/nodes/proxy/proxy/'],
  ])('%s %s goes to %s', (method, url, want) => {
    expect(rootRedirect({ method, url })).toBe(want)
  })
})
