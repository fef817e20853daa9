/**
 * New pods through the real CNI plugin and kube-proxy's handshake, on a node whose kernel shows bridged packets to no
 * rules: the pods are covered when ADD ends, also against each other.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../component-base/clock.ts'
import { run } from '../../component-base/exec.ts'
import { silentLogger } from '../../component-base/logger.ts'
import { createNftablesApplier } from '../../kube-proxy/policy/apply/nftables.ts'
import { Enforcer } from '../../kube-proxy/policy/enforcer.ts'
import { serveHandshake } from '../../kube-proxy/policy/handshake.ts'
import { namespaceObject, podObject, policyObject } from './cluster.ts'
import type { OraclePod } from './oracle.ts'

const stop = new AbortController()
const tag = randomBytes(3).toString('hex')
const host = `np${tag}h`
const letters = ['a', 'b', 'c'] as const
const netns = (letter: string): string => `np${tag}${letter}`
let folder = ''
let serving: Promise<void>

const enforcer = new Enforcer({
  nodeName: 'node-1',
  appliers: (['ip', 'ip6'] as const).map((family) =>
    createNftablesApplier({ family, namespace: host, clock: systemClock }),
  ),
  observe: () => {},
  remember: async () => {},
  clock: systemClock,
  logger: silentLogger,
})

/** As the API knows a pod that was bound a moment ago: without an address. */
function boundPod(letter: string) {
  const pod: OraclePod = { namespace: 'x', name: letter, labels: { pod: letter }, ips: [], node: 'node-1', ports: [] }
  return podObject(pod)
}

async function inside(where: string, ...command: readonly string[]): Promise<string> {
  return (await run('ip', ['netns', 'exec', where, ...command])).stdout
}

async function call(command: 'ADD' | 'DEL', letter: string, prevResult?: unknown): Promise<unknown> {
  const config = {
    ...{ cniVersion: '1.1.0', name: 'pods', type: 'bridge', bridge: 'cni0', isDefaultGateway: true, hairpinMode: true },
    policySocket: join(folder, 'policy.sock'),
    ipam: {
      ...{ type: 'host-local', dataDir: join(folder, 'networks') },
      ranges: [[{ subnet: '10.244.9.0/24' }], [{ subnet: 'fd00:10:244:9::/64' }]],
    },
    ...(prevResult === undefined ? {} : { prevResult }),
  }
  const child = spawn('ip', ['netns', 'exec', host, process.execPath, join(folder, 'cni.mjs'), 'bridge'], {
    env: {
      ...{ PATH: process.env['PATH'] ?? '', CNI_COMMAND: command, CNI_PATH: folder, CNI_IFNAME: 'eth0' },
      ...{ CNI_CONTAINERID: `c-${letter}`, CNI_NETNS: `/run/netns/${netns(letter)}` },
      CNI_ARGS: `K8S_POD_NAMESPACE=x;K8S_POD_NAME=${letter};K8S_POD_UID=x-${letter}`,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(JSON.stringify(config))
  const answer = await text(child.stdout)
  return answer === '' ? {} : JSON.parse(answer)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'np-'))
  const main = new URL('../../cni/main.ts', import.meta.url).pathname
  await build({ entryPoints: [main], outfile: join(folder, 'cni.mjs'), bundle: true, platform: 'node', format: 'esm' })
  for (const name of [host, ...letters.map(netns)]) await run('ip', ['netns', 'add', name])
  for (const tables of ['iptables', 'ip6tables']) {
    // A kernel without br_netfilter has no such setting, which is the same.
    await inside(host, 'sysctl', '-qw', `net.bridge.bridge-nf-call-${tables}=0`).catch(() => '')
  }
  enforcer.setNamespace(namespaceObject('x', {}))
  for (const letter of letters) enforcer.setPod(boundPod(letter))
  enforcer.setPolicy(
    policyObject({
      ...{ namespace: 'x', name: 'only-from-a' },
      spec: {
        podSelector: { matchLabels: { pod: 'b' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'a' } } }] }],
      },
    }),
  )
  serving = serveHandshake(
    join(folder, 'policy.sock'),
    async (claim, signal) => {
      enforcer.claim(claim, boundPod(claim.name))
      await enforcer.enforce(signal)
      return { result: 'enforced', isolate: true }
    },
    silentLogger,
    stop.signal,
  ).catch(() => undefined)
})

afterAll(async () => {
  stop.abort(new Error('test is over'))
  await serving
  for (const name of [host, ...letters.map(netns)]) await run('ip', ['netns', 'delete', name])
  await rm(folder, { recursive: true, force: true })
})

type Added = { readonly ips: readonly { readonly address: string }[] }

/** Until it answers; `attempts` pings of a second at most. */
async function reaches(from: string, ip: string, attempts: number): Promise<boolean> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const answered = await inside(netns(from), 'busybox', 'ping', '-c', '1', '-W', '1', ip).then(
      () => true,
      () => false,
    )
    if (answered) return true
  }
  return false
}

test('pods are covered when ADD ends, also between neighbours on a bridge that rules do not see', async () => {
  const added = new Map<string, Added>()
  for (const letter of letters) added.set(letter, (await call('ADD', letter)) as Added)
  const ipsOf = (letter: string) => (added.get(letter)?.ips ?? []).map(({ address }) => address.split('/')[0] ?? '')
  const table = await inside(host, 'nft', 'list', 'ruleset')
  for (const ip of ipsOf('b')) expect(table).toContain(`${ip} : jump KUBE-NWPLCY-`)

  const ways = [
    { from: 'a', to: 'b', isOpen: true },
    { from: 'c', to: 'b', isOpen: false },
    { from: 'b', to: 'c', isOpen: true },
    { from: 'a', to: 'c', isOpen: true },
  ] as const
  for (const { from, to, isOpen } of ways) {
    // A new bridge looks for duplicates of its IPv6 addresses before it answers for neighbours.
    const attempts = isOpen ? 8 : 2
    const answers = await Promise.all(ipsOf(to).map(async (ip) => await reaches(from, ip, attempts)))
    expect(answers, `${from} to ${to}`).toEqual([isOpen, isOpen])
  }

  expect(await inside(host, 'ip', '-6', 'neighbour', 'show', 'proxy')).toContain(ipsOf('a')[1])
  for (const letter of letters) await call('DEL', letter, added.get(letter))
  expect((await inside(host, 'ip', '-6', 'neighbour', 'show', 'proxy')).trim()).toBe('')
})
