/** `kubets trace --live`: what it says of packets is what becomes of them, and kernel and rendered rules say the same. */
import { setMaxListeners } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Service } from '../../api/core/v1.ts'
import { traceCommand } from '../../kubets/trace/command.ts'
import type { TraceResult } from '../../kubets/trace/result.ts'
import {
  eventually,
  type Kubectl,
  kubeconfig,
  nodeAddresses,
  nodeNames,
  onNode,
  shellImage,
  testNamespace,
  webImage,
} from './cluster.ts'

const namespace = 'e2e-trace'
const { signal } = new AbortController()
setMaxListeners(0, signal)
let kubectl: Kubectl
let remove: () => Promise<void>

type Answer = { readonly exitCode: number; readonly output: string; readonly complaint: string }

async function trace(...argv: readonly string[]): Promise<Answer> {
  let [output, complaint] = ['', '']
  const io = {
    env: { KUBECONFIG: kubeconfig },
    write: (text: string) => {
      output += text
    },
    complain: (text: string) => {
      complaint += text
    },
  }
  const exitCode = await traceCommand(['-n', namespace, ...argv], io, signal)
  return { exitCode, output, complaint }
}

/** Live, by the kernel's rules and by rendered ones. */
async function traceLive(...argv: readonly string[]): Promise<TraceResult> {
  const { output, complaint } = await trace(...argv, '--live', '--source', 'both', '-o', 'json')
  expect(complaint).toBe('')
  return JSON.parse(output)
}

function pod(name: string, node: string, image: string): object {
  const command = image === shellImage ? { command: ['sleep', '100000'] } : {}
  const ports = image === webImage ? { ports: [{ name: 'http', containerPort: 80 }] } : {}
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name.replace(/-\d$/, '') } } },
    spec: {
      nodeName: node,
      containers: [{ name: 'main', image, ...command, ...ports }],
      terminationGracePeriodSeconds: 0,
    },
  }
}

function service(name: string, type: string): object {
  const spec = { type, selector: { app: name }, ports: [{ name: 'http', port: 80 }] }
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec }
}

beforeAll(async () => {
  const space = await testNamespace(namespace)
  kubectl = space.kubectl
  remove = space.remove
  const [near, far] = nodeNames
  const items = [
    ...[pod('shell', near, shellImage), pod('web-1', near, webImage), pod('web-2', far, webImage)],
    pod('closed', far, webImage),
    ...[service('web', 'NodePort'), service('empty', 'ClusterIP')],
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'only-web' },
      spec: {
        podSelector: { matchLabels: { app: 'closed' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 'http' }] }],
      },
    },
  ]
  await kubectl.run(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  await kubectl.run(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s'])
  // The rules of both nodes have the Service and the policy.
  await eventually(async () => {
    const answers = [
      await trace('shell', 'svc/web', '--source', 'both'),
      await trace('shell', 'closed', '--source', 'both'),
    ]
    return answers.every(
      ({ output }) =>
        output.includes('kernel and rendered agree') && output.includes('web-2') !== output.includes('closed'),
    )
  })
})

afterAll(async () => await remove())

test('a pod reaches a pod of the other node through the tunnel, with its own address', async () => {
  const result = await traceLive('shell', 'web-2')
  expect(result).toMatchObject({ outcome: 'delivered', endedAt: nodeNames[1], differences: [] })
  expect(result.receiver).toMatchObject({ label: `pod ${namespace}/web-2`, sees: result.from.ip })
  expect(result.hops.map(({ node }) => node)).toEqual(nodeNames)
  expect(result.hops[0]?.encapsulation).toMatchObject({ from: nodeAddresses[0], to: nodeAddresses[1] })
  expect(result.live).toMatchObject({ probe: 'answered', agrees: true, sentTo: { ip: result.to.ip } })
})

test('a pod reaches a Service, at the endpoint where the probe really went', async () => {
  const result = await traceLive('shell', 'svc/web')
  expect(result).toMatchObject({ outcome: 'delivered', differences: [], live: { probe: 'answered', agrees: true } })
  expect(result.candidates.map(({ pod: name, probability }) => `${name} ${probability}`).toSorted()).toEqual([
    `${namespace}/web-1 0.5`,
    `${namespace}/web-2 0.5`,
  ])
  expect(result.live?.sentTo?.ip).toBe(result.receiver.ip)
  expect(result.back.map(({ what }) => what).join()).toContain(`translated back from ${result.to.ip}:80`)
})

test('a node reaches a Service, masqueraded', async () => {
  const result = await traceLive(`node/${nodeNames[0]}`, 'svc/web:http')
  expect(result).toMatchObject({ outcome: 'delivered', differences: [], live: { probe: 'answered', agrees: true } })
  expect(result.live?.seenFrom).toBe(result.receiver.sees)
})

test('the outside reaches a node port, masqueraded by the node that it came to', async () => {
  const { spec } = await kubectl.json<Service>(['get', 'service', 'web'])
  const result = await traceLive('172.31.240.1', `${nodeAddresses[1]}:${spec.ports?.[0]?.nodePort}`)
  expect(result).toMatchObject({ outcome: 'delivered', differences: [], live: { probe: 'answered', agrees: true } })
  expect(result.hops[0]).toMatchObject({ node: nodeNames[1], masqueradedAs: result.live?.seenFrom })
})

test('a Service without endpoints refuses', async () => {
  const result = await traceLive('shell', 'svc/empty')
  expect(result).toMatchObject({ outcome: 'refused', endedAt: nodeNames[0], differences: [] })
  expect(result.live).toMatchObject({ probe: 'refused', agrees: true })
  expect((await trace('shell', 'svc/empty')).exitCode).toBe(1)
})

test('a NetworkPolicy drops on the node of the pod that it selects, and lets through whom it allows', async () => {
  const denied = await traceLive('shell', 'closed:http')
  expect(denied).toMatchObject({ outcome: 'dropped', endedAt: nodeNames[1], live: { probe: 'silent', agrees: true } })
  expect(denied.hops[1]?.policies).toEqual([
    { direction: 'ingress', result: 'denied', policies: [`${namespace}/only-web`] },
  ])
  const allowed = await traceLive('web-1', 'closed:http')
  expect(allowed).toMatchObject({ outcome: 'delivered', differences: [], live: { probe: 'answered', agrees: true } })
  expect(allowed.hops[1]?.policies).toEqual([
    { direction: 'ingress', result: 'allowed', policies: [`${namespace}/only-web`] },
  ])
})

test('DNS over UDP is answered by one of its endpoints', async () => {
  const result = await traceLive('shell', 'svc/kube-system/kube-dns:dns')
  expect(result).toMatchObject({ to: { protocol: 'udp', port: 53 }, outcome: 'delivered', differences: [] })
  expect(result.live).toMatchObject({ probe: 'answered', agrees: true })
})

test('a wrong question gets exit code 2 and the words of kubectl', async () => {
  expect(await trace('absent', 'svc/web')).toEqual({
    ...{ exitCode: 2, output: '' },
    complaint: 'Error from server (NotFound): pods "absent" not found\n',
  })
  expect(await trace('shell', 'web-2:metrics')).toMatchObject({
    complaint: "error: Pod 'web-2' does not have a named port 'metrics'\n",
  })
})

test('nothing is left behind on the nodes', async () => {
  const rules = async () => (await onNode(nodeNames[0], 'nft', 'list', 'tables')).trim()
  const before = await rules()
  await traceLive('shell', 'web-1')
  expect(await rules()).toBe(before)
})
