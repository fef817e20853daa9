import { expect, test } from 'vitest'
import type { Deployment, DeploymentSpec, ReplicaSet } from '../../api/apps/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { controllerReference } from '../../apimachinery/owner-reference.ts'
import { newReplicaSet } from './new-replica-set.ts'
import { type Action, plan } from './plan.ts'
import { sizeAnnotations } from './revision.ts'

const startMs = Date.parse('2026-01-01T00:00:00Z')

type Options = {
  readonly replicas?: number
  readonly image?: string
  readonly surge?: number | string
  readonly unavailable?: number | string
  readonly type?: 'RollingUpdate' | 'Recreate'
  readonly spec?: Partial<DeploymentSpec>
}

function deployment(options: Options = {}): Deployment {
  const { replicas = 3, image = 'v1', surge = '25%', unavailable = '25%', type = 'RollingUpdate', spec = {} } = options
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'd',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image, resources: {} }] } },
      strategy:
        type === 'Recreate' ? { type } : { type, rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      ...spec,
    },
    status: {},
  }
}

/** A world in which replica sets have at once what they ask for, and pods become available when `settle` says so. */
class World {
  deployment: Deployment
  replicaSets: ReplicaSet[] = []
  nowMs = startMs
  readonly log: string[] = []
  /** Images whose pods never get ready. */
  broken = new Set<string>()
  pods = new Map<string, readonly Pod[]>()
  #serial = 0

  constructor(first: Deployment) {
    this.deployment = first
  }

  change(spec: Partial<DeploymentSpec>): void {
    const { metadata } = this.deployment
    this.deployment = {
      ...this.deployment,
      metadata: { ...metadata, generation: (metadata.generation ?? 0) + 1 },
      spec: { ...this.deployment.spec, ...spec },
    }
  }

  setImage(image: string): void {
    this.change({ template: deployment({ image }).spec.template })
  }

  get planned() {
    const { deployment: current, replicaSets, nowMs, pods } = this
    return plan({
      deployment: current,
      claim: { owned: replicaSets, adopt: [], release: [] },
      podsByOwner: pods,
      nowMs,
    })
  }

  /** Applies plans until there is nothing to do; pods get ready between two rounds. */
  settle(rounds = 40): void {
    for (let round = 0; round < rounds; round += 1) {
      const { actions } = this.planned
      for (const action of actions) this.apply(action)
      const before = JSON.stringify(this.replicaSets)
      this.replicaSets = this.replicaSets.map((set) => this.#filled(set))
      if (actions.length === 0 && before === JSON.stringify(this.replicaSets)) return
    }
    throw new Error(`not settled: ${this.log.join(', ')}`)
  }

  #filled(set: ReplicaSet): ReplicaSet {
    const size = set.spec.replicas ?? 0
    const isBroken = this.broken.has(set.spec.template.spec.containers[0]?.image ?? '')
    const ready = isBroken ? 0 : size
    return {
      ...set,
      status: {
        replicas: size,
        readyReplicas: ready,
        availableReplicas: ready,
        terminatingReplicas: 0,
        observedGeneration: set.metadata.generation ?? 0,
      },
    }
  }

  apply(action: Action): void {
    const image = (set: ReplicaSet): string => set.spec.template.spec.containers[0]?.image ?? ''
    const put = (set: ReplicaSet, change: (old: ReplicaSet) => ReplicaSet): void => {
      this.replicaSets = this.replicaSets.map((old) => (old.metadata.uid === set.metadata.uid ? change(old) : old))
    }
    switch (action.type) {
      case 'create': {
        this.#serial += 1
        const made = {
          ...action.draft,
          metadata: {
            ...action.draft.metadata,
            uid: `rs${this.#serial}`,
            resourceVersion: '1',
            generation: 1,
            creationTimestamp: new Date(startMs + this.#serial * 1000).toISOString().replace('.000', ''),
          },
          status: { replicas: 0, terminatingReplicas: 0 },
        } as unknown as ReplicaSet
        this.replicaSets.push(made)
        this.log.push(`create ${image(made)} ${made.spec.replicas}`)
        return
      }
      case 'resize':
        this.log.push(`${image(action.replicaSet)} ${action.to}`)
        put(action.replicaSet, (old) => ({
          ...old,
          metadata: {
            ...old.metadata,
            annotations: { ...old.metadata.annotations, ...sizeAnnotations(this.deployment) },
          },
          spec: { ...old.spec, replicas: action.to },
        }))
        return
      case 'annotate':
        put(action.replicaSet, (old) => ({
          ...old,
          metadata: { ...old.metadata, annotations: action.annotations },
          spec: { ...old.spec, minReadySeconds: action.minReadySeconds },
        }))
        return
      case 'delete':
        this.replicaSets = this.replicaSets.filter((old) => old.metadata.uid !== action.replicaSet.metadata.uid)
        this.log.push(`delete ${image(action.replicaSet)}`)
        return
      case 'updateStatus': {
        const { metadata } = this.deployment
        const revision = action.revision === undefined ? {} : { 'deployment.kubernetes.io/revision': action.revision }
        this.deployment = {
          ...this.deployment,
          metadata: { ...metadata, annotations: { ...metadata.annotations, ...revision } },
          status: action.status,
        }
        return
      }
      default:
        throw new Error(`unexpected ${action.type}`)
    }
  }

  get revisions(): Readonly<Record<string, string | undefined>> {
    return Object.fromEntries(
      this.replicaSets.map((set) => [
        set.spec.template.spec.containers[0]?.image ?? '',
        set.metadata.annotations?.['deployment.kubernetes.io/revision'],
      ]),
    )
  }

  condition(type: string) {
    const found = this.deployment.status.conditions?.find((condition) => condition.type === type)
    return found === undefined ? undefined : `${found.status} ${found.reason}: ${found.message}`
  }
}

test('plan() creates the first replica set at full size with its hash, revision and sizes', () => {
  const draft = newReplicaSet(deployment(), 1n, 3)
  const hash = draft.metadata?.labels?.['pod-template-hash'] ?? ''
  expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{4,10}$/)
  expect(draft).toMatchObject({
    metadata: {
      name: `web-${hash}`,
      annotations: {
        'deployment.kubernetes.io/revision': '1',
        'deployment.kubernetes.io/desired-replicas': '3',
        'deployment.kubernetes.io/max-replicas': '4',
      },
      ownerReferences: [controllerReference(deployment())],
    },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web', 'pod-template-hash': hash } },
      template: { metadata: { labels: { app: 'web', 'pod-template-hash': hash } } },
    },
  })
})

test('plan() names a replica set by the template, whatever the order of its fields, and by the collision count', () => {
  const name = (value: Deployment): string => newReplicaSet(value, 1n, 0).metadata?.name ?? ''
  const base = deployment()
  const [first] = base.spec.template.spec.containers
  const turned = { resources: {}, image: first?.image ?? '', name: first?.name ?? '' }
  const same = { ...base, spec: { ...base.spec, template: { ...base.spec.template, spec: { containers: [turned] } } } }
  expect(name(same)).toBe(name(base))
  expect(name({ ...base, status: { collisionCount: 1 } })).not.toBe(name(base))
  expect(name(deployment({ image: 'v2' }))).not.toBe(name(base))
})

test.each([
  // DEP-05: new and old change by turns.
  [{ replicas: 2 }, ['v2 1', 'v1 1', 'v2 2', 'v1 0']],
  [{ replicas: 3 }, ['v2 1', 'v1 2', 'v2 2', 'v1 1', 'v2 3', 'v1 0']],
  [{ replicas: 3, surge: '100%', unavailable: 0 }, ['v2 3', 'v1 0']],
  [{ replicas: 4, surge: 0, unavailable: 2 }, ['v2 0', 'v1 2', 'v2 2', 'v1 0', 'v2 4']],
  [{ replicas: 3, type: 'Recreate' as const }, ['v1 0', 'v2 3']],
])('plan() rolls %o out step by step', (options, steps) => {
  const world = new World(deployment(options))
  world.settle()
  world.log.length = 0
  world.setImage('v2')
  world.settle()
  expect(world.log.map((line) => line.replace('create ', ''))).toEqual(steps)
  expect(world.condition('Progressing')).toMatch(
    /^True NewReplicaSetAvailable: ReplicaSet "web-\w+" has successfully progressed\.$/,
  )
  expect(world.condition('Available')).toBe('True MinimumReplicasAvailable: Deployment has minimum availability.')
  expect(world.revisions).toEqual({ v1: '1', v2: '2' })
})

test('plan() reports the life of a rollout in the order of upstream', () => {
  const world = new World(deployment({ replicas: 1 }))
  const reasons: string[] = []
  for (let round = 0; round < 8; round += 1) {
    for (const action of world.planned.actions) {
      world.apply(action)
      const reason = world.condition('Progressing')?.split(/[ :]/)[1] ?? ''
      if (reasons.at(-1) !== reason && reason !== '') reasons.push(reason)
    }
    if (round > 1)
      world.replicaSets = world.replicaSets.map((set) => ({
        ...set,
        status: { replicas: 1, ...(round > 3 ? { readyReplicas: 1, availableReplicas: 1 } : {}) },
      }))
  }
  expect(reasons).toEqual(['NewReplicaSetCreated', 'ReplicaSetUpdated', 'NewReplicaSetAvailable'])
})

test('plan() stops at a bad image while enough old pods serve, and calls the rollout stuck after its deadline', () => {
  const world = new World(deployment({ replicas: 3 }))
  world.settle()
  world.broken.add('bad')
  world.setImage('bad')
  world.settle()
  expect(world.replicaSets.map(({ spec }) => spec.replicas)).toEqual([3, 1])
  expect(world.planned.requeueAfterMs).toBe(601_000)
  world.nowMs += 601_000
  world.settle()
  expect(world.condition('Progressing')).toMatch(
    /^False ProgressDeadlineExceeded: ReplicaSet "web-\w+" has timed out progressing\.$/,
  )
})

test('plan() turns over: a third template empties the half-grown second at once', () => {
  const world = new World(deployment({ replicas: 4, surge: 1, unavailable: 0 }))
  world.settle()
  world.broken.add('v2')
  world.setImage('v2')
  world.settle()
  world.log.length = 0
  world.setImage('v3')
  world.settle()
  expect(world.log.slice(0, 2)).toEqual(['create v3 0', 'v2 0'])
  expect(world.replicaSets.map(({ spec }) => spec.replicas)).toEqual([0, 0, 4])
})

test('plan() rolls back to an old replica set, which takes the highest revision and remembers its own', () => {
  const world = new World(deployment())
  world.settle()
  for (const image of ['v2', 'v1']) {
    world.setImage(image)
    world.settle()
  }
  expect(world.replicaSets).toHaveLength(2)
  expect(world.revisions).toEqual({ v1: '3', v2: '2' })
  expect(world.replicaSets[0]?.metadata.annotations?.['deployment.kubernetes.io/revision-history']).toBe('1')
  expect(world.deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3')
})

test('plan() creates nothing while paused, scales all the same, and makes one replica set of all changes after', () => {
  const world = new World(deployment())
  world.settle()
  world.change({ paused: true })
  world.setImage('v2')
  world.setImage('v3')
  world.change({ replicas: 5 })
  world.settle()
  expect(world.replicaSets.map(({ spec }) => spec.replicas)).toEqual([5])
  expect(world.condition('Progressing')).toBe('Unknown DeploymentPaused: Deployment is paused')
  world.change({ paused: false })
  world.settle()
  expect(world.revisions).toEqual({ v1: '1', v3: '2' })
})

test('plan() shares a change of size in proportion when a rollout is under way', () => {
  const world = new World(deployment({ replicas: 10, surge: 3, unavailable: 2 }))
  world.settle()
  world.broken.add('v2')
  world.setImage('v2')
  world.settle()
  expect(world.replicaSets.map(({ spec }) => spec.replicas)).toEqual([8, 5])
  world.change({ replicas: 15 })
  world.settle()
  // The example of the Deployment documentation: 3 of the 5 go to the larger set, 2 to the smaller one.
  expect(world.replicaSets.map(({ spec }) => spec.replicas)).toEqual([11, 7])
})

test('plan() keeps as many old replica sets as the history limit says', () => {
  const world = new World(deployment({ spec: { revisionHistoryLimit: 1 } }))
  world.settle()
  for (const image of ['v2', 'v3', 'v4']) {
    world.setImage(image)
    world.settle()
  }
  expect(world.revisions).toEqual({ v3: '3', v4: '4' })
})

test('plan() waits with Recreate until the last old pod is gone', () => {
  const world = new World(deployment({ type: 'Recreate' }))
  world.settle()
  const [old] = world.replicaSets
  world.pods = new Map([[old?.metadata.uid ?? '', [{ status: { phase: 'Running' } } as unknown as Pod]]])
  world.setImage('v2')
  world.settle()
  expect(world.log.at(-1)).toBe('v1 0')
  world.pods = new Map()
  world.settle()
  expect(world.log.at(-1)).toBe('create v2 3')
})

test('plan() warns of a selector that selects everything, and does nothing else', () => {
  const world = new World(deployment({ spec: { selector: {} } }))
  expect(world.planned.actions.map(({ type }) => type)).toEqual(['warnSelectsAll', 'updateStatus'])
})
