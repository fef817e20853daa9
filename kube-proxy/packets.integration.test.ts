/**
 * Real packets through real rules: a node, two pods on its bridge, and a client outside, each a network namespace.
 *
 *   kpx-client 172.30.9.1 ── 172.30.9.11 kpx-node ── cni0 10.251.0.1/24 ── kpx-a 10.251.0.5, kpx-b 10.251.0.6
 */
import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ExecError, run } from '../component-base/exec.ts'
import { createIptables } from '../netfilter/iptables.ts'
import { Applier } from './iptables/applier.ts'
import { baseJumps } from './iptables/base.ts'
import { cleanUp } from './iptables/cleanup.ts'
import { defaultOptions, planFor, type ServiceOptions } from './testing.ts'

const { signal } = new AbortController()
const [node, podA, podB, client] = ['kpx-node', 'kpx-a', 'kpx-b', 'kpx-client'] as const
const nodeIp = '172.30.9.11'
const options = {
  ...defaultOptions,
  nodeIps: [nodeIp],
  localDetector: { isLocal: '-s 10.251.0.0/16', isNotLocal: '! -s 10.251.0.0/16' },
}
const iptables = createIptables('ip', { namespace: node })
const applier = new Applier(iptables)
const stops: (() => void)[] = []
const a = { ip: '10.251.0.5' }
const b = { ip: '10.251.0.6' }

async function inside(namespace: string, ...command: readonly string[]): Promise<string> {
  const { stdout } = await run('ip', ['netns', 'exec', namespace, ...command], { signal, timeoutMs: 20_000 })
  return stdout.trim()
}

/** What the server says (`name clientIp`), or `refused` or `silent`. */
async function ask(from: string, address: string, protocol = 'TCP'): Promise<string> {
  try {
    const target = `${protocol}:${address}${protocol === 'TCP' ? ',connect-timeout=1' : ''}`
    const { stdout } = await run('ip', ['netns', 'exec', from, 'socat', '-T1', '-', target], {
      input: 'hello\n',
      signal,
      timeoutMs: 5_000,
    })
    return stdout.trim() === '' ? 'silent' : stdout.trim()
  } catch (error) {
    if (!(error instanceof ExecError)) throw error
    return error.stderr.includes('refused') ? 'refused' : 'silent'
  }
}

async function serve(services: readonly ServiceOptions[]): Promise<void> {
  await applier.apply(planFor(services, options), baseJumps(options), signal)
}

function listen(namespace: string, name: string, protocol: 'TCP' | 'UDP'): void {
  const address = `${protocol}4-LISTEN:8080,fork,reuseaddr`
  const child = spawn('ip', [
    'netns',
    'exec',
    namespace,
    'socat',
    address,
    `SYSTEM:read line; echo ${name} $SOCAT_PEERADDR`,
  ])
  stops.push(() => child.kill('SIGKILL'))
}

async function removeNamespaces(): Promise<void> {
  for (const name of [node, podA, podB, client]) {
    // Left over from a run that was killed, or not there at all.
    await run('ip', ['netns', 'delete', name], { signal }).catch(() => undefined)
  }
}

beforeAll(async () => {
  await removeNamespaces()
  const commands = [
    ...[node, podA, podB, client].flatMap((name) => [`netns add ${name}`, `-n ${name} link set lo up`]),
    `-n ${node} link add cni0 type bridge`,
    `-n ${node} address add 10.251.0.1/24 dev cni0`,
    `-n ${node} link set cni0 up`,
    ...[podA, podB].flatMap((name, index) => [
      `-n ${node} link add veth${index} type veth peer name eth0 netns ${name}`,
      `-n ${node} link set veth${index} master cni0 up`,
      // The bridge must send a packet back where it came from, for a pod that reaches itself.
      `-n ${node} link set veth${index} type bridge_slave hairpin on`,
      `-n ${name} address add 10.251.0.${5 + index}/24 dev eth0`,
      `-n ${name} link set eth0 up`,
      `-n ${name} route add default via 10.251.0.1`,
    ]),
    `-n ${node} link add eth0 type veth peer name eth0 netns ${client}`,
    `-n ${node} address add ${nodeIp}/24 dev eth0`,
    `-n ${node} link set eth0 up`,
    // Without a route to Service addresses a packet is lost before its destination is translated.
    `-n ${node} route add default via 172.30.9.1`,
    `-n ${client} address add 172.30.9.1/24 dev eth0`,
    `-n ${client} link set eth0 up`,
    `-n ${client} route add default via ${nodeIp}`,
  ]
  for (const command of commands) await run('ip', command.split(' '), { signal })
  for (const setting of ['net.ipv4.ip_forward=1', 'net.ipv4.conf.all.route_localnet=1']) {
    await inside(node, 'sysctl', '-qw', setting)
  }
  listen(podA, 'a', 'TCP')
  listen(podB, 'b', 'TCP')
  listen(podA, 'a', 'UDP')
  for (const pod of [a, b]) {
    for (let attempt = 0; attempt < 50 && !/^[ab]/.test(await ask(node, `${pod.ip}:8080`)); attempt += 1) {
      await delay(100)
    }
  }
})

afterAll(async () => {
  for (const stop of stops) stop()
  await removeNamespaces()
})

test('a pod reaches a pod of the same node through the cluster IP with its own address', async () => {
  await serve([{ name: 'web', endpoints: [a] }])
  expect(await ask(podB, '10.96.0.1:80')).toBe('a 10.251.0.6')
})

test('a pod reaches itself through the cluster IP', async () => {
  await serve([{ name: 'web', endpoints: [a] }])
  expect(await ask(podA, '10.96.0.1:80')).toBe('a 10.251.0.1')
})

test('the node and the outside reach the cluster IP, masqueraded', async () => {
  await serve([{ name: 'web', endpoints: [a] }])
  expect(await ask(node, '10.96.0.1:80')).toMatch(/^a 10\.251\.0\.1$/)
  expect(await ask(client, '10.96.0.1:80')).toBe('a 10.251.0.1')
})

test('all endpoints get their share', async () => {
  await serve([{ name: 'web', endpoints: [a, b] }])
  const answers = new Set<string>()
  for (let count = 0; count < 40 && answers.size < 2; count += 1)
    answers.add((await ask(client, '10.96.0.1:80')).slice(0, 1))
  expect([...answers].toSorted()).toEqual(['a', 'b'])
})

test('a cluster IP without endpoints refuses at once', async () => {
  await serve([{ name: 'web' }])
  expect(await ask(podB, '10.96.0.1:80')).toBe('refused')
  expect(await ask(node, '10.96.0.1:80')).toBe('refused')
})

test('a node port answers on the address of the node and on localhost', async () => {
  await serve([{ name: 'web', nodePort: 30080, spec: { type: 'NodePort' }, endpoints: [a] }])
  expect(await ask(client, `${nodeIp}:30080`)).toBe('a 10.251.0.1')
  expect(await ask(node, '127.0.0.1:30080')).toBe('a 10.251.0.1')
  expect(await ask(podB, `${nodeIp}:30080`)).toMatch(/^a /)
})

test('external policy Local keeps the address of the client, and drops where no endpoint is', async () => {
  const spec = { type: 'NodePort', externalTrafficPolicy: 'Local' } as const
  await serve([{ name: 'web', nodePort: 30080, spec, endpoints: [a] }])
  expect(await ask(client, `${nodeIp}:30080`)).toBe('a 172.30.9.1')
  await serve([{ name: 'web', nodePort: 30080, spec, endpoints: [{ ...a, node: 'other' }] }])
  expect(await ask(client, `${nodeIp}:30080`)).toBe('silent')
})

test('session affinity sends a client to the same endpoint', async () => {
  await serve([{ name: 'web', spec: { sessionAffinity: 'ClientIP' }, endpoints: [a, b] }])
  const first = await ask(client, '10.96.0.1:80')
  for (let count = 0; count < 12; count += 1) expect(await ask(client, '10.96.0.1:80')).toBe(first)
})

test('a load balancer address lets listed sources through only', async () => {
  const loadBalancer = (range: string): ServiceOptions => ({
    name: 'web',
    spec: { type: 'LoadBalancer', loadBalancerSourceRanges: [range] },
    loadBalancerIps: ['198.51.100.9'],
    endpoints: [a],
  })
  await serve([loadBalancer('172.30.9.0/24')])
  expect(await ask(client, '198.51.100.9:80')).toMatch(/^a /)
  await serve([loadBalancer('192.0.2.0/24')])
  expect(await ask(client, '198.51.100.9:80')).toBe('silent')
})

test('UDP reaches the endpoint', async () => {
  await serve([{ name: 'udp', protocol: 'UDP', endpoints: [a] }])
  expect(await ask(podB, '10.96.0.1:80', 'UDP')).toBe('a 10.251.0.6')
})

test('Applier removes chains of an earlier life and leaves rules of others alone', async () => {
  await inside(node, 'iptables', '-t', 'nat', '-N', 'KUBE-SVC-AAAAAAAAAAAAAAAA')
  await inside(node, 'iptables', '-t', 'nat', '-N', 'FOREIGN')
  await inside(node, 'iptables', '-t', 'nat', '-A', 'PREROUTING', '-j', 'FOREIGN')
  const blocks = planFor([{ name: 'web', endpoints: [a] }], options)
  // A new process does not know what the one before it has written.
  const reborn = new Applier(iptables)
  expect((await reborn.apply(blocks, baseJumps(options), signal)).type).toBe('full')
  expect((await reborn.apply(blocks, baseJumps(options), signal)).type).toBe('none')
  const saved = await inside(node, 'iptables-save', '-t', 'nat')
  expect(saved).not.toContain('KUBE-SVC-AAAAAAAAAAAAAAAA')
  expect(saved).toContain('-A PREROUTING -j FOREIGN')
  expect(saved.match(/-A PREROUTING .*-j KUBE-SERVICES/g)).toHaveLength(1)
})

test('Applier notices that the tables were flushed, and cleanUp() leaves nothing of ours', async () => {
  expect(await applier.isFlushed(signal)).toBe(false)
  await cleanUp(iptables, baseJumps(options), signal)
  expect(await applier.isFlushed(signal)).toBe(true)
  const saved = await inside(node, 'iptables-save')
  expect(saved.match(/KUBE-(?!FIREWALL)\S+/g)).toBeNull()
  expect(saved).toContain('-A PREROUTING -j FOREIGN')
})
