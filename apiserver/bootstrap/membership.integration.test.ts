import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RawAnswer, type RawClient, rawClient } from '../../test/fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../../test/fixtures/control-plane.ts'
import { eventually } from '../../test/fixtures/process.ts'
import { type SecondApiServer, startSecondApiServer } from '../../test/fixtures/second-api-server.ts'

const services = '/api/v1/namespaces/default/services'
/** Small ranges, so that two servers that did not talk would meet. */
const flags = ['--service-cluster-ip-range=10.99.0.0/25', '--service-node-port-range=31000-31095']
let plane: TestControlPlane
let first: RawClient
let second: SecondApiServer

beforeAll(async () => {
  plane = await startControlPlane({ flags })
  first = await rawClient(plane)
  second = await startSecondApiServer(plane, { flags: [...flags, '--advertise-address=192.0.2.2'] })
})
afterAll(async () => {
  await second?.close()
  await plane?.close()
})

/** Tries until nothing is thrown. */
async function soon(check: () => Promise<void>): Promise<void> {
  await eventually('what the test expects', async () => {
    await check()
    return true
  })
}

function service(name: string, spec: object = {}): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } }
}

async function create(api: RawClient, body: object): Promise<RawAnswer> {
  return await api.send(services, { method: 'POST', body })
}

it('two servers are the endpoints of the Service kubernetes, and one that leaves is not', async () => {
  const addresses = async (): Promise<readonly string[]> => {
    const { json } = await first.send('/api/v1/namespaces/default/endpoints/kubernetes')
    return (json.subsets?.[0]?.addresses ?? []).map(({ ip }: { readonly ip: string }) => ip)
  }
  await soon(async () => expect(await addresses()).toEqual(['192.0.2.1', '192.0.2.2']))
  const third = await startSecondApiServer(plane, { flags: [...flags, '--advertise-address=192.0.2.3'] })
  await soon(async () => expect(await addresses()).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']))
  await third.close()
  // Another server that has just counted the third one may write it once more.
  await soon(async () => expect(await addresses()).toEqual(['192.0.2.1', '192.0.2.2']))
  await soon(async () => {
    const slice = await first.send('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes')
    expect(slice.json.endpoints.map((endpoint: { addresses: string[] }) => endpoint.addresses[0])).toEqual([
      '192.0.2.1',
      '192.0.2.2',
    ])
  })
})

it('an API server has a Lease in kube-system', async () => {
  await soon(async () => {
    const path = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'
    const { json } = await first.send(`${path}?labelSelector=apiserver.kubernetes.io/identity=kube-apiserver`)
    expect(json.items[0]?.metadata.name).toMatch(/^apiserver-[a-z2-7]{26}$/)
    expect(json.items[0]?.spec.holderIdentity).toMatch(/^apiserver-[a-z2-7]{26}_[-0-9a-f]{36}$/)
  })
})

it('no address and no node port is given to two Services', async () => {
  const wanted = Array.from({ length: 24 }, (_, index) => index)
  const answers = await Promise.all(
    wanted.flatMap((index) => [
      create(first, service(`one-${index}`, { type: 'NodePort' })),
      create(second.api, service(`two-${index}`, { type: 'NodePort' })),
    ]),
  )
  expect(answers.filter(({ code }) => code !== 201).map(({ text }) => text)).toEqual([])
  const { json } = await first.send(services)
  const own = json.items.filter(({ metadata }: { metadata: { name: string } }) => metadata.name !== 'kubernetes')
  const addresses = own.map(({ spec }: { spec: { clusterIP: string } }) => spec.clusterIP)
  const ports = own.map(({ spec }: { spec: { ports: { nodePort: number }[] } }) => spec.ports[0]?.nodePort)
  expect(new Set(addresses).size).toBe(48)
  expect(new Set(ports).size).toBe(48)
})

it('an address that is asked for goes to one of two Services, and is free when that is deleted', async () => {
  const body = (name: string): object => service(name, { clusterIP: '10.99.0.9' })
  const [one, two] = await Promise.all([create(first, body('wish-one')), create(second.api, body('wish-two'))])
  expect([one.code, two.code].toSorted()).toEqual([201, 422])
  const refused = one.code === 422 ? one : two
  expect(refused.json.message).toContain(
    'spec.clusterIPs: Invalid value: ["10.99.0.9"]: failed to allocate IP 10.99.0.9: provided IP is already allocated',
  )
  const winner = one.code === 201 ? 'wish-one' : 'wish-two'
  expect((await first.send(`${services}/${winner}`, { method: 'DELETE' })).code).toBe(200)
  expect((await create(second.api, body('wish-three'))).code).toBe(201)
})

it.each(['first', 'second'])('an address that one server gave is free at once where the %s one deletes', async (by) => {
  const api = by === 'first' ? first : second.api
  for (let round = 0; round < 3; round++) {
    const name = `short-${by}-${round}`
    const body = service(name, { type: 'NodePort', clusterIP: '10.99.0.10', ports: [{ port: 80, nodePort: 31001 }] })
    expect((await create(second.api, body)).code).toBe(201)
    expect((await api.send(`${services}/${name}`, { method: 'DELETE' })).code).toBe(200)
  }
})

it('a refused Service leaves no IPAddress behind', async () => {
  const before = await first.send('/apis/networking.k8s.io/v1/ipaddresses')
  const refused = await create(first, service('bad', { clusterIP: '10.99.0.77', ports: [{ port: 0 }] }))
  expect(refused.code).toBe(422)
  const after = await first.send('/apis/networking.k8s.io/v1/ipaddresses')
  expect(after.json.items.length).toBe(before.json.items.length)
})

it('addresses of another ServiceCIDR are given out when it is ready', async () => {
  const cidrs = '/apis/networking.k8s.io/v1/servicecidrs'
  const body = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'more' },
    spec: { cidrs: ['203.0.113.0/24'] },
  }
  expect((await first.send(cidrs, { method: 'POST', body })).code).toBe(201)
  const wish = service('elsewhere', { clusterIP: '203.0.113.10' })
  expect((await create(first, wish)).code).toBe(422)
  const condition = {
    type: 'Ready',
    status: 'True',
    reason: '',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  }
  const patched = await first.send(`${cidrs}/more/status`, {
    method: 'PATCH',
    contentType: 'application/merge-patch+json',
    body: { status: { conditions: [condition] } },
  })
  expect(patched.code).toBe(200)
  await soon(async () => expect((await create(second.api, wish)).code).toBe(201))
})

it('a definition that one server takes is served by the other', async () => {
  const body = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'boats.example.com' },
    spec: {
      group: 'example.com',
      names: { plural: 'boats', singular: 'boat', kind: 'Boat' },
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  }
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  expect((await first.send(crds, { method: 'POST', body })).code).toBe(201)
  await soon(async () => expect((await second.api.send('/apis/example.com/v1/boats')).code).toBe(200))
})
