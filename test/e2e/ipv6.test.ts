/** A cluster with IPv6 alone: packets to pods, Services, names and from outside, policies, and what kubectl does. */
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Node, Pod, Service } from '../../api/core/v1.ts'
import { run } from '../../component-base/exec.ts'
import {
  eventually,
  type Kubectl,
  nodeNames,
  onNode,
  shellImage,
  startCluster,
  stopCluster,
  testNamespace,
  webImage,
} from './cluster.ts'

const nodeAddresses = ['fd00:172:31:240::11', 'fd00:172:31:240::12']
let kubectl: Kubectl
let service: Service
let pods: readonly Pod[]

/** One cluster at a time has this machine. */
beforeAll(async () => {
  await stopCluster()
  await startCluster('--ip-family', 'ipv6', '--proxy-mode', 'nftables')
  kubectl = (await testNamespace('e2e-ipv6')).kubectl
  await kubectl.run(['create', 'deployment', 'web', `--image=${webImage}`, '--replicas=4'])
  await kubectl.run(['expose', 'deployment', 'web', '--port=80', '--type=LoadBalancer'])
  await kubectl.run(['create', 'ingress', 'web', '--rule=web.example/*=web:80'])
  for (const node of nodeNames) {
    const overrides = JSON.stringify({ spec: { nodeName: node } })
    const name = `shell-${node.at(-1)}`
    await kubectl.run(['run', name, `--image=${shellImage}`, `--overrides=${overrides}`, '--', 'sleep', '100000'])
  }
  await kubectl.run(['rollout', 'status', 'deployment/web', '--timeout=120s'])
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/shell-1', 'pod/shell-2', '--timeout=120s'])
  service = await kubectl.json<Service>(['get', 'service', 'web'])
  pods = (await kubectl.json<{ items: readonly Pod[] }>(['get', 'pods', '-l', 'app=web'])).items
})

afterAll(async () => {
  await stopCluster()
})

const page = '/cgi-bin/hostname'
const url = (host: string, port = 80): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}${page}`

async function fetchFrom(pod: string, from: string): Promise<string> {
  return (await kubectl.run(['exec', pod, '--', 'timeout', '10', 'wget', '-qO-', from])).trim()
}

async function fetchOutside(from: string, ...headers: string[]): Promise<string> {
  const { stdout } = await run('busybox', ['wget', ...headers.flatMap((one) => ['--header', one]), '-qO-', from])
  return stdout.trim()
}

test('nodes, pods and Services have addresses of IPv6 alone', async () => {
  const { items } = await kubectl.json<{ items: readonly Node[] }>(['get', 'nodes'])
  const own = items.map(({ status }) => status.addresses?.filter(({ type }) => type === 'InternalIP'))
  expect(own).toEqual(nodeAddresses.map((address) => [{ type: 'InternalIP', address }]))
  expect(new Set(pods.map(({ spec }) => spec.nodeName))).toEqual(new Set(nodeNames))
  for (const { status } of pods) expect(status.podIPs).toEqual([{ ip: expect.stringMatching(/^fd00:10:244:/) }])
  expect(service.spec).toMatchObject({ ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' })
})

test('a pod reaches a pod of the other node through the VXLAN device', async () => {
  const far = pods.find(({ spec }) => spec.nodeName === nodeNames[1])
  const packets = async (): Promise<number> => {
    const [link] = JSON.parse(await onNode(nodeNames[0], 'ip', '-j', '-s', 'link', 'show', 'flannel-v6.1'))
    return link.stats64.tx.packets
  }
  const before = await packets()
  expect(await fetchFrom('shell-1', url(far?.status.podIP ?? ''))).toBe(far?.metadata.name)
  expect(await packets()).toBeGreaterThan(before)
})

test('the ClusterIP and the name answer from both nodes, every replica is reached, and a pod reaches itself', async () => {
  const names = new Set(pods.map(({ metadata }) => metadata.name))
  for (const pod of ['shell-1', 'shell-2']) {
    for (const host of [service.spec.clusterIP ?? '', 'web', 'web.e2e-ipv6.svc.cluster.local'])
      expect(names).toContain(await fetchFrom(pod, url(host)))
  }
  const script = `for i in $(seq 60); do wget -qO- ${url('web')}; done`
  const [{ metadata } = { metadata: { name: '' } }] = pods
  const answers = (await kubectl.run(['exec', metadata.name, '--', 'sh', '-c', script])).trim().split('\n')
  expect(new Set(answers)).toEqual(names)
})

test('node port, load balancer and ingress answer from outside', async () => {
  for (const address of nodeAddresses)
    expect(await fetchOutside(url(address, service.spec.ports?.[0]?.nodePort))).toMatch(/^web-/)
  const addressOf = async (kind: string): Promise<string> =>
    await eventually(async () => {
      const path = '-o=jsonpath={.status.loadBalancer.ingress[0].ip}'
      return (await kubectl.run(['get', kind, 'web', path])) || undefined
    })
  const balancer = await addressOf('service')
  expect(balancer).toMatch(/^fd00:172:31:240::2/)
  expect(await eventually(async () => await fetchOutside(url(balancer)))).toMatch(/^web-/)
  const ingress = await addressOf('ingress')
  expect(await eventually(async () => await fetchOutside(url(ingress), 'Host: web.example'))).toMatch(/^web-/)
})

test('DNS has an address of IPv6, none of IPv4, and the name of the address', async () => {
  const lookup = async (type: string, name: string): Promise<string> =>
    (await run('dig', ['+short', type, name, `@${nodeAddresses[0]}`])).stdout.trim()
  const name = 'web.e2e-ipv6.svc.cluster.local'
  expect(await lookup('AAAA', name)).toBe(service.spec.clusterIP)
  expect(await lookup('A', name)).toBe('')
  expect((await run('dig', ['+short', '-x', service.spec.clusterIP ?? '', `@${nodeAddresses[1]}`])).stdout.trim()).toBe(
    `${name}.`,
  )
})

test('a NetworkPolicy lets in whom it names, and nobody else', async () => {
  const isRefused = async (pod: string): Promise<boolean> =>
    await kubectl.run(['exec', pod, '--', 'timeout', '3', 'wget', '-qO-', url(service.spec.clusterIP ?? '')]).then(
      () => false,
      () => true,
    )
  const ingress = [{ from: [{ podSelector: { matchLabels: { run: 'shell-2' } } }] }]
  const policy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'web' },
    spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress },
  }
  expect(await isRefused('shell-1')).toBe(false)
  await kubectl.run(['apply', '-f', '-'], JSON.stringify(policy))
  await eventually(async () => await isRefused('shell-1'))
  expect(await isRefused('shell-2')).toBe(false)
  await kubectl.run(['delete', 'networkpolicy', 'web'])
  await eventually(async () => !(await isRefused('shell-1')))
})

test('kubectl reads logs, forwards ports and goes through the proxies of pods, Services and nodes', async () => {
  const [{ metadata } = { metadata: { name: '' } }] = pods
  await kubectl.run(['logs', metadata.name])
  const space = '/api/v1/namespaces/e2e-ipv6'
  expect((await kubectl.run(['get', '--raw', `${space}/pods/${metadata.name}/proxy${page}`])).trim()).toBe(
    metadata.name,
  )
  expect(await kubectl.run(['get', '--raw', `${space}/services/web/proxy${page}`])).toMatch(/^web-/)
  expect(await kubectl.run(['get', '--raw', `/api/v1/nodes/${nodeNames[1]}/proxy/healthz`])).toBe('ok')
  const forwarding = kubectl.spawn(['port-forward', '--address=::1', `pod/${metadata.name}`, ':80'])
  const ended = once(forwarding, 'exit')
  try {
    const port = await new Promise<number>((resolve, reject) => {
      let said = ''
      // Read on to the end: kubectl ends when nobody reads what it says.
      forwarding.stdout?.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        const [, found] = /\]:(\d+) ->/.exec(said) ?? []
        if (found !== undefined) resolve(Number(found))
      })
      forwarding.once('exit', () => reject(new Error(`kubectl port-forward ended: ${said}`)))
    })
    expect(await fetchOutside(url('::1', port))).toBe(metadata.name)
  } finally {
    forwarding.kill('SIGKILL')
    await ended
  }
})
