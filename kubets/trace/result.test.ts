import { expect, test } from 'vitest'
import type { TraceStep } from '../../netfilter/trace.ts'
import { explore } from './branches.ts'
import { judgeLive, parseFlows, type TrackedFlow } from './live-judge.ts'
import { rangesOfPods } from './pod-range.ts'
import { differencesOf, type TraceResult, tellingSteps } from './result.ts'
import { formatTrace } from './text.ts'
import type { NodeHop, Walk } from './walk.ts'

test('explore() takes every way once, with its probability', () => {
  const branches = explore((choose) => {
    if (choose([0.25, 0.75]) === 0) return 'a'
    return choose([0.5, 0.5]) === 0 ? 'b' : 'c'
  }, 100)
  expect(branches).toEqual([
    { outcome: 'a', probability: 0.25 },
    { outcome: 'b', probability: 0.375 },
    { outcome: 'c', probability: 0.375 },
  ])
  expect(explore((choose) => choose([0.5, 0.5]), 1)).toHaveLength(1)
})

test.each([
  [['10.244.0.0/24', '10.244.1.0/24'], ['10.244.0.0/23']],
  [
    ['10.244.0.0/24', '10.244.5.0/24', 'fd00::/64'],
    ['10.244.0.0/21', 'fd00::/64'],
  ],
  [[], []],
])('rangesOfPods() of %j is %j', (cidrs, want) => {
  expect(rangesOfPods(cidrs)).toEqual(want)
})

const step = (chain: string, verdict: string, rule = '', table = 'nat'): TraceStep => ({
  hook: 'forward',
  table,
  chain,
  rule,
  verdict,
})

test('tellingSteps() keeps what had an effect and the jumps that led there', () => {
  const steps = [
    step('A', 'jump NOTHING'),
    step('A', 'jump B'),
    step('B', 'continue'),
    step('B', 'MARK'),
    step('A', 'jump LAST'),
    step('F', 'DROP', '', 'filter'),
  ]
  expect(tellingSteps(steps).map(({ verdict }) => verdict)).toEqual(['jump B', 'MARK', 'DROP'])
  expect(tellingSteps([step('P', 'RETURN', '--comment "allowed by x/y"'), step('P', 'RETURN')])).toHaveLength(1)
})

const hop: NodeHop = {
  ...{ node: 'n1', rulesFrom: 'kernel', inDevice: 'cni0', verdict: 'ACCEPT' },
  packet: { protocol: 'tcp', sourceIp: '10.1.0.5', destinationIp: '10.96.0.1', destinationPort: 80 },
  steps: [
    step('KUBE-SVC', 'jump KUBE-SEP', '-m comment --comment "web -> x" -j KUBE-SEP'),
    step('KUBE-SEP', 'DNAT 10.1.1.7:8080'),
  ],
  policies: [{ direction: 'egress', result: 'not selected' }],
  translatedTo: { ip: '10.1.1.7', port: 8080 },
  masqueradedAs: undefined,
  route: { to: '10.1.0.0/16', device: 'flannel0', via: undefined, source: undefined, kind: 'tunnel' },
  encapsulation: {
    backend: 'udp',
    protocol: 'udp',
    port: 8285,
    from: '192.0.2.1',
    to: '192.0.2.2',
    device: 'flannel0',
  },
}
const walk: Walk = {
  ...{ outcome: 'delivered', reason: 'pod of n2', endedAt: 'n2' },
  ...{ sourceIp: '10.1.0.5', destinationIp: '10.1.1.7', destinationPort: 8080 },
  hops: [hop],
  back: [{ at: 'n1', what: 'translated back from 10.96.0.1:80' }],
}
const result: TraceResult = {
  from: { label: 'pod default/a', ip: '10.1.0.5', node: 'n1', type: 'pod' },
  to: { label: 'service default/web', ip: '10.96.0.1', port: 80, protocol: 'tcp' },
  ...{ proxyMode: 'iptables', source: 'kernel' },
  candidates: [
    { ip: '10.1.1.7', port: 8080, pod: 'default/w1', node: 'n2', probability: 0.5 },
    { ip: '10.1.0.8', port: 8080, pod: 'default/w2', node: 'n1', probability: 0.5 },
  ],
  ...{ hops: walk.hops, back: walk.back, outcome: walk.outcome, reason: walk.reason, endedAt: walk.endedAt },
  receiver: { ip: '10.1.1.7', port: 8080, label: 'pod default/w1', sees: '10.1.0.5' },
}

test('formatTrace() prints a line for each hop, what happened there below it, and the verdict last', () => {
  expect(
    formatTrace(result, false),
  ).toBe(`pod default/a 10.1.0.5 → service default/web 10.96.0.1:80/tcp    (iptables, rules of the kernel)

 1  pod default/a
 2  n1  by its veth on cni0
      nat KUBE-SVC                       "web -> x" → KUBE-SEP
      nat KUBE-SEP                       → DNAT 10.1.1.7:8080
      endpoint 10.1.1.7:8080 (pod default/w1 on n2, 50 %)
           or 10.1.0.8:8080 (pod default/w2 on n1, 50 %)
      policy egress: no NetworkPolicy selects the pod
      route 10.1.0.0/16 dev flannel0
      source 10.1.0.5 kept
      flannel udp: wrapped in udp 192.0.2.1 → 192.0.2.2:8285
 3  pod default/w1, which sees 10.1.0.5
 ←  the answer: n1 (translated back from 10.96.0.1:80) → pod default/a

delivered to pod default/w1 at 10.1.1.7:8080 on n2
`)
})

test('formatTrace() says who denied, and where the packet ended', () => {
  const denied: NodeHop = {
    ...{ ...hop, verdict: 'DROP', steps: [], translatedTo: undefined, route: undefined, encapsulation: undefined },
    policies: [{ direction: 'ingress', result: 'denied', policies: ['default/nobody'] }],
  }
  const text = formatTrace(
    { ...result, outcome: 'dropped', reason: 'by mangle X', endedAt: 'n1', hops: [denied], back: [] },
    false,
  )
  expect(text).toContain(
    'policy ingress: DENIED, isolated by default/nobody, none of which allows it\n      ✗ dropped here',
  )
  expect(text.endsWith('\ndropped on n1: by mangle X\n')).toBe(true)
})

test('differencesOf() says nothing of equal answers, and what differs of others', () => {
  const traced = { walk, walks: [walk], candidates: [] }
  expect(differencesOf(traced, traced)).toEqual([])
  const other = { ...walk, outcome: 'refused' as const }
  expect(differencesOf(traced, { ...traced, walk: other })).toEqual([
    'outcome: delivered in the kernel, refused as rendered',
  ])
})

const line =
  'tcp 6 60 TIME_WAIT src=10.1.0.5 dst=10.96.0.1 sport=20001 dport=80 src=10.1.1.7 dst=10.1.0.5 sport=8080 dport=20001 [ASSURED] mark=0 use=1'

test('parseFlows() reads both directions of conntrack', () => {
  const [flow, ...rest] = parseFlows(`${line}\nicmp 1 29 src=1 dst=2 type=8\n`, 'n1')
  expect(rest).toEqual([])
  expect(flow).toMatchObject({
    node: 'n1',
    original: { destinationPort: 80 },
    reply: { sourceIp: '10.1.1.7', sourcePort: 8080 },
  })
})

const flows: readonly TrackedFlow[] = parseFlows(line, 'n1')
const ended = (outcome: Walk['outcome']): Walk => ({ ...walk, outcome })
test.each([
  { what: 'an answer from the endpoint', probe: 'answered', seen: flows, walks: [walk], agrees: true },
  {
    what: 'an answer, where none was expected',
    probe: 'answered',
    seen: flows,
    walks: [ended('dropped')],
    agrees: false,
  },
  {
    what: 'an answer from another endpoint',
    probe: 'answered',
    seen: flows,
    walks: [{ ...walk, destinationIp: '10.1.1.9' }],
    agrees: false,
  },
  {
    what: 'another source',
    probe: 'answered',
    seen: flows,
    walks: [{ ...walk, sourceIp: '192.0.2.1' }],
    agrees: false,
  },
  { what: 'a refusal by rules', probe: 'refused', seen: [], walks: [ended('refused')], agrees: true },
  { what: 'a refusal by the receiver', probe: 'refused', seen: flows, walks: [walk], agrees: true },
  { what: 'a refusal on the way', probe: 'refused', seen: [], walks: [walk], agrees: false },
  { what: 'a refusal instead of silence', probe: 'refused', seen: [], walks: [ended('dropped')], agrees: false },
  { what: 'silence after a drop', probe: 'silent', seen: [], walks: [ended('dropped')], agrees: true },
  { what: 'silence instead of delivery', probe: 'silent', seen: flows, walks: [walk], agrees: false },
] as const)('judgeLive() of $what: $agrees', ({ probe, seen, walks, agrees }) => {
  expect(judgeLive(probe, seen, walks, false).agrees).toBe(agrees)
})

test('judgeLive() does not hold against the trace what happens outside of the cluster', () => {
  const left: Walk = { ...walk, endedAt: 'outside', hops: [{ ...hop, route: undefined }] }
  expect(judgeLive('refused', flows, [left], false)).toMatchObject({
    agrees: true,
    notes: ['it left the cluster as traced, and was refused outside'],
  })
  expect(judgeLive('silent', [], [left], false).agrees).toBe(false)
  const route = { to: '0.0.0.0/0', device: 'eth0', via: undefined, source: undefined, kind: 'wire' } as const
  const lost: Walk = { ...ended('dropped'), hops: [{ ...hop, route }] }
  expect(judgeLive('refused', [], [lost], false).agrees).toBe(true)
  expect(judgeLive('answered', flows, [lost], false).agrees).toBe(false)
})

test('judgeLive() takes silence over UDP for delivery only where the last node has seen it', () => {
  expect(judgeLive('silent', flows, [walk], true).agrees).toBe(true)
  expect(judgeLive('silent', [], [walk], true).agrees).toBe(false)
})
