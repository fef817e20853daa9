import { expect, test } from 'vitest'
import type { Node, Pod, Service, ServiceSpec } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import { type Action, type Observed, plan } from './plan.ts'

function service(spec: Partial<ServiceSpec> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 's',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { team: 'a' },
    },
    spec: {
      selector: { app: 'web' },
      clusterIP: '10.96.0.5',
      ipFamilies: ['IPv4'],
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' }],
      ...spec,
    },
    status: { loadBalancer: {} },
  }
}

type PodOptions = {
  readonly ready?: boolean
  readonly deleting?: true
  readonly phase?: string
  readonly port?: number
  readonly ips?: readonly string[]
  readonly node?: string
}

function pod(
  at: number,
  { ready = true, phase = 'Running', port = 8080, node = 'n1', ...options }: PodOptions = {},
): Pod {
  const ips = options.ips ?? [`10.244.0.${at}`]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `web-${at}`,
      namespace: 'default',
      uid: `p${at}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(options.deleting === undefined ? {} : { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
    spec: {
      nodeName: node,
      containers: [{ name: 'c', resources: {}, ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }] }],
    },
    status: {
      phase,
      podIPs: ips.map((ip) => ({ ip })),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  }
}

const node = { metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z1' } } } as unknown as Node

function observed(pods: readonly Pod[], rest: Partial<Observed> = {}): Observed {
  return { service: service(), pods, nodes: new Map([['n1', node]]), slices: [], maxPerSlice: 100, ...rest }
}

/** Applies a plan to slices as the server would. */
function after(slices: readonly EndpointSlice[], actions: readonly Action[]): readonly EndpointSlice[] {
  let serial = slices.length
  const made = actions.flatMap((action) => {
    if (action.type !== 'create') return []
    serial += 1
    const metadata = { ...action.draft.metadata, name: `web-${serial}`, uid: `u${serial}` }
    return [{ ...action.draft, metadata } as unknown as EndpointSlice]
  })
  const kept = slices.flatMap((slice) => {
    const change = actions.find(
      (action) => action.type !== 'create' && action.slice.metadata.name === slice.metadata.name,
    )
    if (change?.type === 'delete') return []
    return [change?.type === 'update' ? change.slice : slice]
  })
  return [...kept, ...made]
}

const sizes = (slices: readonly EndpointSlice[]): readonly number[] =>
  slices.map(({ endpoints }) => endpoints?.length ?? 0)

test('plan() makes one slice with the ready state, node and zone of every pod', () => {
  const [action] = plan(observed([pod(1), pod(2, { ready: false })])).actions
  expect(action).toMatchObject({
    type: 'create',
    draft: {
      addressType: 'IPv4',
      metadata: {
        generateName: 'web-',
        labels: {
          team: 'a',
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        ownerReferences: [{ kind: 'Service', name: 'web', controller: true, blockOwnerDeletion: true }],
      },
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [
        {
          addresses: ['10.244.0.1'],
          conditions: { ready: true, serving: true, terminating: false },
          nodeName: 'n1',
          zone: 'z1',
          targetRef: { kind: 'Pod', namespace: 'default', name: 'web-1', uid: 'p1' },
        },
        { conditions: { ready: false, serving: false, terminating: false } },
      ],
    },
  })
})

test.each([
  [
    'a pod that is leaving still serves but is not ready',
    pod(1, { deleting: true }),
    { ready: false, serving: true, terminating: true },
  ],
  ['a pod that has ended is none', pod(1, { phase: 'Succeeded' }), undefined],
  ['a pod without an address is none', pod(1, { ips: [] }), undefined],
])('plan(): %s', (_, one, conditions) => {
  const [action] = plan(observed([one])).actions
  const endpoints = action?.type === 'create' ? action.draft.endpoints : 'no slice'
  expect(endpoints).toEqual(conditions === undefined ? [] : [expect.objectContaining({ conditions })])
})

test('plan() changes nothing when the slices are right', () => {
  const pods = [pod(1), pod(2)]
  const slices = after([], plan(observed(pods)).actions)
  expect(plan(observed(pods, { slices })).actions).toEqual([])
})

test('plan() fills slices up to the limit and writes only those that change', () => {
  const pods = [1, 2, 3, 4, 5].map((at) => pod(at))
  const slices = after([], plan(observed(pods, { maxPerSlice: 2 })).actions)
  expect(sizes(slices)).toEqual([2, 2, 1])
  const fewer = plan(observed(pods.slice(1), { slices, maxPerSlice: 2 })).actions
  expect(fewer.map(({ type }) => type)).toEqual(['update'])
  const refilled = plan(
    observed([...pods.slice(1), pod(6), pod(7)], { slices: after(slices, fewer), maxPerSlice: 2 }),
  ).actions
  expect(sizes(after(after(slices, fewer), refilled))).toEqual([2, 2, 2])
})

test('plan() deletes a slice that has become empty, and keeps one empty slice when no endpoint is left', () => {
  const pods = [1, 2, 3].map((at) => pod(at))
  const slices = after([], plan(observed(pods, { maxPerSlice: 2 })).actions)
  expect(sizes(after(slices, plan(observed(pods.slice(0, 2), { slices, maxPerSlice: 2 })).actions))).toEqual([2])
  expect(sizes(after(slices, plan(observed([], { slices, maxPerSlice: 2 })).actions))).toEqual([0])
})

test('plan() puts pods with other numbers for a named port into a slice of their own', () => {
  const slices = after([], plan(observed([pod(1), pod(2, { port: 9090 })])).actions)
  expect(slices.map(({ ports }) => ports?.[0]?.port)).toEqual([8080, 9090])
})

test('plan() keeps the families of a dual-stack Service apart', () => {
  const dual = service({ ipFamilies: ['IPv4', 'IPv6'] })
  const slices = after([], plan(observed([pod(1, { ips: ['10.244.0.1', 'fd00::1'] })], { service: dual })).actions)
  expect(slices.map(({ addressType, endpoints }) => [addressType, endpoints?.[0]?.addresses])).toEqual([
    ['IPv4', ['10.244.0.1']],
    ['IPv6', ['fd00::1']],
  ])
})

test('plan() waits for a node that the cache does not know yet', () => {
  const result = plan(observed([pod(1, { node: 'new' }), pod(2)]))
  expect(result.requeueAfterMs).toBe(1_000)
  expect(sizes(after([], result.actions))).toEqual([1])
})

test('plan() leaves Services without a selector, and external names, to others', () => {
  const { selector: _, ...spec } = service().spec
  expect(plan(observed([pod(1)], { service: { ...service(), spec } })).actions).toEqual([])
  expect(plan(observed([pod(1)], { service: service({ type: 'ExternalName' }) })).actions).toEqual([])
})

test('plan() publishes pods that are not ready where the Service asks for it', () => {
  const [action] = plan(
    observed([pod(1, { ready: false })], { service: service({ publishNotReadyAddresses: true }) }),
  ).actions
  expect(action).toMatchObject({ draft: { endpoints: [{ conditions: { ready: true, serving: false } }] } })
})

test('plan() hints at the zone for trafficDistribution', () => {
  const [action] = plan(observed([pod(1)], { service: service({ trafficDistribution: 'PreferClose' }) })).actions
  expect(action).toMatchObject({ draft: { endpoints: [{ hints: { forZones: [{ name: 'z1' }] } }] } })
})
