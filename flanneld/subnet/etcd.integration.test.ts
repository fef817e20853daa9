/** The etcd subnet manager against an etcd: hosts that start together, ranges that run out, configurations that change. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../component-base/clock.ts'
import { parseFlags } from '../../component-base/flags.ts'
import { silentLogger } from '../../component-base/logger.ts'
import { startEtcd, type TestEtcd } from '../../test/fixtures/etcd.ts'
import { flags } from '../flags.ts'
import { createEtcdSubnetManager } from './etcd.ts'
import { EtcdClient } from './etcd-client.ts'
import { describeSubnets, type Lease, type LeaseAttributes, type SubnetManager } from './lease.ts'

let etcd: TestEtcd
let client: EtcdClient
let folder = ''
let network = 0
const stop = new AbortController()
const { signal } = stop

beforeAll(async () => {
  etcd = await startEtcd()
  client = new EtcdClient({ endpoints: [etcd.url] })
  folder = await mkdtemp(`${tmpdir()}/subnets-`)
})
afterAll(async () => {
  stop.abort(new Error('over'))
  await etcd.close()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(() => {
  network += 1
})

const prefix = (): string => `/network-${network}`

async function configure(config: object): Promise<void> {
  const present = (await client.range(`${prefix()}/config`, false, signal)).items[0]
  if (present !== undefined) await client.remove(present.key, present.modRevision, signal)
  await client.create(`${prefix()}/config`, JSON.stringify(config), '0', signal)
}

async function managerOf(host: number): Promise<SubnetManager> {
  const { values } = parseFlags(flags, [
    // The first endpoint answers nobody: it is passed over.
    `--etcd-endpoints=http://127.0.0.1:1,${etcd.url}`,
    `--etcd-prefix=${prefix()}/`,
    `--subnet-file=${folder}/${network}-${host}.env`,
  ])
  return await createEtcdSubnetManager({ flags: values, clock: systemClock, logger: silentLogger })
}

const attributesOf = (host: number): LeaseAttributes => ({
  backendType: 'host-gw',
  ipv4: { publicIp: `192.168.0.${host}` },
})

async function acquire(host: number): Promise<string> {
  const manager = await managerOf(host)
  return describeSubnets(await manager.acquire(attributesOf(host), signal))
}

async function keys(): Promise<readonly string[]> {
  const { items } = await client.range(`${prefix()}/subnets/`, true, signal)
  return items.map(({ key }) => key.slice(`${prefix()}/subnets/`.length))
}

test('hosts that start together lease different subnets, each with one etcd lease', async () => {
  await configure({ Network: '10.5.0.0/23', SubnetLen: 28 })
  const hosts = Array.from({ length: 20 }, (_, index) => index + 1)
  const subnets = await Promise.all(hosts.map(acquire))
  expect(new Set(subnets).size).toBe(20)
  const { items } = await client.range(`${prefix()}/subnets/`, true, signal)
  expect(new Set(items.map(({ lease }) => lease)).size).toBe(20)
  expect(items.map(({ lease }) => lease)).not.toContain('0')
  // A host that starts again gets what it had, and keeps its etcd lease.
  expect(await Promise.all(hosts.map(acquire))).toEqual(subnets)
  expect((await client.range(`${prefix()}/subnets/`, true, signal)).items.map(({ lease }) => lease).toSorted()).toEqual(
    items.map(({ lease }) => lease).toSorted(),
  )
})

test('a host waits while no subnet is free, and takes the first that is', async () => {
  await configure({ Network: '10.6.0.0/28', SubnetLen: 30 })
  const taken = await Promise.all([1, 2, 3].map(acquire))
  const waiting = acquire(4)
  const [item] = (await client.range(`${prefix()}/subnets/`, true, signal)).items
  if (item === undefined) throw new Error('no lease')
  await client.remove(item.key, item.modRevision, signal)
  expect(taken).toContain(await waiting)
})

test('a configuration that is missing or wrong is waited for until it is right', async () => {
  const manager = await managerOf(1)
  const config = manager.networkConfig(signal)
  await configure({ Network: '10.7.0.0/30' })
  await systemClock.sleep(100, signal)
  await configure({ Network: '10.7.0.0/16', Backend: { Type: 'ipip', DirectRouting: true } })
  expect((await config).backend).toEqual({ type: 'ipip', directRouting: true })
})

test('a lease that does not fit a changed network is replaced, and the old one removed', async () => {
  await configure({ Network: '10.8.0.0/16' })
  await acquire(1)
  await configure({ Network: '10.9.0.0/16', EnableIPv6: true, IPv6Network: 'fd00:9::/48' })
  const manager = await managerOf(1)
  const both = { ...attributesOf(1), ipv6: { publicIp: 'fd01::1' } }
  expect(describeSubnets(await manager.acquire(both, signal))).toMatch(/^10\.9\.\d+\.0\/24,fd00:9:0:[0-9a-f]+::\/64$/)
  expect(await keys()).toHaveLength(1)
})

test('the subnet of an earlier run is asked for again, unless somebody has it', async () => {
  await configure({ Network: '10.10.0.0/16' })
  const env = 'FLANNEL_NETWORK=10.10.0.0/16\nFLANNEL_SUBNET=10.10.77.1/24\n'
  await Promise.all([1, 2].map(async (host) => await writeFile(`${folder}/${network}-${host}.env`, env)))
  expect(await acquire(1)).toBe('10.10.77.0/24')
  expect(await acquire(2)).not.toBe('10.10.77.0/24')
})

test('watch() tells every change, also of what happens while etcd is away, and stays on as long as its host', async () => {
  await configure({ Network: '10.11.0.0/16' })
  const manager = await managerOf(1)
  const own = await manager.acquire(attributesOf(1), signal)
  const seen: (readonly Lease[])[] = []
  const running = new AbortController()
  const watching = (async (): Promise<void> => {
    for await (const leases of manager.watch(own, running.signal)) seen.push(leases)
  })()
  const known = (): readonly string[] => (seen.at(-1) ?? []).map(({ ipv4 }) => ipv4?.publicIp ?? '')
  await acquire(2)
  await expect.poll(known, { timeout: 45_000 }).toEqual(['192.168.0.2'])
  await etcd.kill()
  await etcd.restart()
  const [second] = (await client.range(`${prefix()}/subnets/`, true, signal)).items.filter(({ value }) =>
    value.includes('192.168.0.2'),
  )
  if (second === undefined) throw new Error('no lease')
  await client.remove(second.key, second.modRevision, signal)
  await acquire(3)
  await expect.poll(known, { timeout: 45_000 }).toEqual(['192.168.0.3'])
  running.abort(new Error('over'))
  await watching
})
