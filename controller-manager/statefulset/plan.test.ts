import { expect, test } from 'vitest'
import type { ControllerRevision, StatefulSet, StatefulSetSpec } from '../../api/apps/v1.ts'
import type { PersistentVolumeClaim, Pod } from '../../api/core/v1.ts'
import { type Action, plan } from './plan.ts'

const nowMs = Date.parse('2026-01-01T01:00:00Z')

function set(spec: Partial<StatefulSetSpec> = {}, image = 'v1'): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 's',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      replicas: 3,
      serviceName: 'nginx',
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image, resources: {} }] } },
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      revisionHistoryLimit: 10,
      ...spec,
    },
    status: { replicas: 0, availableReplicas: 0 },
  }
}

/** A set whose pods come and go at once, as far as `settle` lets them. */
class World {
  set: StatefulSet
  pods: Pod[] = []
  revisions: ControllerRevision[] = []
  claims = new Map<string, PersistentVolumeClaim>()
  readonly log: string[] = []
  /** Pods of these images never get ready. */
  readonly broken = new Set<string>()

  constructor(first: StatefulSet) {
    this.set = first
  }

  change(spec: Partial<StatefulSetSpec>): void {
    this.set = { ...this.set, spec: { ...this.set.spec, ...spec } }
  }

  step(): boolean {
    const { actions } = plan({
      set: this.set,
      claim: { owned: this.pods, adopt: [], release: [] },
      revisions: this.revisions,
      volumeClaims: this.claims,
      nowMs,
    })
    for (const action of actions) this.apply(action)
    const before = JSON.stringify(this.pods)
    this.pods = this.pods.map((pod) => this.ready(pod))
    return actions.length > 0 || before !== JSON.stringify(this.pods)
  }

  settle(): void {
    for (let round = 0; round < 40; round += 1) if (!this.step()) return
    throw new Error(`not settled: ${this.log.join(', ')}`)
  }

  ready(pod: Pod): Pod {
    const isBroken = this.broken.has(pod.spec.containers[0]?.image ?? '')
    const condition = { type: 'Ready', status: isBroken ? 'False' : 'True', lastTransitionTime: '2026-01-01T00:30:00Z' }
    return { ...pod, status: { phase: 'Running', conditions: [condition] } }
  }

  apply(action: Action): void {
    switch (action.type) {
      case 'createRevision':
        this.revisions.push(action.draft as unknown as ControllerRevision)
        return
      case 'renumber':
        this.revisions = this.revisions.map((old) =>
          old === action.revision ? { ...old, revision: action.number } : old,
        )
        return
      case 'deleteRevision':
        this.revisions = this.revisions.filter((old) => old !== action.revision)
        return
      case 'createClaim':
        this.claims.set(action.draft.metadata?.name ?? '', action.draft as unknown as PersistentVolumeClaim)
        this.log.push(`claim ${action.draft.metadata?.name}`)
        return
      case 'createPod':
        this.pods.push({
          ...action.draft,
          metadata: { ...action.draft.metadata, uid: `u${this.log.length}` },
          status: {},
        } as unknown as Pod)
        this.log.push(`+${action.draft.metadata?.name} ${action.draft.spec?.containers[0]?.image}`)
        return
      case 'deletePod':
        this.pods = this.pods.filter((pod) => pod.metadata.name !== action.pod.metadata.name)
        this.log.push(`-${action.pod.metadata.name}`)
        return
      case 'updateStatus':
        this.set = { ...this.set, status: action.status }
        return
      default:
        throw new Error(`unexpected ${action.type}`)
    }
  }

  get images(): readonly string[] {
    return this.pods
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .map(({ spec }) => spec.containers[0]?.image ?? '')
  }
}

const setImage = (world: World, image: string): void => world.change({ template: set({}, image).spec.template })

test('plan() creates pods one after the other, each when the one before is ready', () => {
  const world = new World(set())
  world.broken.add('v1')
  for (let round = 0; round < 5; round += 1) world.step()
  expect(world.log).toEqual(['+web-0 v1'])
  world.broken.clear()
  world.settle()
  expect(world.log).toEqual(['+web-0 v1', '+web-1 v1', '+web-2 v1'])
  expect(world.set.status).toMatchObject({
    replicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    currentReplicas: 3,
    updatedReplicas: 3,
  })
})

test('plan() creates all pods at once with the policy Parallel', () => {
  const world = new World(set({ podManagementPolicy: 'Parallel' }))
  world.broken.add('v1')
  world.step()
  world.step()
  expect(world.log).toEqual(['+web-0 v1', '+web-1 v1', '+web-2 v1'])
})

test('plan() removes pods from the top down', () => {
  const world = new World(set())
  world.settle()
  world.change({ replicas: 1 })
  world.settle()
  expect(world.log.slice(3)).toEqual(['-web-2', '-web-1'])
})

test('plan() updates from the top down, and stops at a pod that does not get ready', () => {
  const world = new World(set())
  world.settle()
  setImage(world, 'v2')
  world.settle()
  expect(world.log.slice(3)).toEqual(['-web-2', '+web-2 v2', '-web-1', '+web-1 v2', '-web-0', '+web-0 v2'])
  expect(world.set.status.currentRevision).toBe(world.set.status.updateRevision)
  world.broken.add('bad')
  setImage(world, 'bad')
  world.settle()
  expect(world.images).toEqual(['v2', 'v2', 'bad'])
})

test('plan() keeps the old template below the partition, also for pods that are made anew', () => {
  const world = new World(set())
  world.settle()
  world.change({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } })
  setImage(world, 'v2')
  world.settle()
  expect(world.images).toEqual(['v1', 'v1', 'v2'])
  world.pods = world.pods.filter(({ metadata }) => metadata.name !== 'web-0')
  world.settle()
  expect(world.images).toEqual(['v1', 'v1', 'v2'])
})

test('plan() leaves the update to the user with OnDelete', () => {
  const world = new World(set({ updateStrategy: { type: 'OnDelete' } }))
  world.settle()
  setImage(world, 'v2')
  world.settle()
  expect(world.images).toEqual(['v1', 'v1', 'v1'])
  world.pods = world.pods.filter(({ metadata }) => metadata.name !== 'web-1')
  world.settle()
  expect(world.images).toEqual(['v1', 'v2', 'v1'])
})

test('plan() makes claims before pods, and finds them again for the next pod of the name', () => {
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'www' },
    spec: {},
  } as unknown as PersistentVolumeClaim
  const world = new World(set({ replicas: 1, volumeClaimTemplates: [claim] }))
  world.settle()
  expect(world.log).toEqual(['claim www-web-0', '+web-0 v1'])
  expect(world.pods[0]).toMatchObject({
    metadata: { labels: { 'statefulset.kubernetes.io/pod-name': 'web-0', 'apps.kubernetes.io/pod-index': '0' } },
    spec: {
      hostname: 'web-0',
      subdomain: 'nginx',
      volumes: [{ name: 'www', persistentVolumeClaim: { claimName: 'www-web-0' } }],
    },
  })
  world.pods = []
  world.settle()
  expect(world.log.slice(2)).toEqual(['+web-0 v1'])
})

test('plan() makes a pod anew that has failed', () => {
  const world = new World(set({ replicas: 1 }))
  world.settle()
  world.pods = world.pods.map((pod) => ({ ...pod, status: { phase: 'Failed' } }))
  world.settle()
  expect(world.log.slice(1)).toEqual(['-web-0', '+web-0 v1'])
})

test('plan() uses a revision again that has the same template, and forgets those beyond the limit', () => {
  const world = new World(set({ revisionHistoryLimit: 1 }))
  for (const image of ['v1', 'v2', 'v3', 'v1']) {
    setImage(world, image)
    world.settle()
  }
  expect(world.revisions.map(({ revision }) => revision).toSorted()).toEqual([3, 4])
})

test('plan() starts at the first ordinal that is asked for', () => {
  const world = new World(set({ replicas: 2, ordinals: { start: 5 } }))
  world.settle()
  expect(world.log).toEqual(['+web-5 v1', '+web-6 v1'])
})
