/** Any sequence of changes to policies, pods and namespaces gives the rules of a fresh start; parts that stay equal stay the same objects. */
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { compilePolicy } from '../../kube-proxy/policy/compile.ts'
import type { PolicyPlan } from '../../kube-proxy/policy/plan.ts'
import { policyPodOf } from '../../kube-proxy/policy/pod.ts'
import { createIptablesRenderer } from '../../kube-proxy/policy/render/iptables.ts'
import { createNftablesRenderer } from '../../kube-proxy/policy/render/nftables.ts'
import { PolicyState } from '../../kube-proxy/policy/state.ts'
import { diffIpsets } from '../../netfilter/ipset.ts'
import { diffBlocks } from '../../netfilter/ruleset.ts'
import { cases } from './cases.ts'
import { namespaces, oraclePod, podNames, podObject, policyObject } from './cluster.ts'
import type { Policy } from './oracle.ts'

vi.setConfig({ testTimeout: 120_000 })
const node = 'node-1'

/** What exists: by name of pod, namespace or policy. */
type World = {
  readonly pods: ReadonlyMap<string, ReturnType<typeof podObject>>
  readonly namespaces: ReadonlyMap<string, Readonly<Record<string, string>>>
  readonly policies: ReadonlyMap<string, Policy>
}
type Change =
  | {
      readonly type: 'pod'
      readonly name: string
      readonly labels: Readonly<Record<string, string>>
      readonly ip: number
    }
  | { readonly type: 'podGone'; readonly name: string }
  | { readonly type: 'podEnds'; readonly name: string }
  | { readonly type: 'namespace'; readonly name: string; readonly labels: Readonly<Record<string, string>> }
  | { readonly type: 'namespaceGone'; readonly name: string }
  | { readonly type: 'policy'; readonly policy: Policy }
  | { readonly type: 'policyGone'; readonly namespace: string; readonly name: string }

/** Few names, so that policies are changed and removed and not only added. */
const policies = cases.flatMap((each) => each.policies).map((policy, index) => ({ ...policy, name: `p${index % 4}` }))
const label = fc.constantFrom({}, { pod: 'a' }, { pod: 'b' }, { pod: 'c', ns: 'x' })
const name = fc.constantFrom(...podNames)
const namespace = fc.constantFrom('x', 'y', 'z')
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ type: fc.constant('pod' as const), name, labels: label, ip: fc.nat(3) }),
  fc.record({ type: fc.constant('podGone' as const), name }),
  fc.record({ type: fc.constant('podEnds' as const), name }),
  fc.record({
    type: fc.constant('namespace' as const),
    name: namespace,
    labels: fc.constantFrom<Readonly<Record<string, string>>>({}, { ns: 'x' }, { ns: 'y' }, { never: 'x' }),
  }),
  fc.record({ type: fc.constant('namespaceGone' as const), name: namespace }),
  fc.record({ type: fc.constant('policy' as const), policy: fc.constantFrom(...policies) }),
  fc.record({ type: fc.constant('policy' as const), policy: fc.constantFrom(...policies) }),
  fc.record({ type: fc.constant('policyGone' as const), namespace, name: fc.constantFrom('p0', 'p1', 'p2', 'p3') }),
)

function podWith(podName: string, labels: Readonly<Record<string, string>>, ip: number, phase = 'Running') {
  const pod = oraclePod(podName, labels)
  // Some pods share an address for a while, and one has none.
  const ips = ip === 0 ? [] : ip === 1 ? pod.ips : [`10.244.1.${200 + ip}`, `fd00:10:244:1::${200 + ip}`]
  const object = podObject({ ...pod, ips })
  return { ...object, status: { ...object.status, phase } } as ReturnType<typeof podObject>
}

function apply(state: PolicyState, world: World, one: Change): World {
  const put = <T>(map: ReadonlyMap<string, T>, key: string, value: T | undefined): ReadonlyMap<string, T> => {
    const next = new Map(map)
    if (value === undefined) next.delete(key)
    else next.set(key, value)
    return next
  }
  switch (one.type) {
    case 'pod':
    case 'podGone':
    case 'podEnds': {
      const key = one.name.replace('-', '/')
      const known = world.pods.get(key)
      const object =
        one.type === 'pod'
          ? podWith(one.name, one.labels, one.ip)
          : one.type === 'podEnds' && known !== undefined
            ? podWith(one.name, {}, 1, 'Succeeded')
            : undefined
      state.setPod(key, object && policyPodOf(object, node))
      return { ...world, pods: put(world.pods, key, object) }
    }
    case 'namespace':
    case 'namespaceGone': {
      const labels = one.type === 'namespace' ? one.labels : undefined
      state.setNamespace(one.name, labels)
      return { ...world, namespaces: put(world.namespaces, one.name, labels) }
    }
    case 'policy': {
      const key = `${one.policy.namespace}/${one.policy.name}`
      state.setPolicy(key, compilePolicy(policyObject(one.policy)))
      return { ...world, policies: put(world.policies, key, one.policy) }
    }
    case 'policyGone': {
      const key = `${one.namespace}/${one.name}`
      state.setPolicy(key, undefined)
      return { ...world, policies: put(world.policies, key, undefined) }
    }
  }
}

/** In another order than things came. */
function freshState(world: World): PolicyState {
  const state = new PolicyState()
  for (const [key, policy] of [...world.policies].toReversed())
    state.setPolicy(key, compilePolicy(policyObject(policy)))
  for (const [key, pod] of [...world.pods].toReversed()) state.setPod(key, policyPodOf(pod, node))
  for (const [key, labels] of [...world.namespaces].toReversed()) state.setNamespace(key, labels)
  return state
}

function rulesOf(plan: PolicyPlan) {
  const families = ['ip', 'ip6'] as const
  const sorted = <T>(map: ReadonlyMap<string, T>) => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return families.map((family) => {
    const { sets, blocks, jumps } = createIptablesRenderer(family, { hasIpvs: false })(plan)
    return {
      sets: sorted(sets).map(([id, { type, entries }]) => [id, type, [...entries].toSorted()]),
      blocks: sorted(blocks),
      jumps,
      nft: sorted(createNftablesRenderer(family)(plan)),
    }
  })
}

const start: World = { pods: new Map(), namespaces: new Map(Object.entries(namespaces)), policies: new Map() }

function startState(): PolicyState {
  const state = new PolicyState()
  for (const [key, labels] of start.namespaces) state.setNamespace(key, labels)
  return state
}

test('PolicyState.plan() after any changes gives the rules of a fresh start', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(change, fc.boolean()), { minLength: 5, maxLength: 60 }), (changes) => {
      const state = startState()
      let world = start
      for (const [one, isPlanned] of changes) {
        world = apply(state, world, one)
        // Plans in between must leave nothing that tells.
        if (isPlanned) state.plan()
      }
      expect(rulesOf(state.plan())).toEqual(rulesOf(freshState(world).plan()))
    }),
    { numRuns: 150 },
  )
})

test('diffs of iptables and ipset lead from any state to any other', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 5, maxLength: 40 }), (changes) => {
      const state = startState()
      const render = createIptablesRenderer('ip', { hasIpvs: false })
      let world = start
      let before = render(state.plan())
      const kernel = new Map<string, Set<string>>()
      const chains = new Map<string, readonly string[]>()
      for (const one of changes) {
        world = apply(state, world, one)
        const wanted = render(state.plan())
        const { additions, removals } = diffIpsets(before.sets, wanted.sets)
        for (const line of `${additions}${removals}`.split('\n')) runIpset(kernel, line)
        const { write = new Map<string, readonly string[]>(), remove = [] } =
          diffBlocks(before.blocks, wanted.blocks).get('mangle') ?? {}
        for (const [chain, rules] of write) chains.set(chain, rules)
        for (const chain of remove) chains.delete(chain)
        before = wanted
        expect(new Map([...wanted.sets].map(([key, { entries }]) => [key, new Set(entries)]))).toEqual(kernel)
        expect(new Map([...wanted.blocks.values()].flatMap(({ mangle }) => [...(mangle ?? [])]))).toEqual(chains)
      }
    }),
    { numRuns: 60 },
  )
})

/** Refuses what the kernel refuses. */
function runIpset(kernel: Map<string, Set<string>>, line: string): void {
  const [verb, set = '', entry = ''] = line.split(' ')
  if (verb === 'create') {
    if (kernel.has(set)) throw new Error(`${set} is there`)
    kernel.set(set, new Set())
  } else if (verb === 'destroy') kernel.delete(set)
  else if (verb === 'add') kernel.get(set)?.add(entry)
  else if (verb === 'del') kernel.get(set)?.delete(entry)
}

test('a status without news changes nothing, and a pod changes only the sets that it is in', () => {
  const state = startState()
  for (const each of podNames) state.setPod(each.replace('-', '/'), policyPodOf(podWith(each, {}, 1), node))
  const policy = cases.find(({ name: of }) => of === 'each pod has a policy of its own')?.policies ?? []
  for (const one of policy) state.setPolicy(`${one.namespace}/${one.name}`, compilePolicy(policyObject(one)))
  const before = state.plan()
  expect(state.setPod('x/a', policyPodOf(podWith('x-a', {}, 1), node))).toBe(false)
  expect(state.setPod('x/b', policyPodOf(podWith('x-b', {}, 2), node))).toBe(true)
  const after = state.plan()
  const changed = [...after.sets].filter(([key, set]) => before.sets.get(key) !== set).map(([key]) => key)
  // Pods b everywhere, and all pods of x.
  expect(changed).toHaveLength(2)
  const profiles = [...after.profiles].filter(([key, profile]) => before.profiles.get(key) !== profile)
  expect(profiles).toEqual([])
})
