/** Packets: pods on two nodes, Services, DNS, NodePort, and what happens when a pod dies. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Pod, Service } from '../../api/core/v1.ts'
import { run } from '../../component-base/exec.ts'
import {
  eventually,
  type Kubectl,
  nodeAddresses,
  nodeNames,
  onNode,
  shellImage,
  testNamespace,
  webImage,
} from './cluster.ts'

let kubectl: Kubectl
let remove: () => Promise<void>

type PodList = { readonly items: readonly Pod[] }

async function webPods(): Promise<readonly Pod[]> {
  const { items } = await kubectl.json<PodList>(['get', 'pods', '-l', 'app=web'])
  return items.filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.phase === 'Running')
}

async function fetchFrom(pod: string, url: string): Promise<string> {
  return (await kubectl.run(['exec', pod, '--', 'timeout', '10', 'wget', '-qO-', url])).trim()
}

beforeAll(async () => {
  const space = await testNamespace('e2e-network')
  kubectl = space.kubectl
  remove = space.remove
  await kubectl.run(['create', 'deployment', 'web', `--image=${webImage}`, '--replicas=6'])
  await kubectl.run(['expose', 'deployment', 'web', '--port=80', '--type=NodePort'])
  for (const node of nodeNames) {
    const overrides = JSON.stringify({ spec: { nodeName: node } })
    const name = `shell-${node.at(-1)}`
    await kubectl.run(['run', name, `--image=${shellImage}`, `--overrides=${overrides}`, '--', 'sleep', '100000'])
  }
  await kubectl.run(['rollout', 'status', 'deployment/web', '--timeout=60s'])
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/shell-1', 'pod/shell-2', '--timeout=60s'])
})

afterAll(async () => await remove())

test('six replicas run on both nodes', async () => {
  const pods = await webPods()
  expect(pods).toHaveLength(6)
  expect(new Set(pods.map(({ spec }) => spec.nodeName))).toEqual(new Set(nodeNames))
})

test('a pod on node 1 reaches a pod on node 2 through the TUN device', async () => {
  const far = (await webPods()).find(({ spec }) => spec.nodeName === nodeNames[1])
  const packets = async (): Promise<number> => {
    const [link] = JSON.parse(await onNode(nodeNames[0], 'ip', '-j', '-s', 'link', 'show', 'flannel0'))
    return link.stats64.tx.packets
  }
  const before = await packets()
  expect(await fetchFrom('shell-1', `http://${far?.status.podIP}/cgi-bin/hostname`)).toBe(far?.metadata.name)
  expect(await packets()).toBeGreaterThan(before)
})

test('the ClusterIP and the DNS names answer from both nodes, and every replica is reached', async () => {
  const service = await kubectl.json<Service>(['get', 'service', 'web'])
  const names = new Set((await webPods()).map(({ metadata }) => metadata.name))
  for (const pod of ['shell-1', 'shell-2']) {
    for (const host of [service.spec.clusterIP, 'web', 'web.e2e-network', 'web.e2e-network.svc.cluster.local']) {
      expect(names).toContain(await fetchFrom(pod, `http://${host}/cgi-bin/hostname`))
    }
  }
  // Each of six is as likely: with so many attempts none is left out by chance.
  const script = `for i in $(seq 150); do wget -qO- http://${service.spec.clusterIP}/cgi-bin/hostname; done`
  const answers = (await kubectl.run(['exec', 'shell-1', '--', 'sh', '-c', script])).trim().split('\n')
  expect(new Set(answers)).toEqual(names)
})

test('a pod reaches itself through its own Service', async () => {
  const [pod] = await webPods()
  const script = 'for i in $(seq 120); do timeout 10 wget -qO- http://web/cgi-bin/hostname; done'
  const answers = (await kubectl.run(['exec', pod?.metadata.name ?? '', '--', 'sh', '-c', script])).trim().split('\n')
  expect(answers).toHaveLength(120)
  expect(answers).toContain(pod?.metadata.name)
})

test('the NodePort answers on both node addresses from outside', async () => {
  const service = await kubectl.json<Service>(['get', 'service', 'web'])
  const port = service.spec.ports?.[0]?.nodePort
  for (const address of nodeAddresses) {
    const { stdout } = await run('busybox', ['wget', '-qO-', `http://${address}:${port}/cgi-bin/hostname`])
    expect(stdout).toMatch(/^web-/)
  }
})

test('a killed pod is replaced and the Service skips it', async () => {
  const [victim] = await webPods()
  await kubectl.run(['delete', 'pod', victim?.metadata.name ?? '', '--grace-period=0', '--force'])
  const script = 'for i in $(seq 40); do timeout 3 wget -qO- http://web/cgi-bin/hostname || echo failed; done'
  await eventually(async () => (await webPods()).length === 6)
  // The rules of the nodes follow a moment behind the pods.
  await eventually(async () => {
    const answers = (await kubectl.run(['exec', 'shell-2', '--', 'sh', '-c', script])).trim().split('\n')
    expect(answers).not.toContain(victim?.metadata.name)
    expect(answers).not.toContain('failed')
    return true
  })
})

test('DNS answers what it should and nothing else', async () => {
  const lookup = async (name: string, type = 'a'): Promise<string> =>
    await kubectl.run(['exec', 'shell-1', '--', 'sh', '-c', `nslookup -type=${type} ${name} 10.96.0.10 || true`])
  expect(await lookup('kubernetes.default.svc.cluster.local')).toContain('10.96.0.1')
  expect(await lookup('absent.default.svc.cluster.local')).toContain('NXDOMAIN')
  const [pod] = await webPods()
  const dashed = pod?.status.podIP?.replaceAll('.', '-')
  expect(await lookup(`${dashed}.e2e-network.pod.cluster.local`)).toContain(pod?.status.podIP)
})

test('annotations limit what a pod receives and sends', async () => {
  const annotations = { 'kubernetes.io/ingress-bandwidth': '16M', 'kubernetes.io/egress-bandwidth': '8M' }
  const overrides = JSON.stringify({ metadata: { annotations }, spec: { nodeName: nodeNames[0] } })
  const queues = async (): Promise<readonly unknown[]> => {
    const all: readonly { kind: string; dev: string; options: { rate?: number } }[] = JSON.parse(
      await onNode(nodeNames[0], 'tc', '-json', 'qdisc', 'show'),
    )
    return all
      .filter(({ kind }) => kind === 'tbf')
      .map(({ dev, options }) => [/^(veth|bwp)/.exec(dev)?.[0], options.rate])
  }
  expect(await queues()).toEqual([])
  await kubectl.run(['run', 'limited', `--image=${webImage}`, `--overrides=${overrides}`])
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/limited', '--timeout=60s'])
  // Bytes a second: towards the pod on its veth, and from it on a device of its own.
  expect(new Map((await queues()) as [string, number][])).toEqual(
    new Map([
      ['veth', 2_000_000],
      ['bwp', 1_000_000],
    ]),
  )
  const { status } = await kubectl.json<Pod>(['get', 'pod', 'limited'])
  expect(await fetchFrom('shell-2', `http://${status.podIP}/cgi-bin/hostname`)).toBe('limited')
  await kubectl.run(['delete', 'pod', 'limited', '--grace-period=1', '--wait=true'])
  await eventually(async () => (await queues()).length === 0)
})
