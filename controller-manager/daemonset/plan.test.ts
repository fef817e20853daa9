import { expect, test } from 'vitest'
import type { ControllerRevision, DaemonSet, DaemonSetSpec } from '../../api/apps/v1.ts'
import type { Node, NodeSpec, Pod, PodSpec } from '../../api/core/v1.ts'
import { newRevision } from '../history/revision.ts'
import { type Action, plan } from './plan.ts'
import { daemonPod, hashLabel, targetNode } from './pod.ts'

const nowMs = Date.parse('2026-01-01T01:00:00Z')

function set(spec: Partial<DaemonSetSpec> = {}, pod: Partial<PodSpec> = {}, image = 'v1'): DaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: {
      name: 'agent',
      namespace: 'default',
      uid: 'd',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: {
        metadata: { labels: { app: 'agent' } },
        spec: { containers: [{ name: 'c', image, resources: {} }], ...pod },
      },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      ...spec,
    },
    status: { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
  }
}

function node(name: string, spec: Partial<NodeSpec> = {}, labels: Readonly<Record<string, string>> = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec,
    status: {} as Node['status'],
  }
}

function revisionOf(of: DaemonSet, number = 1): ControllerRevision {
  return newRevision(of, number, { collisionCount: undefined, hashLabel }) as unknown as ControllerRevision
}

function pod(
  of: DaemonSet,
  on: string,
  rest: { readonly ready?: boolean; readonly phase?: string; readonly name?: string } = {},
): Pod {
  const draft = daemonPod(of, on, revisionOf(of).metadata.labels?.[hashLabel] ?? '')
  const { ready = true, phase = 'Running', name = `agent-${on}` } = rest
  const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:30:00Z' }
  const metadata = { ...draft.metadata, name, uid: name, creationTimestamp: '2026-01-01T00:00:00Z' }
  return { ...draft, metadata, status: { phase, conditions: [condition] } } as unknown as Pod
}

function actions(
  of: DaemonSet,
  nodes: readonly Node[],
  pods: readonly Pod[],
  revisions = [revisionOf(of)],
): readonly Action[] {
  return plan({ set: of, claim: { owned: pods, adopt: [], release: [] }, revisions, nodes, nowMs }).actions
}

const created = (list: readonly Action[]): readonly (string | undefined)[] =>
  list.flatMap((action) =>
    action.type === 'createPods' ? action.drafts.map((draft) => targetNode(draft as unknown as Pod)) : [],
  )
const removed = (list: readonly Action[]): readonly string[] =>
  list.flatMap((action) => (action.type === 'deletePods' ? action.pods.map(({ metadata }) => metadata.name) : []))

test('plan() notes the template as a revision before anything else', () => {
  expect(actions(set(), [node('a')], [], []).map(({ type }) => type)).toEqual(['createRevision'])
})

const taint = (key: string, effect: string) => ({ taints: [{ key, effect }] })
test.each<readonly [string, Node, DaemonSet, boolean]>([
  ['a plain node', node('a'), set(), true],
  [
    'a cordoned node',
    node('a', { unschedulable: true, ...taint('node.kubernetes.io/unschedulable', 'NoSchedule') }),
    set(),
    true,
  ],
  ['a node that is not ready', node('a', taint('node.kubernetes.io/not-ready', 'NoExecute')), set(), true],
  ['a node with a taint of its own', node('a', taint('dedicated', 'NoSchedule')), set(), false],
  [
    'a tainted node that it tolerates',
    node('a', taint('dedicated', 'NoSchedule')),
    set({}, { tolerations: [{ key: 'dedicated', operator: 'Exists' }] }),
    true,
  ],
  [
    'a node without network, on the host network',
    node('a', taint('node.kubernetes.io/network-unavailable', 'NoSchedule')),
    set({}, { hostNetwork: true }),
    true,
  ],
  ['a node without the label', node('a'), set({}, { nodeSelector: { disk: 'ssd' } }), false],
  ['a node with the label', node('a', {}, { disk: 'ssd' }), set({}, { nodeSelector: { disk: 'ssd' } }), true],
])('plan() on %s', (_, on, of, expected) => {
  expect(created(actions(of, [on], []))).toEqual(expected ? ['a'] : [])
})

test('plan() binds the pod to its node by affinity, not by name', () => {
  const draft = daemonPod(set(), 'a', 'h')
  expect(draft.spec?.nodeName).toBeUndefined()
  expect(draft).toMatchObject({
    metadata: { generateName: 'agent-', labels: { app: 'agent', 'controller-revision-hash': 'h' } },
    spec: {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] }],
          },
        },
      },
    },
  })
})

test('plan() removes doubles, and pods of nodes that fit no more', () => {
  const of = set()
  expect(removed(actions(of, [node('a')], [pod(of, 'a', { name: 'one' }), pod(of, 'a', { name: 'two' })]))).toEqual([
    'two',
  ])
  const selective = set({}, { nodeSelector: { disk: 'ssd' } })
  expect(removed(actions(selective, [node('a')], [pod(selective, 'a')]))).toEqual(['agent-a'])
})

test('plan() lets a pod stay on a node that only keeps new pods away', () => {
  const of = set()
  expect(removed(actions(of, [node('a', taint('dedicated', 'NoSchedule'))], [pod(of, 'a')]))).toEqual([])
})

test('plan() makes a failed pod anew, and says so', () => {
  const of = set()
  const list = actions(of, [node('a')], [pod(of, 'a', { phase: 'Failed' })])
  expect(list.map(({ type }) => type).slice(0, 2)).toEqual(['reportEnded', 'deletePods'])
})

const nodes = ['a', 'b', 'c'].map((name) => node(name))
const [old, fresh] = [set(), set({}, {}, 'v2')]
const revisions = [revisionOf(old, 1), revisionOf(fresh, 2)]

test('plan() replaces one pod at a time', () => {
  const pods = nodes.map(({ metadata }) => pod(old, metadata.name))
  expect(removed(actions(fresh, nodes, pods, revisions))).toEqual(['agent-a'])
  const during = [pod(fresh, 'a', { ready: false }), pod(old, 'b'), pod(old, 'c')]
  expect(removed(actions(fresh, nodes, during, revisions))).toEqual([])
  const after = [pod(fresh, 'a'), pod(old, 'b'), pod(old, 'c')]
  expect(removed(actions(fresh, nodes, after, revisions))).toEqual(['agent-b'])
})

test('plan() replaces old pods at once that serve nobody', () => {
  const pods = [pod(old, 'a', { ready: false }), pod(old, 'b', { ready: false }), pod(old, 'c')]
  expect(removed(actions(fresh, nodes, pods, revisions))).toEqual(['agent-a', 'agent-b'])
})

test('plan() starts the new pod first when it may surge', () => {
  const surging = set(
    { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } },
    {},
    'v2',
  )
  const pods = nodes.map(({ metadata }) => pod(old, metadata.name))
  expect(created(actions(surging, nodes, pods, revisions))).toEqual(['a'])
  const both = [...pods, pod(surging, 'a', { name: 'new' })]
  expect(removed(actions(surging, nodes, both, revisions))).toEqual(['agent-a'])
})

test('plan() leaves the update to the user with OnDelete', () => {
  const manual = set({ updateStrategy: { type: 'OnDelete' } }, {}, 'v2')
  expect(
    removed(
      actions(
        manual,
        nodes,
        nodes.map(({ metadata }) => pod(old, metadata.name)),
        revisions,
      ),
    ),
  ).toEqual([])
})

test('plan() counts nodes, not pods', () => {
  const pods = [pod(fresh, 'a'), pod(fresh, 'b', { ready: false }), pod(fresh, 'x')]
  const list = actions(fresh, [...nodes, node('x', taint('dedicated', 'NoExecute'))], pods, revisions)
  expect(list.find(({ type }) => type === 'updateStatus')).toMatchObject({
    status: {
      desiredNumberScheduled: 3,
      currentNumberScheduled: 2,
      numberMisscheduled: 1,
      numberReady: 1,
      numberAvailable: 1,
      numberUnavailable: 2,
      updatedNumberScheduled: 2,
    },
  })
})
