import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../fixtures/process.ts'
import { createConnection } from './client.ts'
import { type Processes, startProcesses } from './processes.ts'
import { bundleApiServer, type Program } from './program.ts'

let program: Program
let processes: Processes
let connections: readonly ReturnType<typeof createConnection>[]
const first = () => pickOf(0)
const second = () => pickOf(1)

beforeAll(async () => {
  program = await bundleApiServer()
  // Both at once on an empty etcd: the race of their bootstraps is part of what is tested.
  processes = await startProcesses(program.file, 2, ['--service-cluster-ip-range=10.96.0.0/25'])
  connections = processes.servers.map(({ port }) => createConnection(port))
}, 180_000)
afterAll(async () => {
  for (const { close } of connections) close()
  await processes.close()
  await program.remove()
}, 60_000)

function pickOf(at: number): ReturnType<typeof createConnection> {
  const connection = connections[at]
  if (connection === undefined) throw new Error(`no server ${at}`)
  return connection
}

const services = '/api/v1/namespaces/default/services'

test('two servers that start at once on an empty etcd agree on what a cluster begins with', async () => {
  const paths = [
    '/api/v1/namespaces',
    services,
    '/apis/rbac.authorization.k8s.io/v1/clusterroles',
    '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
    '/apis/scheduling.k8s.io/v1/priorityclasses',
    '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas',
    '/apis/networking.k8s.io/v1/servicecidrs',
    '/apis/apiregistration.k8s.io/v1/apiservices',
  ]
  for (const path of paths) {
    // Some of it is written after the servers are ready.
    await eventually(`both to show the same ${path}`, async () => {
      const [one, other] = await Promise.all(
        [first(), second()].map(async ({ send }) => await send({ method: 'GET', path })),
      )
      return names(one?.json).length > 0 && names(one?.json).join() === names(other?.json).join()
    })
  }
  await eventually('both servers to be endpoints of the Service kubernetes', async () => {
    const { json } = await first().send({ method: 'GET', path: '/api/v1/namespaces/default/endpoints/kubernetes' })
    const addresses: readonly { readonly ip: string }[] = json.subsets?.[0]?.addresses ?? []
    return addresses.map(({ ip }) => ip).join() === '192.0.2.1,192.0.2.2'
  })
})

type Named = { readonly metadata: { readonly name: string } }
function names(list: { readonly items: readonly Named[] } | undefined): readonly string[] {
  return (list?.items ?? []).map(({ metadata }) => metadata.name).toSorted()
}

test('generated names that meet on two servers differ', async () => {
  const path = '/api/v1/namespaces/default/configmaps'
  const made = await Promise.all(
    Array.from(
      { length: 60 },
      async (_, at) =>
        await pickOf(at % 2).send({ method: 'POST', path, body: { metadata: { generateName: 'some-' } } }),
    ),
  )
  expect(made.map(({ code }) => code)).toEqual(made.map(() => 201))
  expect(new Set(made.map(({ json }) => json.metadata.name)).size).toBe(made.length)
})

test('a kind defined on one server is served by the other, and gone from it', async () => {
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }]
  const kindNames = { plural: 'wares', singular: 'ware', kind: 'Ware', listKind: 'WareList' }
  const spec = { group: 'several.example', scope: 'Cluster', names: kindNames, versions }
  const body = { metadata: { name: 'wares.several.example' }, spec }
  expect((await first().send({ method: 'POST', path: definitions, body })).code).toBe(201)
  const path = '/apis/several.example/v1/wares'
  const served = async () => (await second().send({ method: 'GET', path })).code === 200
  await eventually('the other server to serve it', served)
  const ware = { apiVersion: 'several.example/v1', kind: 'Ware', metadata: { name: 'one' } }
  expect((await second().send({ method: 'POST', path, body: ware })).code).toBe(201)
  expect((await first().send({ method: 'GET', path: `${path}/one` })).code).toBe(200)
  expect((await second().send({ method: 'DELETE', path: `${definitions}/wares.several.example` })).code).toBe(200)
  await eventually(
    'the first server to forget it',
    async () => (await first().send({ method: 'GET', path })).code === 404,
  )
})

test('no address and no node port is given twice while servers and etcd are killed', async () => {
  let running = true
  const chaos = async (): Promise<void> => {
    for (let turn = 0; turn < 4; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 400))
      if (turn === 2) {
        await processes.etcd.kill()
        await processes.etcd.restart()
        continue
      }
      const server = processes.servers[turn % 2]
      await server?.end('SIGKILL')
      await server?.start()
    }
    running = false
  }
  const given: { readonly name: string; readonly ip: string; readonly port: number }[] = []
  const client = async (id: number): Promise<void> => {
    for (let turn = 0; running; turn++) {
      const { send } = pickOf(id % 2)
      const name = `service-${id}-${turn}`
      const body = { metadata: { name }, spec: { type: 'NodePort', ports: [{ port: 80 }] } }
      const answer = await send({ method: 'POST', path: services, body }).catch(() => undefined)
      const { clusterIP, ports } = answer?.json.spec ?? {}
      if (answer?.code === 201) given.push({ name, ip: clusterIP, port: ports[0].nodePort })
      else await new Promise((resolve) => setTimeout(resolve, 100))
      // Half of them go again, so that addresses come back into use.
      if (turn % 2 === 0) await send({ method: 'DELETE', path: `${services}/${name}` }).catch(() => undefined)
    }
  }
  await Promise.all([chaos(), ...Array.from({ length: 12 }, async (_, id) => await client(id))])
  expect(given.length).toBeGreaterThan(5)
  const { json } = await first().send({ method: 'GET', path: services })
  type Service = Named & {
    readonly spec: { readonly clusterIP: string; readonly ports: readonly { readonly nodePort?: number }[] }
  }
  const stored: readonly Service[] = json.items
  const addresses = stored.map(({ spec }) => spec.clusterIP)
  const ports = stored.flatMap(({ spec }) => spec.ports.flatMap(({ nodePort }) => nodePort ?? []))
  expect(new Set(addresses).size).toBe(addresses.length)
  expect(new Set(ports).size).toBe(ports.length)
  for (const { metadata, spec } of stored) {
    const told = given.find(({ name }) => name === metadata.name)
    if (told !== undefined) expect([spec.clusterIP, spec.ports[0]?.nodePort]).toEqual([told.ip, told.port])
  }
}, 180_000)
