import { describe, expect, it } from 'vitest'
import type { ApiObject } from '../../api/resource.ts'
import { StatusError } from '../../apimachinery/status.ts'
import type { Attributes, Authorizer } from '../authz/authorizer.ts'
import { readerOf } from '../registry/plain-reader.ts'
import { kinds, type Lookup } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { alwaysDeny } from './always.ts'
import { alwaysPullImages } from './always-pull-images.ts'
import { denyServiceExternalIps } from './deny-service-external-ips.ts'
import { extendedResourceToleration } from './extended-resource-toleration.ts'
import { namespaceAutoProvision, namespaceExists } from './namespace-exists.ts'
import { ownerReferencesPermissionEnforcement } from './owner-references.ts'
import { limitPodHardAntiAffinityTopology } from './pod-anti-affinity.ts'
import { podNodeSelector } from './pod-node-selector.ts'
import { podResizeValidator } from './pod-resize.ts'
import { podTopologyLabels } from './pod-topology-labels.ts'

const never = new AbortController().signal
const named = (kind: string, name: string, extra: object = {}, metadata: object = {}): ApiObject =>
  ({ apiVersion: 'v1', kind, metadata: { name, namespace: 'ns', ...metadata }, ...extra }) as unknown as ApiObject
const podOf = (spec: object, metadata: object = {}): ApiObject =>
  named('Pod', 'p', { spec: { containers: [{ name: 'c', image: 'x' }], ...spec } }, metadata)

const request = (
  plural: 'pods' | 'services',
  object: ApiObject,
  more: Partial<AdmissionRequest> = {},
): AdmissionRequest => ({
  operation: more.oldObject === undefined ? 'CREATE' : 'UPDATE',
  resource: { facts: kinds[plural].facts } as AdmissionRequest['resource'],
  subresource: '',
  namespace: 'ns',
  name: object.metadata.name,
  object,
  user: { name: 'jane', groups: [] },
  dryRun: false,
  ...more,
})

/** The object as the plugin leaves it, or the words in which it refuses. */
async function run(plugin: AdmissionPlugin, asked: AdmissionRequest): Promise<unknown> {
  try {
    const object = (await plugin.mutate?.(asked, never)) ?? asked.object
    await plugin.validate?.({ ...asked, ...(object === undefined ? {} : { object }) }, never)
    return object
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`
    throw error
  }
}

const lookupOf = (...objects: readonly object[]): Lookup => {
  const reader = readerOf(objects)
  return { reader, live: async (facts, namespace, name) => reader.get(facts, namespace, name) }
}
const namespace = (annotations: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'ns', annotations },
})
const node = (labels: object, allocatable: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1', labels },
  status: { allocatable },
})

describe('podTopologyLabels()', () => {
  it('gives a pod that names its node the zone of the node', async () => {
    const plugin = podTopologyLabels(readerOf([node({ 'topology.kubernetes.io/zone': 'z', 'example.org/rack': 'r' })]))
    expect(await run(plugin, request('pods', podOf({ nodeName: 'n1' }, { labels: { a: 'b' } })))).toMatchObject({
      metadata: { labels: { a: 'b', 'topology.kubernetes.io/zone': 'z' } },
    })
    expect(await run(plugin, request('pods', podOf({})))).toEqual(podOf({}))
  })
})

describe('alwaysPullImages', () => {
  it('makes every container pull, and leaves updates without new images alone', async () => {
    const made = await run(alwaysPullImages, request('pods', podOf({ initContainers: [{ name: 'i', image: 'y' }] })))
    expect(made).toMatchObject({
      spec: { containers: [{ imagePullPolicy: 'Always' }], initContainers: [{ imagePullPolicy: 'Always' }] },
    })
    const same = request('pods', podOf({}), { oldObject: podOf({}) })
    expect(await run(alwaysPullImages, same)).toEqual(podOf({}))
  })
})

describe('denyServiceExternalIps', () => {
  const service = (...externalIPs: readonly string[]): ApiObject => named('Service', 's', { spec: { externalIPs } })

  it('refuses new addresses only', async () => {
    const denied = '403 services "s" is forbidden: Use of external IPs is denied by admission control'
    expect(await run(denyServiceExternalIps, request('services', service('192.0.2.1')))).toBe(denied)
    const kept = request('services', service('192.0.2.1'), { oldObject: service('192.0.2.1', '192.0.2.2') })
    expect(await run(denyServiceExternalIps, kept)).toEqual(service('192.0.2.1'))
  })
})

describe('limitPodHardAntiAffinityTopology', () => {
  it('allows hosts only', async () => {
    const apart = (topologyKey: string): ApiObject => {
      const requiredDuringSchedulingIgnoredDuringExecution = [{ topologyKey, labelSelector: {} }]
      return podOf({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution } } })
    }
    expect(typeof (await run(limitPodHardAntiAffinityTopology, request('pods', apart('kubernetes.io/hostname'))))).toBe(
      'object',
    )
    expect(await run(limitPodHardAntiAffinityTopology, request('pods', apart('zone')))).toContain(
      'has TopologyKey zone but only key kubernetes.io/hostname is allowed',
    )
  })
})

describe('extendedResourceToleration', () => {
  it('tolerates the taints of the devices asked for', async () => {
    const container = { name: 'c', image: 'x', resources: { requests: { 'example.org/gpu': '1', cpu: '1' } } }
    expect(await run(extendedResourceToleration, request('pods', podOf({ containers: [container] })))).toMatchObject({
      spec: { tolerations: [{ key: 'example.org/gpu', operator: 'Exists', effect: 'NoSchedule' }] },
    })
  })
})

describe('podNodeSelector()', () => {
  const annotated = namespace({ 'scheduler.alpha.kubernetes.io/node-selector': 'env=prod, disk=ssd' })

  it("adds the namespace's selector and refuses what contradicts it", async () => {
    const plugin = podNodeSelector(lookupOf(annotated))
    expect(await run(plugin, request('pods', podOf({ nodeSelector: { a: 'b' } })))).toMatchObject({
      spec: { nodeSelector: { env: 'prod', disk: 'ssd', a: 'b' } },
    })
    expect(await run(plugin, request('pods', podOf({ nodeSelector: { env: 'test' } })))).toBe(
      '403 pods "p" is forbidden: pod node label selector conflicts with its namespace node label selector',
    )
  })
})

describe('namespaceExists() and namespaceAutoProvision()', () => {
  it('refuse, or make, what is missing', async () => {
    expect(await run(namespaceExists(lookupOf()), request('pods', podOf({})))).toBe('404 namespaces "ns" not found')
    const made: unknown[] = []
    const store = {
      resource: () => ({ facts: kinds.namespaces.facts }),
      create: async (_resource: unknown, _namespace: string, draft: object) => void made.push(draft),
    } as unknown as Parameters<typeof namespaceAutoProvision>[1]
    await run(namespaceAutoProvision(lookupOf(), store), request('pods', podOf({})))
    await run(namespaceAutoProvision(lookupOf(namespace()), store), request('pods', podOf({})))
    expect(made).toEqual([{ metadata: { name: 'ns' } }])
  })
})

describe('podResizeValidator()', () => {
  const sized = (cpu: string, generation: number): ApiObject => {
    const container = { name: 'c', image: 'x', resources: { requests: { cpu } } }
    return podOf({ nodeName: 'n1', containers: [container] }, { generation })
  }
  const resize = (): AdmissionRequest =>
    request('pods', sized('3', 2), { oldObject: sized('1', 1), subresource: 'resize' })

  it.each([
    [{}, { cpu: '4' }, undefined],
    [{}, { cpu: '2' }, "node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000"],
    [
      { 'kubernetes.io/os': 'windows' },
      { cpu: '4' },
      'pod resize is only supported on linux nodes, node "n1" is "windows"',
    ],
  ])('on a node with labels %o and %o', async (labels, allocatable, refusal) => {
    const answer = await run(podResizeValidator(readerOf([node(labels, allocatable)])), resize())
    expect(answer).toEqual(refusal === undefined ? sized('3', 2) : `403 pods "p" is forbidden: ${refusal}`)
  })
})

describe('ownerReferencesPermissionEnforcement()', () => {
  const owned = (blockOwnerDeletion?: boolean): ApiObject =>
    podOf(
      {},
      {
        ownerReferences: [
          {
            apiVersion: 'v1',
            kind: 'Pod',
            name: 'o',
            uid: 'u',
            ...(blockOwnerDeletion === undefined ? {} : { blockOwnerDeletion }),
          },
        ],
      },
    )
  const plugin = (...allowed: readonly string[]): AdmissionPlugin => {
    const authorizer: Authorizer = ({ info }: Attributes) => ({
      type: allowed.includes(`${info.verb} ${info.resource}/${info.subresource}`) ? 'allow' : 'noOpinion',
      reason: '',
    })
    const resourceOfKind = () => ({ facts: kinds.pods.facts }) as AdmissionRequest['resource']
    return ownerReferencesPermissionEnforcement({ authorizer, resourceOfKind })
  }

  it('wants the right to delete before owners change', async () => {
    const change = request('pods', owned(), { oldObject: podOf({}) })
    expect(await run(plugin(), change)).toBe(
      '403 pods "p" is forbidden: cannot set an ownerRef on a resource you can\'t delete: , <nil>',
    )
    expect(await run(plugin('delete pods/'), change)).toEqual(owned())
  })

  it("wants the right to the owner's finalizers before its deletion is blocked", async () => {
    expect(await run(plugin(), request('pods', owned()))).toEqual(owned())
    expect(await run(plugin(), request('pods', owned(true)))).toContain("you can't set finalizers on: , <nil>")
    expect(await run(plugin('update pods/finalizers'), request('pods', owned(true)))).toEqual(owned(true))
  })
})

describe('alwaysDeny', () => {
  it('denies', async () => {
    expect(await run(alwaysDeny, request('pods', podOf({})))).toBe(
      '403 pods "p" is forbidden: admission control is denying all modifications',
    )
  })
})
