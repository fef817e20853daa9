import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RawAnswer, type RawClient, rawClient } from '../test/fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../test/fixtures/control-plane.ts'
import { eventually } from '../test/fixtures/process.ts'
import { type SecondApiServer, startSecondApiServer } from '../test/fixtures/second-api-server.ts'

const services = '/api/v1/namespaces/default/services'
const networking = '/apis/networking.k8s.io/v1'
let plane: TestControlPlane
let single: RawClient
let server: SecondApiServer
let api: RawClient

// The first server has one family; the second, on the same etcd, makes the cluster dual-stack.
beforeAll(async () => {
  plane = await startControlPlane({ flags: ['--service-cluster-ip-range=10.98.0.0/16'] })
  single = await rawClient(plane)
  await create(single, 'before', { ipFamilyPolicy: 'PreferDualStack' })
  server = await startSecondApiServer(plane, { flags: ['--service-cluster-ip-range=10.98.0.0/16,fd00:98::/64'] })
  api = server.api
})
afterAll(async () => {
  await server?.close()
  await plane?.close()
})

async function create(client: RawClient, name: string, spec: object): Promise<RawAnswer> {
  const body = { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } }
  return await client.send(services, { method: 'POST', body })
}

async function patch(name: string, spec: object): Promise<RawAnswer> {
  return await api.send(`${services}/${name}`, {
    method: 'PATCH',
    body: { spec },
    contentType: 'application/merge-patch+json',
  })
}

async function addressesOf(service: string): Promise<readonly string[]> {
  const { json } = await api.send(`${networking}/ipaddresses`)
  const items: readonly { metadata: { name: string }; spec: { parentRef: { name: string } } }[] = json.items
  return items.filter(({ spec }) => spec.parentRef.name === service).map(({ metadata }) => metadata.name)
}

it('the default ServiceCIDR grows by the second range', async () => {
  await eventually('both ranges', async () => {
    const { json } = await api.send(`${networking}/servicecidrs/kubernetes`)
    expect(json.spec.cidrs).toEqual(['10.98.0.0/16', 'fd00:98::/64'])
    return true
  })
})

it('a Service from before stays as it is until its policy changes, and then has an IPAddress of each family', async () => {
  const { json: same } = await patch('before', { sessionAffinity: 'ClientIP' })
  expect(same.spec).toMatchObject({ ipFamilies: ['IPv4'], ipFamilyPolicy: 'PreferDualStack' })
  expect(same.spec.clusterIPs).toHaveLength(1)
  const { json: grown } = await patch('before', { ipFamilyPolicy: 'RequireDualStack' })
  expect(grown.spec.ipFamilies).toEqual(['IPv4', 'IPv6'])
  expect(grown.spec.clusterIPs[1]).toMatch(/^fd00:98::/)
  expect(await addressesOf('before')).toEqual(grown.spec.clusterIPs)
  const { json: shrunk } = await patch('before', { ipFamilyPolicy: 'SingleStack' })
  expect(shrunk.spec.clusterIPs).toEqual([grown.spec.clusterIPs[0]])
  expect(await addressesOf('before')).toEqual(shrunk.spec.clusterIPs)
})

it('addresses of both families come and go with a Service', async () => {
  const { json } = await create(api, 'both', { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] })
  expect(json.spec.clusterIP).toMatch(/^fd00:98::/)
  expect(json.spec.clusterIPs[1]).toMatch(/^10\.98\./)
  const { json: claimed } = await api.send(`${networking}/ipaddresses/${json.spec.clusterIP}`)
  expect(claimed.metadata.labels['ipaddress.kubernetes.io/ip-family']).toBe('IPv6')
  await api.send(`${services}/both`, { method: 'DELETE' })
  expect(await addressesOf('both')).toEqual([])
})

it('an address is refused in any spelling when it is taken, and nothing is kept of the Service that wanted it', async () => {
  expect((await create(api, 'holder', { clusterIP: 'fd00:98::7' })).code).toBe(201)
  const wanted = { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'], clusterIP: '10.98.0.7' }
  const refused = await create(api, 'late', { ...wanted, clusterIPs: ['10.98.0.7', 'FD00:98:0::0007'] })
  expect(refused.json.message).toBe(
    'Service "late" is invalid: spec.clusterIPs: Invalid value: ["10.98.0.7","FD00:98:0::0007"]: failed to allocate IP FD00:98:0::0007: provided IP is already allocated',
  )
  expect(await addressesOf('late')).toEqual([])
  expect((await create(api, 'next', { clusterIP: '10.98.0.7' })).code).toBe(201)
})

it('a dry run shows addresses and takes none', async () => {
  const body = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'dry' },
    spec: { ports: [{ port: 80 }], ipFamilyPolicy: 'PreferDualStack' },
  }
  const { json } = await api.send(`${services}?dryRun=All`, { method: 'POST', body })
  expect(json.spec.clusterIPs).toHaveLength(2)
  expect(await addressesOf('dry')).toEqual([])
})

it('PUT makes a Service that is not there', async () => {
  const body = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'put' }, spec: { ports: [{ port: 80 }] } }
  const { code, json } = await api.send(`${services}/put`, { method: 'PUT', body })
  expect(code).toBe(201)
  expect(await addressesOf('put')).toEqual(json.spec.clusterIPs)
})
