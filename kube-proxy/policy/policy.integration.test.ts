/** Policies from the API into the kernel of a network namespace: rights, new pods, restarts, flushes, and what is left behind. */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NetworkPolicy } from '../../api/networking/v1.ts'
import { type Client, createClient } from '../../client/rest/client.ts'
import { loadKubeconfig } from '../../client/rest/kubeconfig.ts'
import { networkPolicies, pods } from '../../client/rest/resource-refs.ts'
import { awaitPolicies } from '../../cni/policy.ts'
import { CniError, errorCodes } from '../../cni/protocol.ts'
import { type Clock, systemClock } from '../../component-base/clock.ts'
import { run } from '../../component-base/exec.ts'
import { silentLogger } from '../../component-base/logger.ts'
import { startControlPlane, type TestControlPlane } from '../../test/fixtures/control-plane.ts'
import type { PolicyApplier } from './apply/applier.ts'
import { createIptablesApplier } from './apply/iptables.ts'
import { createNftablesApplier } from './apply/nftables.ts'
import { startPolicies } from './start.ts'

const never = new AbortController().signal
const tag = randomBytes(4).toString('hex')
const namespace = `kpp-${tag}`
const socketPath = join(tmpdir(), `kpp-${tag}.sock`)
/** Long waits are cut short. */
const clock: Clock = {
  now: systemClock.now,
  sleep: async (ms, signal) => await systemClock.sleep(Math.min(ms, 200), signal),
}

let plane: TestControlPlane
let admin: Client
let proxy: Client

beforeAll(async () => {
  await run('ip', ['netns', 'add', namespace])
  plane = await startControlPlane({ flags: ['--disable-admission-plugins=ServiceAccount'] })
  admin = createClient(await loadKubeconfig(plane.kubeconfig))
  proxy = createClient(await loadKubeconfig(await plane.kubeconfigFor('system:kube-proxy')))
})

afterAll(async () => {
  admin?.close()
  proxy?.close()
  await plane?.close()
  await run('ip', ['netns', 'delete', namespace])
  await rm(`${socketPath}.claims`, { force: true })
})

const kinds = {
  iptables: (family: 'ip' | 'ip6') => createIptablesApplier({ family, namespace, hasIpvs: false }),
  nftables: (family: 'ip' | 'ip6') => createNftablesApplier({ family, namespace, clock: systemClock }),
} as const

async function inside(...command: readonly string[]): Promise<string> {
  return (await run('ip', ['netns', 'exec', namespace, ...command])).stdout
}

/** Everything that the kernel holds of policies, as text. */
async function kernel(): Promise<string> {
  return `${await inside('nft', 'list', 'ruleset')}\n${await inside('ipset', 'save')}`
}

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  for (let left = 200; !(await check()); left -= 1) {
    if (left === 0) throw new Error(`in vain: ${what}`)
    await systemClock.sleep(50, never)
  }
}

/** Runs kube-proxy's part; `writes` counts what went into the kernel. */
function startProxy(kind: keyof typeof kinds) {
  const stop = new AbortController()
  const told = { writes: 0 }
  const appliers: readonly PolicyApplier[] = (['ip', 'ip6'] as const).map(kinds[kind])
  const done = startPolicies(
    {
      ...{ client: proxy, nodeName: 'node-1', appliers, socketPath, clock, logger: silentLogger },
      cleanUpOthers: async () => {},
      ...{ seesBridged: true, syncPeriodMs: 200 },
      observe: () => {
        told.writes += 1
      },
    },
    stop.signal,
  ).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  return {
    told,
    appliers,
    stop: async () => {
      stop.abort(new Error('stopped'))
      await done
    },
  }
}

async function createPod(name: string, nodeName = 'node-1'): Promise<string> {
  const { metadata } = await admin.create(
    pods,
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'default', name, labels: { app: name } },
      spec: { nodeName, containers: [{ name: 'c', image: 'web:1' }] },
    },
    never,
  )
  return metadata.uid
}

async function report(name: string, ip: string): Promise<void> {
  const body = { status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] } }
  await admin.patch(pods, { namespace: 'default', name }, { type: 'merge', body, subresource: 'status' }, never)
}

/** As the CNI plugin asks for a new pod, and again when it is told to, as a kubelet does. */
async function ask(name: string, uid: string, ip: string): Promise<void> {
  const args = { K8S_POD_NAMESPACE: 'default', K8S_POD_NAME: name, K8S_POD_UID: uid }
  for (let triesLeft = 12; ; triesLeft -= 1) {
    try {
      await awaitPolicies(socketPath, { args }, [{ address: `${ip}/24` }], never)
      return
    } catch (error) {
      if (!(error instanceof CniError) || error.code !== errorCodes.tryAgainLater || triesLeft === 0) throw error
    }
  }
}

async function createPolicy(name: string, spec: NonNullable<NetworkPolicy['spec']>): Promise<void> {
  const metadata = { namespace: 'default', name }
  await admin.create(
    networkPolicies,
    { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, spec },
    never,
  )
}

async function denyAll(): Promise<void> {
  await createPolicy('deny-all', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
}

const deleteAll = async (): Promise<void> => {
  for (const ref of [pods, networkPolicies] as const) {
    const path = ref === pods ? '/api/v1' : '/apis/networking.k8s.io/v1'
    const body = JSON.stringify({ gracePeriodSeconds: 0 })
    const headers = { 'content-type': 'application/json' }
    await admin.raw({ method: 'DELETE', path: `${path}/namespaces/default/${ref.plural}`, body, headers }, never)
  }
}

test('without the right to see policies nothing is enforced, pods start, and the right is noticed when it comes', async () => {
  const { stop } = startProxy('iptables')
  try {
    await denyAll()
    const uid = await createPod('early')
    // It answers at once: nobody has to wait for what will not come.
    await ask('early', uid, '10.244.1.4')
    expect(await kernel()).not.toContain('KUBE-NWPLCY')
    const rbac = '/apis/rbac.authorization.k8s.io/v1'
    const metadata = { name: 'kubets:network-policies' }
    const post = async (path: string, body: unknown) =>
      await admin.raw(
        {
          method: 'POST',
          path: `${rbac}/${path}`,
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        },
        never,
      )
    const rules = [
      { apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['list', 'watch'] },
      { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['list', 'watch'] },
    ]
    await post('clusterroles', { metadata, rules })
    await post('clusterrolebindings', {
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', ...metadata },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:kube-proxy' }],
    })
    await report('early', '10.244.1.4')
    await until('rules for the pod', async () => (await kernel()).includes('10.244.1.4'))
  } finally {
    await stop()
    await deleteAll()
  }
})

test.each(['iptables', 'nftables'] as const)(
  '%s: a new pod is covered before its network is complete',
  async (kind) => {
    const { stop, told, appliers } = startProxy(kind)
    try {
      await denyAll()
      const uid = await createPod('web')
      await ask('web', uid, '10.244.1.7')
      expect(await kernel()).toContain('10.244.1.7')

      // The status says later what is known already, and nothing is written.
      const { writes } = told
      await report('web', '10.244.1.7')
      await createPod('other')
      await report('other', '10.244.1.8')
      await until(
        'rules for the other pod',
        async () => (await kernel()).includes('10.244.1.8') && told.writes > writes,
      )
      expect(told.writes).toBe(writes + 1)

      // Somebody else flushes everything.
      await inside('nft', 'flush', 'ruleset')
      await until('rules again', async () => (await kernel()).includes('10.244.1.7'))

      // What vanishes leaves nothing.
      await deleteAll()
      await until('an empty kernel', async () => !(await kernel()).includes('KUBE-NWPLCY'))
    } finally {
      await stop()
      for (const applier of appliers) await applier.cleanUp(never)
      await deleteAll()
    }
  },
)

test('the first policy chooses from the pods of all nodes that were there before it', async () => {
  const { stop, appliers } = startProxy('nftables')
  try {
    const uid = await createPod('web')
    await createPod('far', 'node-2')
    await report('far', '10.244.2.5')
    // Without a policy a new pod waits for nothing, and nothing is in the kernel.
    await ask('web', uid, '10.244.1.13')
    expect(await kernel()).not.toContain('10.244.')
    await createPolicy('from-far', {
      podSelector: { matchLabels: { app: 'web' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'far' } } }] }],
      policyTypes: ['Ingress'],
    })
    await until('both addresses', async () => /10\.244\.1\.13\b/.test(await kernel()))
    expect(await kernel()).toContain('10.244.2.5')
    await createPod('far-too', 'node-2')
    await admin.patch(
      pods,
      { namespace: 'default', name: 'far-too' },
      { type: 'merge', body: { metadata: { labels: { app: 'far' } } } },
      never,
    )
    await report('far-too', '10.244.2.6')
    await until('the later address', async () => (await kernel()).includes('10.244.2.6'))
  } finally {
    await stop()
    await deleteAll()
    for (const applier of appliers) await applier.cleanUp(never)
  }
})

test('a pod that asked stays covered when kube-proxy starts anew before its status tells', async () => {
  const first = startProxy('iptables')
  await denyAll()
  const uid = await createPod('young')
  await ask('young', uid, '10.244.1.11')
  await first.stop()
  const second = startProxy('iptables')
  try {
    await createPod('other')
    await report('other', '10.244.1.12')
    await until('rules for the other pod', async () => (await kernel()).includes('10.244.1.12'))
    expect(await kernel()).toContain('10.244.1.11')
  } finally {
    await second.stop()
    await deleteAll()
    for (const applier of second.appliers) await applier.cleanUp(never)
  }
})

test('rules stay when kube-proxy stops, and the next one takes away what is not wanted any more', async () => {
  const first = startProxy('iptables')
  await denyAll()
  await createPod('web')
  await report('web', '10.244.1.9')
  await until('rules', async () => (await kernel()).includes('10.244.1.9'))
  await first.stop()
  expect(await kernel()).toContain('10.244.1.9')
  await inside('ipset', 'create', 'KUBE-NWPLCY-OLD', 'hash:ip')
  await report('web', '10.244.1.10')
  const second = startProxy('iptables')
  try {
    await until('the new address', async () => (await kernel()).includes('10.244.1.10'))
    // What is not wanted any more goes last.
    await until('no old one', async () => !/10\.244\.1\.9\b|KUBE-NWPLCY-OLD/.test(await kernel()))
    expect((await kernel()).match(/jump KUBE-NWPLCY-CHAIN/g)).toHaveLength(1)
  } finally {
    await second.stop()
    await deleteAll()
    for (const applier of second.appliers) await applier.cleanUp(never)
  }
  expect(await kernel()).not.toContain('KUBE-NWPLCY')
})
