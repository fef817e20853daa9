import { describe, expect, it } from 'vitest'
import { factsOf } from '../../api/facts/resources.ts'
import { StatusError } from '../../apimachinery/status.ts'
import { parseSubnet } from '../../component-base/ip-address.ts'
import type { AdmissionRequest } from '../admission/admission.ts'
import { addressBands } from './cluster-ip-allocator.ts'
import { createNodePortAllocator, portBands } from './node-port-allocator.ts'
import { readerOf } from './plain-reader.ts'
import { pickFree, staticBandSize } from './reservation-allocator.ts'
import { serviceAllocation } from './service-allocator.ts'
import { createServiceCidrAllocator } from './service-cidrs.ts'

const never = new AbortController().signal
type Spec = Readonly<Record<string, unknown>>
const service = (name: string, spec: Spec) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'ns' },
  spec: { type: 'ClusterIP', selector: { a: 'b' }, ...spec },
})

function setUp(live: readonly object[], ...cidrs: readonly string[]) {
  let nowMs = 0
  const random = () => 0
  const reader = readerOf(live)
  const plugin = serviceAllocation({
    reader,
    clusterIps: createServiceCidrAllocator(cidrs.length === 0 ? ['10.96.0.0/12'] : cidrs, reader, random),
    nodePorts: createNodePortAllocator('30000-32767', random),
    clock: { now: () => nowMs, sleep: async () => {} },
  })
  const request = (operation: 'CREATE' | 'UPDATE', object: object, oldObject?: object): AdmissionRequest =>
    ({
      operation,
      resource: { facts: factsOf('', 'services'), definition: 'core.v1.Service' },
      subresource: '',
      namespace: 'ns',
      name: 'x',
      object,
      ...(oldObject === undefined ? {} : { oldObject }),
      user: { name: 'jane', groups: [] },
      dryRun: false,
    }) as unknown as AdmissionRequest
  const mutate = async (asked: AdmissionRequest): Promise<Spec | string> => {
    try {
      const result = (await plugin.mutate?.(asked, never)) as unknown as { readonly spec: Spec } | undefined
      return result?.spec ?? 'nothing'
    } catch (error) {
      if (error instanceof StatusError) return `${error.code} ${error.message}`
      throw error
    }
  }
  return {
    create: async (object: object) => await mutate(request('CREATE', object)),
    update: async (object: object, old: object) => await mutate(request('UPDATE', object, old)),
    settle: async (object: object, outcome: 'stored' | 'failed') =>
      await plugin.settled?.(request('CREATE', object), outcome),
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

describe('staticBandSize()', () => {
  it.each([
    [16n, 0n],
    [32n, 16n],
    [256n, 16n],
    [1024n, 64n],
    [1n << 20n, 256n],
    [1n << 64n, 256n],
  ])('of %d addresses is %d', (size, band) => {
    expect(staticBandSize(size, { min: 16n, max: 256n, step: 16n })).toBe(band)
  })
})

describe('addressBands()', () => {
  it.each([
    ['10.96.0.0/12', 2n ** 20n - 2n, 256n],
    ['10.0.0.0/8', 2n ** 24n - 2n, 256n],
    ['10.0.0.0/30', 2n, 0n],
    ['10.0.0.0/31', 0n, 0n],
    ['10.0.0.0/32', 0n, 0n],
    ['fd00::/112', 2n ** 16n - 1n, 256n],
    ['fd00::/64', 2n ** 64n - 1n, 256n],
    ['fd00::/128', 0n, 0n],
  ])('of %s: %d addresses, %d of them for wishes', (cidr, size, dynamicOffset) => {
    const range = parseSubnet(cidr)
    if (range === undefined) throw new Error(cidr)
    expect(addressBands(range)).toEqual({ first: range.base.value + 1n, size, dynamicOffset })
  })
})

describe('portBands()', () => {
  it('keeps a lower band of node ports for wishes', () => {
    expect(portBands('30000-32767')).toEqual({ first: 30000n, size: 2768n, dynamicOffset: 86n })
  })
})

describe('pickFree()', () => {
  it('takes the lower band only when the upper one is full', () => {
    const bands = { first: 10n, size: 4n, dynamicOffset: 2n }
    const taken = new Set<bigint>()
    const picked: (bigint | undefined)[] = []
    for (let i = 0; i < 5; i++) {
      const value = pickFree(
        bands,
        (one) => taken.has(one),
        () => 0.9,
      )
      if (value !== undefined) taken.add(value)
      picked.push(value)
    }
    expect(picked).toEqual([13n, 12n, 11n, 10n, undefined])
  })
})

describe('serviceAllocation()', () => {
  it('gives an address and families', async () => {
    expect(await setUp([]).create(service('x', {}))).toMatchObject({
      clusterIP: '10.96.1.1',
      clusterIPs: ['10.96.1.1'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    })
  })

  it('never gives the same address to two Services that are created at once', async () => {
    const { create } = setUp([])
    const [a, b] = await Promise.all([create(service('a', {})), create(service('b', {}))])
    expect((a as Spec)['clusterIP']).not.toBe((b as Spec)['clusterIP'])
  })

  it('gives back what a failed write was given, and keeps what a stored one has', async () => {
    const { create, settle, pass } = setUp([])
    const wanted = service('a', { clusterIP: '10.96.0.7' })
    await create(wanted)
    expect(await create(service('b', { clusterIP: '10.96.0.7' }))).toContain('already allocated')
    await settle(wanted, 'failed')
    expect(await create(service('b', { clusterIP: '10.96.0.7' }))).toMatchObject({ clusterIP: '10.96.0.7' })
    await settle(service('b', {}), 'stored')
    expect(await create(service('c', { clusterIP: '10.96.0.7' }))).toContain('already allocated')
    pass(2_000) // from now on the cache alone counts
    expect(await create(service('c', { clusterIP: '10.96.0.7' }))).toMatchObject({ clusterIP: '10.96.0.7' })
  })

  it.each<[string, Spec, string]>([
    [
      'a taken address',
      { clusterIP: '10.96.0.1' },
      '422 Service "x" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.1"]: failed to allocate IP 10.96.0.1: provided IP is already allocated',
    ],
    [
      'a foreign address',
      { clusterIP: '11.0.0.1' },
      '422 Service "x" is invalid: spec.clusterIPs: Invalid value: ["11.0.0.1"]: failed to allocate IP 11.0.0.1: the provided network does not match the current range',
    ],
    [
      'a taken node port',
      { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] },
      '422 Service "x" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
    ],
    [
      'a node port out of range',
      { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] },
      '422 Service "x" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    ],
    [
      'two families',
      { ipFamilyPolicy: 'RequireDualStack' },
      '422 Service "x" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    ],
    [
      'the other family',
      { ipFamilies: ['IPv6'] },
      '422 Service "x" is invalid: spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    ],
  ])('refuses %s', async (_, spec, message) => {
    const live = [
      service('kubernetes', { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'] }),
      service('web', { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }),
    ]
    expect(await setUp(live).create(service('x', spec))).toBe(message)
  })

  it('says when the range is full', async () => {
    const { create } = setUp([], '10.96.0.0/30')
    await create(service('a', {}))
    await create(service('b', {}))
    expect(await create(service('c', {}))).toBe(
      '500 Internal error occurred: failed to allocate a serviceIP for Service "c": range is full',
    )
  })

  it('leaves headless and external Services without an address', async () => {
    const { create } = setUp([])
    expect(await create(service('h', { clusterIP: 'None' }))).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'] })
    expect(await create(service('e', { type: 'ExternalName', externalName: 'x.y' }))).not.toHaveProperty('clusterIP')
  })

  it('gives headless Services without a selector both families', async () => {
    const spec = { clusterIP: 'None', selector: undefined }
    expect(await setUp([]).create(service('h', spec))).toMatchObject({
      ipFamilyPolicy: 'RequireDualStack',
      ipFamilies: ['IPv4', 'IPv6'],
    })
  })

  it('shares a node port between the protocols of a port', async () => {
    const ports = [
      { name: 't', port: 53, protocol: 'TCP' },
      { name: 'u', port: 53, protocol: 'UDP', nodePort: 30053 },
      { name: 'm', port: 9153, protocol: 'TCP' },
    ]
    expect(await setUp([]).create(service('dns', { type: 'NodePort', ports }))).toMatchObject({
      ports: [{ nodePort: 30053 }, { nodePort: 30053 }, { nodePort: 30086 }],
    })
  })

  it('gives no port at random that the same Service asks for by number', async () => {
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81, nodePort: 30086 },
    ]
    expect(await setUp([]).create(service('x', { type: 'NodePort', ports }))).toMatchObject({
      ports: [{ nodePort: 30087 }, { nodePort: 30086 }],
    })
  })

  it('gives balancers with local traffic a health-check port', async () => {
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [{ port: 80 }] }
    expect(await setUp([]).create(service('lb', spec))).toMatchObject({
      healthCheckNodePort: 30087,
      ports: [{ nodePort: 30086 }],
    })
  })

  it('keeps what was given when an update leaves it out', async () => {
    const old = service('x', {
      type: 'NodePort',
      clusterIP: '10.96.0.9',
      clusterIPs: ['10.96.0.9'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ name: 'a', port: 80, protocol: 'TCP', nodePort: 30001 }],
    })
    const wanted = service('x', { type: 'NodePort', ports: [{ name: 'a', port: 80, protocol: 'TCP' }] })
    expect(await setUp([old]).update(wanted, old)).toMatchObject({
      clusterIPs: ['10.96.0.9'],
      ports: [{ nodePort: 30001 }],
    })
  })

  it('drops node ports when the type needs them no more, and gives an address to what was external', async () => {
    const old = service('x', {
      type: 'NodePort',
      clusterIP: '10.96.0.9',
      clusterIPs: ['10.96.0.9'],
      ports: [{ port: 80, nodePort: 30001 }],
    })
    const plain = await setUp([old]).update(service('x', { ...old.spec, type: 'ClusterIP' }), old)
    expect(plain).toMatchObject({ ports: [{ port: 80 }] })
    expect(JSON.stringify(plain)).not.toContain('nodePort')
    const external = service('x', { type: 'ExternalName', externalName: 'a.b' })
    expect(await setUp([external]).update(service('x', {}), external)).toMatchObject({ clusterIP: '10.96.1.1' })
  })
})
