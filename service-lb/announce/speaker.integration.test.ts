/** Speakers in network namespaces of their own on one bridge: who answers for which address, as a neighbour sees it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import { type Client, createClient } from '../../client/rest/client.ts'
import { loadKubeconfig } from '../../client/rest/kubeconfig.ts'
import { endpointSlices, nodes, services } from '../../client/rest/resource-refs.ts'
import { systemClock } from '../../component-base/clock.ts'
import { run } from '../../component-base/exec.ts'
import { loadBalancerManifests } from '../../deploy/local/load-balancer.ts'
import { pathOf } from '../../deploy/local/manifest.ts'
import { startControlPlane, type TestControlPlane } from '../../test/fixtures/control-plane.ts'

const root = new URL('../..', import.meta.url).pathname
const octet = randomInt(1, 250)
const prefix = `slb${randomInt(36 ** 4, 36 ** 5).toString(36)}`
const bridge = `${prefix}br`
const names = [`${prefix}1`, `${prefix}2`] as const
const leaseDurationMs = 3_000
vi.setConfig({ testTimeout: 120_000 })
const hasIpv6 = existsSync('/proc/net/if_inet6')
if (!hasIpv6) console.warn('SKIPPED: this kernel has no IPv6, neighbour discovery is not tried')
const signal = AbortSignal.timeout(400_000)
const ip = async (...args: readonly string[]): Promise<string> => (await run('ip', args)).stdout
const v4 = (host: number): string => `172.28.${octet}.${host}`
const v6 = (host: number): string => `fd00:28:${octet}::${host}`

let plane: TestControlPlane
let admin: Client
let folder: string
const speakers = new Map<string, ChildProcess>()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-speakers-'))
  await ip('link', 'add', bridge, 'type', 'bridge')
  await ip('address', 'add', `${v4(1)}/24`, 'dev', bridge)
  if (hasIpv6) await ip('address', 'add', `${v6(1)}/64`, 'dev', bridge, 'nodad')
  await ip('link', 'set', bridge, 'up')
  for (const [index, name] of names.entries()) {
    await ip('netns', 'add', name)
    await ip('link', 'add', `${name}v`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    await ip('link', 'set', `${name}v`, 'master', bridge, 'up')
    await ip('-n', name, 'link', 'set', 'lo', 'up')
    await ip('-n', name, 'address', 'add', `${v4(11 + index)}/24`, 'dev', 'eth0')
    if (hasIpv6) await ip('-n', name, 'address', 'add', `${v6(11 + index)}/64`, 'dev', 'eth0', 'nodad')
    await ip('-n', name, 'link', 'set', 'eth0', 'up')
  }
  plane = await startControlPlane({ flags: ['--bind-address=0.0.0.0'] })
  admin = createClient(await loadKubeconfig(plane.kubeconfig))
  for (const manifest of loadBalancerManifests(names)) {
    const headers = { 'content-type': 'application/apply-patch+yaml' }
    const path = `${pathOf(manifest)}?fieldManager=test`
    await admin.raw({ method: 'PATCH', path, headers, body: JSON.stringify(manifest) }, signal)
  }
  await writeKubeconfig()
  await bundle()
  for (const name of names) {
    await admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name } }, signal)
    const ready = { type: 'Ready', status: 'True', lastHeartbeatTime: null, lastTransitionTime: null }
    const body = { status: { conditions: [ready] } }
    await admin.patch(nodes, { name }, { type: 'merge', subresource: 'status', body }, signal)
    startSpeaker(name)
  }
})

afterAll(async () => {
  for (const child of speakers.values()) child.kill('SIGKILL')
  admin?.close()
  await plane?.close()
  for (const name of names) {
    await ip('link', 'delete', `${name}v`).catch(() => {})
    await ip('netns', 'delete', name).catch(() => {})
  }
  await ip('link', 'delete', bridge).catch(() => {})
  await rm(folder, { recursive: true, force: true })
})

/** The API server is asked at the bridge's address; its certificate knows it as localhost. */
async function writeKubeconfig(): Promise<void> {
  const config = JSON.parse(await readFile(await plane.kubeconfigFor('system:service-lb'), 'utf8'))
  const cluster = {
    ...config.clusters[0].cluster,
    server: `https://${v4(1)}:${plane.port}`,
    'tls-server-name': 'localhost',
  }
  await writeFile(`${folder}/kubeconfig`, JSON.stringify({ ...config, clusters: [{ name: 'test', cluster }] }))
}

async function bundle(): Promise<void> {
  await symlink(`${root}node_modules`, `${folder}/node_modules`)
  await build({
    entryPoints: { 'service-lb': `${root}service-lb/main.ts` },
    outdir: folder,
    ...{ bundle: true, platform: 'node', format: 'esm', outExtension: { '.js': '.mjs' }, external: ['koffi'] },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  })
}

function startSpeaker(name: string): void {
  const flags = [
    `--kubeconfig=${folder}/kubeconfig`,
    `--node-name=${name}`,
    `--address-pool=${v4(200)}-${v4(240)},${v6(200)}-${v6(240)}`,
    '--controller=false',
    '--metrics-bind-address=',
    `--speaker-lease-duration=${leaseDurationMs}ms`,
  ]
  const command = ['netns', 'exec', name, process.execPath, `${folder}/service-lb.mjs`, ...flags]
  speakers.set(name, spawn('ip', command, { stdio: 'ignore' }))
}

async function balance(
  name: string,
  addresses: readonly string[],
  spec: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const metadata = { name, namespace: 'default' }
  const draft = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
  }
  await admin.create(services, draft as unknown as Service, signal)
  const body = { status: { loadBalancer: { ingress: addresses.map((address) => ({ ip: address })) } } }
  await admin.patch(services, metadata, { type: 'merge', subresource: 'status', body }, signal)
}

/** Who answers for an address, as the neighbour table of the bridge has it; `ask` makes the kernel ask anew. */
async function answerer(address: string, ask = true): Promise<string | undefined> {
  if (ask) {
    await ip('neigh', 'flush', 'to', address, 'dev', bridge)
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    await new Promise<void>((resolve) => socket.send('?', 9, address, () => resolve()))
    socket.close()
  }
  const entryOf = async () => JSON.parse((await ip('-j', 'neigh', 'show', 'to', address, 'dev', bridge)) || '[]')[0]
  let entry = await entryOf()
  // The kernel asks three times, a second apart, before it gives up.
  for (let waitedMs = 0; ask && entry?.lladdr === undefined && waitedMs < 4_000; waitedMs += 60) {
    if (entry?.state?.includes('FAILED')) return undefined
    await systemClock.sleep(60, signal)
    entry = await entryOf()
  }
  for (const name of names) {
    const [link] = JSON.parse(await ip('-n', name, '-j', 'link', 'show', 'eth0'))
    if (entry?.lladdr !== undefined && link.address === entry.lladdr) return name
  }
  return undefined
}

async function until<T>(check: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const value = await check()
    if (value !== undefined) return value
    await systemClock.sleep(50, signal)
  }
}

async function untilAnsweredBy(address: string, name: string, ask = true): Promise<void> {
  await until(async () => ((await answerer(address, ask)) === name ? name : undefined))
}

/** Each falls to a node as if by chance: so many that both nodes have some. */
const addresses = Array.from({ length: 18 }, (_, index) => v4(200 + index))
let holders: ReadonlyMap<string, string>

test('every address is answered for by one node, and both have some', async () => {
  for (const [index, address] of addresses.entries()) await balance(`s${index}`, [address])
  const survey = async (): Promise<ReadonlyMap<string, string>> => {
    const found = new Map<string, string>()
    for (const address of addresses) found.set(address, await until(async () => await answerer(address)))
    return found
  }
  // The speaker that is there first has all of them for a while.
  holders = await until(async () => {
    const found = await survey()
    return new Set(found.values()).size === names.length ? found : undefined
  })
  // Asked again, the same node answers: nobody else does.
  expect(await survey()).toEqual(holders)
})

test.skipIf(!hasIpv6)('IPv6 addresses are answered for, too', async () => {
  const both = [v6(200), v6(201), v6(202), v6(203)]
  await balance('six', both)
  for (const address of both) {
    const name = await until(async () => await answerer(address))
    expect(await answerer(address)).toBe(name)
  }
})

test('an address that nobody has is not answered for', async () => {
  expect(await answerer(v4(230))).toBeUndefined()
  if (hasIpv6) expect(await answerer(v6(230))).toBeUndefined()
})

test('with externalTrafficPolicy Local the node with the endpoint answers, and follows it', async () => {
  const address = v4(220)
  await balance('local', [address], { externalTrafficPolicy: 'Local' })
  const metadata = { name: 'local-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'local' } }
  const sliceOn = (nodeName: string): EndpointSlice =>
    ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata,
      addressType: 'IPv4',
      ports: [{ port: 80 }],
      endpoints: [{ addresses: ['10.0.0.1'], nodeName }],
    }) as unknown as EndpointSlice
  expect(await answerer(address)).toBeUndefined()
  await admin.create(endpointSlices, sliceOn(names[0]), signal)
  await untilAnsweredBy(address, names[0])
  const body = { endpoints: [{ addresses: ['10.0.0.1'], nodeName: names[1] }] }
  await admin.patch(endpointSlices, metadata, { type: 'merge', body }, signal)
  await untilAnsweredBy(address, names[1])
})

test('a speaker that is killed is replaced, and neighbours are told without asking', async () => {
  const [address, name] = [...holders].find(([, holder]) => holder === names[0]) ?? []
  if (address === undefined || name === undefined) throw new Error('node 1 has no address')
  expect(await answerer(address)).toBe(name)
  speakers.get(name)?.kill('SIGKILL')
  await untilAnsweredBy(address, names[1], false)
  expect(await answerer(address)).toBe(names[1])
  startSpeaker(name)
  // Back in its place, with what fell to it before.
  await untilAnsweredBy(address, name, false)
})

test('a speaker that is asked to stop gives its addresses over at once', async () => {
  const [address, name] = [...holders].find(([, holder]) => holder === names[1]) ?? []
  const speaker = speakers.get(names[1])
  if (address === undefined || name === undefined || speaker === undefined) throw new Error('node 2 has no address')
  expect(await answerer(address)).toBe(name)
  const exited = once(speaker, 'exit')
  speaker.kill('SIGTERM')
  await untilAnsweredBy(address, names[0], false)
  await exited
  expect((await ip('netns', 'pids', names[1])).trim()).toBe('')
})

test('a node that is not ready any more loses its addresses, and a Service that goes takes its own along', async () => {
  const conditions = [{ type: 'Ready', status: 'Unknown', lastHeartbeatTime: null, lastTransitionTime: null }]
  const address = addresses[0] ?? ''
  await untilAnsweredBy(address, names[0])
  await admin.patch(
    nodes,
    { name: names[0] },
    { type: 'merge', subresource: 'status', body: { status: { conditions } } },
    signal,
  )
  await until(async () => ((await answerer(address)) === undefined ? true : undefined))
  const ready = [{ ...conditions[0], status: 'True' }]
  await admin.patch(
    nodes,
    { name: names[0] },
    { type: 'merge', subresource: 'status', body: { status: { conditions: ready } } },
    signal,
  )
  await untilAnsweredBy(address, names[0])
  await admin.delete(services, { namespace: 'default', name: 's0' }, {}, signal)
  await until(async () => ((await answerer(address)) === undefined ? true : undefined))
})
