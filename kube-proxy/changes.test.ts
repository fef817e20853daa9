/** Whatever happened before: the rules are those of a fresh start from the same Services and EndpointSlices. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { flattenNft, type NftChain } from '../netfilter/nft.ts'
import { type NftChange, NftMemory } from '../netfilter/nft-diff.ts'
import { type Blocks, type Change, diffBlocks, flatten, type Table } from '../netfilter/ruleset.ts'
import { blocksOf, createRenderings } from './iptables/plan.ts'
import { nftOptionsOf } from './nftables/options.ts'
import { NftPlanner } from './nftables/plan.ts'
import { Planner } from './plan/planner.ts'
import { defaultNode, defaultOptions, defaultSettings, makeService, type ServiceOptions } from './testing.ts'

type Cluster = {
  readonly services: Readonly<Record<string, Omit<ServiceOptions, 'name'>>>
  readonly zone: string
  readonly isLarge: boolean
}

const endpoint = fc.record({
  ip: fc.constantFrom('10.244.0.1', '10.244.0.2', '10.244.1.1', '10.244.1.2', '10.244.1.3'),
  node: fc.constantFrom('node-1', 'node-2'),
  ready: fc.boolean(),
  serving: fc.boolean(),
  terminating: fc.boolean(),
  zones: fc.constantFrom(['zone-a'], ['zone-b']),
})
const policy = fc.constantFrom('Cluster' as const, 'Local' as const)
const service = fc.record({
  protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
  nodePort: fc.constantFrom(0, 30_001),
  loadBalancerIps: fc.subarray(['198.51.100.1', '198.51.100.2']),
  endpoints: fc.uniqueArray(endpoint, { selector: ({ ip }) => ip }),
  spec: fc.record({
    type: fc.constantFrom('ClusterIP' as const, 'LoadBalancer' as const),
    externalIPs: fc.subarray(['198.51.100.1', '198.51.100.9']),
    sessionAffinity: fc.constantFrom('None' as const, 'ClientIP' as const),
    loadBalancerSourceRanges: fc.subarray(['203.0.113.0/24', '172.16.0.0/16']),
    internalTrafficPolicy: policy,
    externalTrafficPolicy: policy,
  }),
})
const clusters: fc.Arbitrary<readonly Cluster[]> = fc.array(
  fc.record({
    services: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), service),
    zone: fc.constantFrom('zone-a', 'zone-b'),
    isLarge: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
)

/** Objects as a cache holds them: the same object for as long as nothing changes. */
function createCache() {
  const made = new Map<string, ReturnType<typeof makeService>>()
  return ({ services, zone }: Cluster) => {
    const current = Object.entries(services).map(([name, options]) => {
      const index = ['a', 'b', 'c', 'd'].indexOf(name) + 1
      const clusterIP = `10.96.0.${index}`
      const nodePort = options.nodePort === 0 ? {} : { nodePort: 30_000 + index }
      const { nodePort: _, ...rest } = options
      const whole = { ...rest, ...nodePort, name, spec: { ...options.spec, clusterIP, clusterIPs: [clusterIP] } }
      const key = JSON.stringify(whole)
      const known = made.get(key) ?? makeService(whole)
      made.set(key, known)
      return known
    })
    return {
      family: 'ip' as const,
      services: current.map((each) => each.service),
      slicesOf: (wanted: object) => current.filter((each) => each.service === wanted).map(({ slice }) => slice),
      topology: { nodeName: 'node-1', zone },
    }
  }
}

function sortedMaps(value: unknown): unknown {
  if (!(value instanceof Map)) return value
  const entries = [...value].map(([key, each]): [string, unknown] => [String(key), sortedMaps(each)])
  return entries.toSorted(([left], [right]) => (left < right ? -1 : 1))
}

function applyToTables(tables: Map<Table, Map<string, readonly string[]>>, change: Change): void {
  for (const [table, { write, remove }] of change) {
    const chains = tables.get(table) ?? new Map<string, readonly string[]>()
    tables.set(table, chains)
    for (const [chain, rules] of write) chains.set(chain, rules)
    for (const chain of remove) chains.delete(chain)
  }
}

test('mode iptables: any sequence of changes gives the rules of a fresh start', { timeout: 30_000 }, () => {
  fc.assert(
    fc.property(clusters, (sequence) => {
      const [cache, planner, renderings] = [createCache(), new Planner(), createRenderings()]
      const kernel = new Map<Table, Map<string, readonly string[]>>()
      let applied: Blocks = new Map()
      for (const cluster of sequence) {
        const options = { ...defaultOptions, isLarge: cluster.isLarge }
        const blocks = blocksOf(planner.plan(cache(cluster)), options, renderings)
        applyToTables(kernel, diffBlocks(applied, blocks))
        applied = blocks
      }
      const options = { ...defaultOptions, isLarge: lastOf(sequence).isLarge }
      const fresh = blocksOf(new Planner().plan(createCache()(lastOf(sequence))), options)
      expect(sortedMaps(kernel)).toEqual(sortedMaps(flatten(fresh)))
    }),
    { numRuns: 40 },
  )
})

test('mode nftables: any sequence of changes gives the table of a fresh start', { timeout: 30_000 }, () => {
  const options = nftOptionsOf(defaultNode, defaultSettings)
  fc.assert(
    fc.property(clusters, (sequence) => {
      const [cache, planner, rendering, memory] = [createCache(), new Planner(), new NftPlanner(), new NftMemory()]
      const kernel: Kernel = { chains: new Map(), elements: new Map() }
      for (const cluster of sequence) {
        const { change, commit } = memory.diff(rendering.plan(planner.plan(cache(cluster)), options))
        applyToTable(kernel, change)
        commit()
      }
      const fresh = flattenNft(new NftPlanner().plan(new Planner().plan(createCache()(lastOf(sequence))), options))
      const elements = [...fresh.elements].flatMap(([set, byKey]) =>
        [...byKey].map(([key, rest]) => [`${set} ${key}`, rest]),
      )
      expect(sortedMaps(kernel.chains)).toEqual(sortedMaps(fresh.chains))
      expect([...kernel.elements].toSorted()).toEqual(elements.toSorted())
    }),
    { numRuns: 40 },
  )
})

function lastOf(sequence: readonly Cluster[]): Cluster {
  return sequence.at(-1) ?? { services: {}, zone: '', isLarge: false }
}

/** Elements by set and key in one text. */
type Kernel = { readonly chains: Map<string, NftChain>; readonly elements: Map<string, string> }

/** As strict as the kernel: what is removed must be there, what is added must not. */
function applyToTable({ chains, elements }: Kernel, change: NftChange): void {
  for (const [name, chain] of change.chains.write) chains.set(name, chain)
  for (const name of change.chains.remove) chains.delete(name)
  for (const key of elements.keys()) if (change.sets.remove.has(key.split(' ')[0] ?? '')) elements.delete(key)
  for (const [set, { add, remove }] of change.elements) {
    for (const key of remove) if (!elements.delete(`${set} ${key}`)) throw new Error(`no element ${set} ${key}`)
    for (let at = 0; at < add.length; at += 2) {
      const key = `${set} ${add[at]}`
      if (elements.has(key)) throw new Error(`element ${key} twice`)
      elements.set(key, add[at + 1] ?? '')
    }
  }
}
