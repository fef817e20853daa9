import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createInformer } from '../../client/cache/informer.ts'
import { type Client, createClient } from '../../client/rest/client.ts'
import { loadKubeconfig } from '../../client/rest/kubeconfig.ts'
import { nodes } from '../../client/rest/resource-refs.ts'
import { systemClock } from '../../component-base/clock.ts'
import { silentLogger } from '../../component-base/logger.ts'
import { startControlPlane, type TestControlPlane } from '../../test/fixtures/control-plane.ts'
import { run } from '../../test/fixtures/process.ts'
import { annotationNames } from './annotations.ts'
import { createKubeSubnetManager } from './kube.ts'
import { describeSubnets, type Lease, type LeaseAttributes, type SubnetManager } from './lease.ts'

let plane: TestControlPlane
let client: Client
const stop = new AbortController()
vi.setConfig({ testTimeout: 120_000 })

/** The role that upstream's manifest gives to flannel, and nothing more. */
const role = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: flannel }
rules:
- { apiGroups: [""], resources: [pods], verbs: [get] }
- { apiGroups: [""], resources: [nodes], verbs: [get, list, watch] }
- { apiGroups: [""], resources: [nodes/status], verbs: [patch] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: flannel }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: flannel }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: flannel }]
`

beforeAll(async () => {
  plane = await startControlPlane()
  await writeFile(`${plane.folder}/role.yaml`, role)
  await writeFile(`${plane.folder}/net-conf.json`, '{"Network":"10.244.0.0/16"}')
  await kubectl('apply', '-f', `${plane.folder}/role.yaml`)
  client = createClient(await loadKubeconfig(await plane.kubeconfigFor('flannel')))
})
afterAll(async () => {
  stop.abort(new Error('test is over'))
  await plane.close()
})

async function kubectl(...args: readonly string[]): Promise<string> {
  return await run('kubectl', [`--kubeconfig=${plane.kubeconfig}`, ...args])
}

async function addNode(name: string, ...podCIDRs: readonly string[]): Promise<void> {
  const spec = podCIDRs.length === 0 ? {} : { podCIDR: podCIDRs[0], podCIDRs }
  const file = `${plane.folder}/${name}.json`
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec }))
  await kubectl('apply', '-f', file)
}

function managerOf(nodeName: string, signal = stop.signal): SubnetManager {
  const informer = createInformer({ client, ref: nodes, clock: systemClock, logger: silentLogger })
  informer.run(signal).catch(() => undefined)
  return createKubeSubnetManager({
    client,
    informer,
    nodeName,
    netConfigPath: `${plane.folder}/net-conf.json`,
    names: annotationNames('flannel.alpha.coreos.com'),
    setsNetworkUnavailable: true,
    clock: systemClock,
    logger: silentLogger,
  })
}

test('two hosts lease what the controller manager has given them, and learn of each other', async () => {
  const attributes = (host: number): LeaseAttributes => ({
    ipv4: { publicIp: `192.168.0.${host}` },
    backendType: '',
  })
  await addNode('a', '10.244.0.0/24')
  await addNode('b')
  const own = await managerOf('a').acquire(attributes(1), stop.signal)
  expect(describeSubnets(own)).toBe('10.244.0.0/24')
  const annotations = JSON.parse(await kubectl('get', 'node', 'a', '-o', 'jsonpath={.metadata.annotations}'))
  expect(annotations).toMatchObject({
    'flannel.alpha.coreos.com/backend-data': 'null',
    'flannel.alpha.coreos.com/backend-type': '',
    'flannel.alpha.coreos.com/public-ip': '192.168.0.1',
    'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
  })

  const manager = managerOf('a')
  const seen: (readonly Lease[])[] = []
  const watching = (async (): Promise<void> => {
    for await (const leases of manager.watch(own, stop.signal)) seen.push(leases)
  })()
  const waiting = managerOf('b').acquire(attributes(2), stop.signal)
  await addNode('b', '10.244.1.0/24')
  expect(describeSubnets(await waiting)).toBe('10.244.1.0/24')
  await expect.poll(() => seen.at(-1)?.map(({ ipv4 }) => ipv4?.publicIp), { timeout: 45_000 }).toEqual(['192.168.0.2'])
  await kubectl('delete', 'node', 'b')
  await expect.poll(() => seen.at(-1), { timeout: 45_000 }).toEqual([])

  const kept = manager.keep(own, stop.signal)
  const condition = async (): Promise<string> =>
    await kubectl('get', 'node', 'a', '-o', 'jsonpath={.status.conditions[?(@.type=="NetworkUnavailable")]}')
  await expect.poll(condition, { timeout: 45_000 }).toContain('FlannelIsUp')
  expect(JSON.parse(await condition())).toMatchObject({ status: 'False', message: 'Flannel is running on this node' })

  await kubectl('delete', 'node', 'a')
  await addNode('a', '10.244.0.0/24')
  const address = async (): Promise<string> =>
    await kubectl('get', 'node', 'a', '-o', 'jsonpath={.metadata.annotations.flannel\\.alpha\\.coreos\\.com/public-ip}')
  await expect.poll(address, { timeout: 45_000 }).toBe('192.168.0.1')
  await expect.poll(condition, { timeout: 45_000 }).toContain('FlannelIsUp')
  stop.abort(new Error('test is over'))
  await Promise.allSettled([watching, kept])
})

test('a node of both families publishes both, with the addresses that an operator has given', async () => {
  const running = new AbortController()
  const { signal } = running
  await writeFile(
    `${plane.folder}/net-conf.json`,
    '{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:244::/48","Backend":{"Type":"vxlan"}}',
  )
  await addNode('dual', '10.244.7.0/24', 'fd00:244:0:7::/64')
  await kubectl('annotate', 'node', 'dual', 'flannel.alpha.coreos.com/node-public-ip=192.168.9.9')
  await kubectl('annotate', 'node', 'dual', 'flannel.alpha.coreos.com/public-ipv6-overwrite=2001:db8::7')
  const manager = managerOf('dual', signal)
  expect(await manager.givenAddresses(signal)).toEqual({ ipv4: '192.168.9.9' })
  const data = { VNI: 1, VtepMAC: '02:00:00:00:00:07' }
  const attributes: LeaseAttributes = {
    backendType: 'vxlan',
    ipv4: { publicIp: '192.168.9.9', backendData: data },
    ipv6: { publicIp: 'fd00::7', backendData: data },
  }
  const own = await manager.acquire(attributes, signal)
  expect(describeSubnets(own)).toBe('10.244.7.0/24,fd00:244:0:7::/64')
  const annotations = async (): Promise<Record<string, string>> =>
    JSON.parse(await kubectl('get', 'node', 'dual', '-o', 'jsonpath={.metadata.annotations}'))
  expect(await annotations()).toMatchObject({
    'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"02:00:00:00:00:07"}',
    'flannel.alpha.coreos.com/backend-v6-data': '{"VNI":1,"VtepMAC":"02:00:00:00:00:07"}',
    'flannel.alpha.coreos.com/backend-type': 'vxlan',
    'flannel.alpha.coreos.com/public-ip': '192.168.9.9',
    'flannel.alpha.coreos.com/public-ipv6': '2001:db8::7',
  })
  // Somebody removes what we wrote.
  const kept = manager.keep(own, signal)
  await kubectl('annotate', 'node', 'dual', 'flannel.alpha.coreos.com/backend-type-')
  await expect
    .poll(async () => (await annotations())['flannel.alpha.coreos.com/backend-type'], { timeout: 45_000 })
    .toBe('vxlan')
  running.abort(new Error('over'))
  await kept.catch(() => undefined)
})

test('a pod CIDR outside of the network, or of one family too few, is refused in upstream’s words', async () => {
  const attributes: LeaseAttributes = { backendType: '', ipv4: { publicIp: '192.168.0.1' } }
  await addNode('outside', '10.9.0.0/24')
  await expect(
    managerOf('outside', AbortSignal.timeout(45_000)).acquire(attributes, AbortSignal.timeout(45_000)),
  ).rejects.toThrow(
    'subnet "10.244.0.0/16" specified in the flannel net config doesn\'t contain "10.9.0.0/24" PodCIDR of the "outside" node',
  )
  await addNode('single', '10.244.8.0/24')
  const both: LeaseAttributes = { ...attributes, ipv6: { publicIp: 'fd00::8' } }
  await expect(
    managerOf('single', AbortSignal.timeout(45_000)).acquire(both, AbortSignal.timeout(45_000)),
  ).rejects.toThrow('ipv6 is enabled, but node "single" has no IPv6 PodCIDR')
})
