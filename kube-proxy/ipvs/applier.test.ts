import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Clock } from '../../component-base/clock.ts'
import type { LogFields, Logger } from '../../component-base/logger.ts'
import { keyOf, type VirtualServer } from '../../netfilter/ipvs.ts'
import { parseVirtualServers } from '../../test/fixtures/ipvsadm.ts'
import type { SyncResult } from '../mode.ts'
import { Planner } from '../plan/planner.ts'
import { defaultNode, defaultSettings, makeService, nodeIp, type ServiceOptions } from '../testing.ts'
import { IpvsApplier } from './applier.ts'
import { FakeKernel } from './fake-kernel.ts'
import { type IpvsPlan, planIpvs } from './plan.ts'
import { IpvsPlanner } from './planner.ts'
import { defaultIpvsSettings } from './settings.ts'

const { signal } = new AbortController()
const logger: Logger = { debug: () => {}, info: () => {}, error: () => {}, child: () => logger }

/** A node with its memory: planner, renderings, applier; the kernel outlives it. */
class NodeProxy {
  readonly #planner = new Planner()
  readonly #ipvsPlanner = new IpvsPlanner()
  readonly applier: IpvsApplier
  rules: IpvsPlan['rules'] = {}

  constructor(
    kernel: FakeKernel,
    more: { readonly clock?: Clock; readonly excludeCidrs?: readonly string[]; readonly logger?: Logger } = {},
  ) {
    this.applier = new IpvsApplier({
      family: 'ip',
      tools: kernel.tools,
      prepare: async () => {},
      applyRules: async (plan): Promise<SyncResult> => {
        const isSame = JSON.stringify(chainsOf(plan.rules)) === JSON.stringify(chainsOf(this.rules))
        this.rules = plan.rules
        return { type: isSame ? 'none' : 'partial', lines: isSame ? 0 : 1 }
      },
      excludeCidrs: more.excludeCidrs ?? [],
      clock: more.clock ?? clockAt(0),
      logger: more.logger ?? logger,
    })
  }

  plan(cluster: ReturnType<ReturnType<typeof createCache>>): IpvsPlan {
    const ports = this.#planner.plan({ ...cluster, family: 'ip', topology: defaultNode.topology })
    const inputs = { node: defaultNode, ports, settings: defaultSettings, ipvs: defaultIpvsSettings, hostIps: [nodeIp] }
    const plan = this.#ipvsPlanner.plan(inputs)
    // With memory or without: the same.
    expect(plan).toEqual(planIpvs(inputs))
    return plan
  }

  async sync(cluster: ReturnType<ReturnType<typeof createCache>>): Promise<SyncResult> {
    return await this.applier.apply(this.plan(cluster), signal)
  }
}

function chainsOf(rules: IpvsPlan['rules']): unknown {
  return [rules.nat, rules.filter].map((chains) => [...(chains ?? [])])
}

function clockAt(nowMs: number): Clock & { nowMs: number } {
  const clock = { nowMs, now: () => clock.nowMs, sleep: async () => {} }
  return clock
}

/** Objects as a cache holds them: the same object for as long as nothing changes. */
function createCache() {
  const made = new Map<string, ReturnType<typeof makeService>>()
  return (services: Readonly<Record<string, Omit<ServiceOptions, 'name'>>>) => {
    const current = Object.entries(services).map(([name, options]) => {
      const key = JSON.stringify([name, options])
      const known = made.get(key) ?? makeService({ ...options, name })
      made.set(key, known)
      return known
    })
    return {
      services: current.map(({ service }) => service),
      slicesOf: (wanted: object) => current.filter(({ service }) => service === wanted).map(({ slice }) => slice),
    }
  }
}

/** What the kernel holds, without the order in which it came. */
function stateOf(kernel: FakeKernel): unknown {
  const sorted = (values: Iterable<unknown>) => [...values].map((value) => JSON.stringify(value)).toSorted()
  return {
    servers: sorted([...kernel.servers].map(([key, server]) => [key, server, sorted(server.realServers)])),
    sets: sorted([...kernel.sets].map(([name, { type, entries }]) => [name, type, sorted(entries)])),
    addresses: sorted(kernel.addresses ?? []),
  }
}

const a = { ip: '10.244.0.5' }
const b = { ip: '10.244.1.6', node: 'node-2' }
const vip = 'tcp 10.96.0.1:80'
const sctpKey = 'sctp 10.96.0.2:80'
const weightsOf = (kernel: FakeKernel, key = vip) => Object.fromEntries(kernel.servers.get(key)?.realServers ?? [])

const endpoint = fc.record({
  ip: fc.constantFrom('10.244.0.1', '10.244.0.2', '10.244.1.1', '10.244.1.2', '10.244.1.3'),
  node: fc.constantFrom('node-1', 'node-2'),
  ready: fc.boolean(),
  serving: fc.boolean(),
  terminating: fc.boolean(),
})
const policy = fc.constantFrom('Cluster' as const, 'Local' as const)
const service = fc.record({
  protocol: fc.constantFrom('TCP' as const, 'UDP' as const, 'SCTP' as const),
  hasNodePort: fc.boolean(),
  loadBalancerIps: fc.subarray(['198.51.100.1', '198.51.100.2', nodeIp]),
  endpoints: fc.uniqueArray(endpoint, { selector: ({ ip }) => ip }),
  spec: fc.record({
    type: fc.constantFrom('NodePort' as const, 'LoadBalancer' as const),
    externalIPs: fc.subarray(['198.51.100.1', '198.51.100.9']),
    sessionAffinity: fc.constantFrom('None' as const, 'ClientIP' as const),
    loadBalancerSourceRanges: fc.subarray(['203.0.113.0/24', '172.16.0.0/16', '192.0.2.1/32']),
    internalTrafficPolicy: policy,
    externalTrafficPolicy: policy,
  }),
})
const names = ['a', 'b', 'c', 'd'] as const
const clusters = fc.array(
  fc.dictionary(fc.constantFrom(...names), service).map((services) =>
    Object.fromEntries(
      Object.entries(services).map(([name, { hasNodePort, spec, ...rest }]) => {
        const index = [...names].map(String).indexOf(name) + 1
        const clusterIP = `10.96.0.${index}`
        const nodePort = hasNodePort ? { nodePort: 30_000 + index } : {}
        return [name, { ...rest, ...nodePort, spec: { ...spec, clusterIP, clusterIPs: [clusterIP] } }]
      }),
    ),
  ),
  { minLength: 1, maxLength: 6 },
)

test('any sequence of changes gives the servers, sets, addresses and rules of a fresh start', {
  timeout: 30_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(clusters, async (sequence) => {
      const kernel = new FakeKernel()
      const cache = createCache()
      const proxy = new NodeProxy(kernel)
      for (const cluster of sequence) await proxy.sync(cache(cluster))
      const fresh = new FakeKernel()
      const other = new NodeProxy(fresh)
      await other.sync(createCache()(sequence.at(-1) ?? {}))
      expect(stateOf(kernel)).toEqual(stateOf(fresh))
      expect(chainsOf(proxy.rules)).toEqual(chainsOf(other.rules))
      expect(await proxy.applier.isDisturbed(signal)).toBe(false)
      expect(kernel.complaints).toEqual([])
    }),
    { numRuns: 60 },
  )
})

test('a failure in the middle, or a kill, is made good by the next sync', { timeout: 30_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(clusters, fc.nat(60), fc.boolean(), async (sequence, lines, isKilled) => {
      const kernel = new FakeKernel()
      const cache = createCache()
      const proxy = new NodeProxy(kernel)
      for (const cluster of sequence) {
        kernel.failAfterLines = lines
        await proxy.sync(cache(cluster)).catch(() => undefined)
      }
      kernel.failAfterLines = Number.POSITIVE_INFINITY
      const last = sequence.at(-1) ?? {}
      await (isKilled ? new NodeProxy(kernel) : proxy).sync(isKilled ? createCache()(last) : cache(last))
      const fresh = new FakeKernel()
      await new NodeProxy(fresh).sync(createCache()(last))
      expect(stateOf(kernel)).toEqual(stateOf(fresh))
      expect(kernel.complaints).toEqual([])
    }),
    { numRuns: 60 },
  )
})

test('apply() of a restarted process finds everything there and changes nothing', async () => {
  const kernel = new FakeKernel()
  const cluster = { web: { endpoints: [a, b], nodePort: 30_080, spec: { type: 'NodePort' as const } } }
  await new NodeProxy(kernel).sync(createCache()(cluster))
  kernel.scripts.length = 0
  await new NodeProxy(kernel).sync(createCache()(cluster))
  expect(kernel.scripts).toEqual([])
})

test('apply() does one thing for one new endpoint', async () => {
  const kernel = new FakeKernel()
  const cache = createCache()
  const proxy = new NodeProxy(kernel)
  await proxy.sync(cache({ web: { endpoints: [b] } }))
  kernel.scripts.length = 0
  const more = { ip: '10.244.1.7', node: 'node-2' }
  expect(await proxy.sync(cache({ web: { endpoints: [b, more] } }))).toEqual({ type: 'partial', lines: 1 })
  expect(kernel.scripts).toEqual([`ipvs\nadd ${vip} -> 10.244.1.7:8080 weight 1\n`])
  expect(await proxy.sync(cache({ web: { endpoints: [b, more] } }))).toEqual({ type: 'none', lines: 0 })
})

test('plan() leaves sets, addresses and rules the objects that they were when only endpoints change', () => {
  const cache = createCache()
  const proxy = new NodeProxy(new FakeKernel())
  const other = { spec: { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] } }
  const first = proxy.plan(cache({ web: { endpoints: [a] }, other }))
  const second = proxy.plan(cache({ web: { endpoints: [a, { ip: '10.244.1.7', node: 'node-2' }] }, other }))
  expect(second.sets).toBe(first.sets)
  expect(second.addresses).toBe(first.addresses)
  expect(second.rules).toBe(first.rules)
  expect(second.servers.get(vip)).not.toEqual(first.servers.get(vip))
  expect(second.servers.get('tcp 10.96.0.9:80')).toBe(first.servers.get('tcp 10.96.0.9:80'))
})

test('apply() brings sets before servers and addresses, and takes them back in the other order', async () => {
  const kernel = new FakeKernel()
  const cache = createCache()
  const proxy = new NodeProxy(kernel)
  const toolsOf = (scripts: readonly string[]) => scripts.map((script) => script.split('\n')[0])
  await proxy.sync(cache({ web: { endpoints: [a] } }))
  expect(toolsOf(kernel.scripts)).toEqual(['ipset', 'ipvs', 'device'])
  kernel.scripts.length = 0
  await proxy.sync(cache({}))
  expect(toolsOf(kernel.scripts)).toEqual(['device', 'ipvs', 'ipset'])
})

test('what the kernel refuses for one Service does not keep others waiting, and is tried again', async () => {
  const kernel = new FakeKernel()
  kernel.refusedProtocol = 'sctp'
  const cache = createCache()
  const told: LogFields[] = []
  const proxy = new NodeProxy(kernel, { logger: { ...logger, error: (_, fields = {}) => void told.push(fields) } })
  const sctp = {
    protocol: 'SCTP' as const,
    endpoints: [b],
    spec: { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'] },
  }
  const cluster = cache({ sctp, web: { endpoints: [b] } })
  const waits: unknown[] = []
  for (let pass = 0; pass < 7; pass += 1) waits.push((await proxy.sync(cluster)).retryAfterMs)
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  // Said once.
  expect(told).toEqual([
    {
      count: 2,
      first: [
        'add sctp 10.96.0.2:80 (rr): EPROTONOSUPPORT',
        `add ${sctpKey} -> 10.244.1.6:8080 weight 1: EPROTONOSUPPORT`,
      ],
      retryAfterMs: 1_000,
    },
  ])
  expect(weightsOf(kernel)).toEqual({ '10.244.1.6:8080': 1 })
  expect(await proxy.applier.isDisturbed(signal)).toBe(false)
  kernel.refusedProtocol = 'none'
  kernel.scripts.length = 0
  expect((await proxy.sync(cluster)).retryAfterMs).toBeUndefined()
  expect(weightsOf(kernel, sctpKey)).toEqual({ '10.244.1.6:8080': 1 })
  // Nothing else was touched.
  expect(kernel.scripts).toEqual([`ipvs\nadd ${sctpKey} (rr)\nadd ${sctpKey} -> 10.244.1.6:8080 weight 1\n`])
  expect(await proxy.sync(cluster)).toEqual({ type: 'none', lines: 0 })
})

test('an address that the kernel refuses is tried again, and what somebody put there meanwhile is no obstacle', async () => {
  const kernel = new FakeKernel()
  kernel.refusedAddresses.add('10.96.0.1')
  const cache = createCache()
  const proxy = new NodeProxy(kernel)
  const cluster = cache({ web: { endpoints: [b] } })
  expect((await proxy.sync(cluster)).retryAfterMs).toBe(1_000)
  kernel.refusedAddresses.clear()
  kernel.addresses?.add('192.0.2.9')
  expect(await proxy.sync(cluster)).toEqual({ type: 'partial', lines: 2 })
  expect([...(kernel.addresses ?? [])]).toEqual(['10.96.0.1'])
})

test('a virtual server that the kernel would not delete is deleted when it can be', async () => {
  const kernel = new FakeKernel()
  const cache = createCache()
  const proxy = new NodeProxy(kernel)
  await proxy.sync(cache({ web: { endpoints: [b] } }))
  kernel.refusedProtocol = 'tcp'
  expect((await proxy.sync(cache({}))).retryAfterMs).toBe(1_000)
  kernel.refusedProtocol = 'none'
  await proxy.sync(cache({}))
  expect(kernel.servers.size).toBe(0)
})

test('a real server that leaves keeps its connections until the last has ended', async () => {
  const kernel = new FakeKernel()
  const clock = clockAt(1_000_000)
  const cache = createCache()
  const proxy = new NodeProxy(kernel, { clock })
  await proxy.sync(cache({ web: { endpoints: [a, b] } }))
  kernel.connections.set(vip, new Map([['10.244.0.5:8080', { active: 1, inactive: 1 }]]))
  await proxy.sync(cache({ web: { endpoints: [b] } }))
  expect(weightsOf(kernel)).toEqual({ '10.244.0.5:8080': 0, '10.244.1.6:8080': 1 })
  expect(await proxy.applier.isDisturbed(signal)).toBe(false)
  kernel.connections.clear()
  await proxy.sync(cache({ web: { endpoints: [b] } }))
  expect(weightsOf(kernel)).toEqual({ '10.244.0.5:8080': 0, '10.244.1.6:8080': 1 })
  clock.nowMs += 61_000
  await proxy.sync(cache({ web: { endpoints: [b] } }))
  expect(weightsOf(kernel)).toEqual({ '10.244.1.6:8080': 1 })
})

test('a real server that comes back while it drains serves on', async () => {
  const kernel = new FakeKernel()
  const cache = createCache()
  const proxy = new NodeProxy(kernel)
  await proxy.sync(cache({ web: { endpoints: [a, b] } }))
  kernel.connections.set(vip, new Map([['10.244.0.5:8080', { active: 1, inactive: 1 }]]))
  await proxy.sync(cache({ web: { endpoints: [b] } }))
  await proxy.sync(cache({ web: { endpoints: [a, b] } }))
  expect(weightsOf(kernel)).toEqual({ '10.244.0.5:8080': 1, '10.244.1.6:8080': 1 })
})

test('a restarted process goes on draining', async () => {
  const kernel = new FakeKernel()
  const proxy = new NodeProxy(kernel)
  await proxy.sync(createCache()({ web: { endpoints: [a, b] } }))
  kernel.connections.set(vip, new Map([['10.244.0.5:8080', { active: 1, inactive: 1 }]]))
  const cache = createCache()
  const clock = clockAt(0)
  const reborn = new NodeProxy(kernel, { clock })
  await reborn.sync(cache({ web: { endpoints: [b] } }))
  expect(weightsOf(kernel)).toEqual({ '10.244.0.5:8080': 0, '10.244.1.6:8080': 1 })
  const another = new NodeProxy(kernel, { clock })
  kernel.connections.clear()
  await another.sync(cache({ web: { endpoints: [b] } }))
  expect(weightsOf(kernel)).toEqual({ '10.244.1.6:8080': 1 })
})

const foreign = (address: string): [string, VirtualServer] => {
  const [made] = parseVirtualServers(`-A -t ${address} -s wlc`).values()
  if (made === undefined) throw new TypeError(address)
  return [keyOf(made), made]
}

test('virtual servers of others go, but those in excluded ranges', async () => {
  const kernel = new FakeKernel()
  kernel.servers = new Map([foreign('192.0.2.7:80'), foreign('203.0.113.7:80'), foreign('[fd00::7]:80')])
  await new NodeProxy(kernel, { excludeCidrs: ['192.0.2.0/24'] }).sync(createCache()({ web: { endpoints: [a] } }))
  expect([...kernel.servers.keys()]).toEqual(['tcp 192.0.2.7:80', 'tcp [fd00::7]:80', vip])
})

test.each<[what: string, change: (kernel: FakeKernel) => void]>([
  ['a virtual server', (kernel) => kernel.servers.clear()],
  ['a set', (kernel) => kernel.sets.delete('KUBE-CLUSTER-IP')],
  ['an address', (kernel) => kernel.addresses?.clear()],
  [
    'the device',
    (kernel) => {
      kernel.addresses = undefined
    },
  ],
])('isDisturbed() notices that somebody took %s away, and the next sync brings it back', async (_, change) => {
  const kernel = new FakeKernel()
  const cache = createCache()
  const proxy = new NodeProxy(kernel)
  await proxy.sync(cache({ web: { endpoints: [a] } }))
  const before = stateOf(kernel)
  change(kernel)
  expect(await proxy.applier.isDisturbed(signal)).toBe(true)
  proxy.applier.forget()
  await proxy.sync(cache({ web: { endpoints: [a] } }))
  expect(stateOf(kernel)).toEqual(before)
})
