import { expect, test } from 'vitest'
import type { ApiObject, ObjectMetadata, Resource } from '../../api/resource.ts'
import { builtinResources } from '../../api/resources.ts'
import { checkDeleteOptions, checkPreconditions, isFinished, planDeletion } from './deletion.ts'
import type { DeleteOptions } from './store.ts'

function resourceOf(plural: string): Resource {
  const found = builtinResources.find(({ facts }) => facts.plural === plural)
  if (found === undefined) throw new Error(plural)
  return found
}
function object(metadata: Partial<ObjectMetadata>, rest: object = {}): ApiObject {
  const base = {
    name: 'a',
    namespace: 'default',
    uid: 'u',
    resourceVersion: '5',
    creationTimestamp: '2026-01-01T00:00:00Z',
  }
  return { apiVersion: 'v1', kind: 'X', metadata: { ...base, ...metadata }, ...rest }
}
const user = { name: 'x', groups: [] }
const nowMs = Date.parse('2026-02-01T00:00:00Z')
const configMaps = resourceOf('configmaps')
const pods = resourceOf('pods')
const running = { spec: { nodeName: 'n', terminationGracePeriodSeconds: 30 }, status: { phase: 'Running' } }

const table: readonly {
  readonly name: string
  readonly resource: Resource
  readonly object: ApiObject
  readonly options: Partial<DeleteOptions>
  readonly want: object
}[] = [
  { name: 'removes a plain object', resource: configMaps, object: object({}), options: {}, want: { type: 'remove' } },
  {
    name: 'marks an object with finalizers',
    resource: configMaps,
    object: object({ finalizers: ['a/b'], generation: 2 }),
    options: {},
    want: { type: 'mark', object: { metadata: { deletionTimestamp: '2026-02-01T00:00:00Z', generation: 3 } } },
  },
  {
    name: 'adds the finalizer of foreground deletion',
    resource: configMaps,
    object: object({}),
    options: { propagationPolicy: 'Foreground' },
    want: { type: 'mark', object: { metadata: { finalizers: ['foregroundDeletion'] } } },
  },
  {
    name: 'adds the finalizer of orphaning',
    resource: configMaps,
    object: object({}),
    options: { orphanDependents: true },
    want: { type: 'mark', object: { metadata: { finalizers: ['orphan'] } } },
  },
  {
    name: 'takes an old policy away',
    resource: configMaps,
    object: object({ finalizers: ['orphan'] }),
    options: { propagationPolicy: 'Background' },
    want: { type: 'remove' },
  },
  {
    name: 'gives a running pod its grace period',
    resource: pods,
    object: object({}, running),
    options: {},
    want: {
      type: 'mark',
      object: { metadata: { deletionTimestamp: '2026-02-01T00:00:30Z', deletionGracePeriodSeconds: 30 } },
    },
  },
  {
    name: 'removes a running pod when asked for no grace',
    resource: pods,
    object: object({}, running),
    options: { gracePeriodSeconds: 0 },
    want: { type: 'remove' },
  },
  {
    name: 'keeps a pod that is on its way already',
    resource: pods,
    object: object({ deletionTimestamp: '2026-02-01T00:00:30Z', deletionGracePeriodSeconds: 30 }, running),
    options: {},
    want: { type: 'keep' },
  },
  {
    name: 'shortens the grace period from the first request on',
    resource: pods,
    object: object({ deletionTimestamp: '2026-02-01T00:00:30Z', deletionGracePeriodSeconds: 30 }, running),
    options: { gracePeriodSeconds: 5 },
    want: {
      type: 'mark',
      object: { metadata: { deletionTimestamp: '2026-02-01T00:00:05Z', deletionGracePeriodSeconds: 5 } },
    },
  },
  {
    name: 'ends the grace period when the kubelet is done',
    resource: pods,
    object: object({ deletionTimestamp: '2026-02-01T00:00:30Z', deletionGracePeriodSeconds: 30 }, running),
    options: { gracePeriodSeconds: 0 },
    want: { type: 'remove' },
  },
  {
    name: 'makes a namespace terminate',
    resource: resourceOf('namespaces'),
    object: object({}, { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } }),
    options: {},
    want: { type: 'mark', object: { status: { phase: 'Terminating' } } },
  },
]
for (const { name, resource, object: given, options, want } of table) {
  test(`planDeletion() ${name}`, () => {
    expect(planDeletion(resource, given, { user, ...options }, nowMs)).toMatchObject(want)
  })
}

test('planDeletion() gives a namespace no grace period', () => {
  const namespace = object({}, { spec: { finalizers: ['kubernetes'] } })
  const plan = planDeletion(resourceOf('namespaces'), namespace, { user }, nowMs)
  expect(plan.type === 'mark' && plan.object.metadata).toMatchObject({ deletionTimestamp: '2026-02-01T00:00:00Z' })
  expect(plan.type === 'mark' && 'deletionGracePeriodSeconds' in plan.object.metadata).toBe(false)
})

test('isFinished() waits for finalizers, grace period and the finalizers of a namespace', () => {
  const deletionTimestamp = '2026-02-01T00:00:00Z'
  expect(isFinished(configMaps, object({}))).toBe(false)
  expect(isFinished(configMaps, object({ deletionTimestamp }))).toBe(true)
  expect(isFinished(configMaps, object({ deletionTimestamp, finalizers: ['a/b'] }))).toBe(false)
  expect(isFinished(pods, object({ deletionTimestamp, deletionGracePeriodSeconds: 30 }))).toBe(false)
  const namespace = object({ deletionTimestamp }, { spec: { finalizers: ['kubernetes'] } })
  expect(isFinished(resourceOf('namespaces'), namespace)).toBe(false)
})

test('checkPreconditions() refuses another object of the same name', () => {
  expect(() => checkPreconditions(configMaps, object({}), { uid: 'v' })).toThrow(
    'Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, Key: /registry/configmaps/default/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: v, UID in object meta: u',
  )
  expect(() => checkPreconditions(configMaps, object({}), { resourceVersion: '4' })).toThrow(
    'ResourceVersion in precondition: 4',
  )
})

test('checkDeleteOptions() refuses two ways to say the same', () => {
  expect(() => checkDeleteOptions({ user, propagationPolicy: 'Orphan', orphanDependents: true })).toThrow(
    'orphanDependents and deletionPropagation cannot be both set',
  )
})
