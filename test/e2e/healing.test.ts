/** Each program is killed in turn under a running workload: the cluster heals, no pod restarts, traffic goes on. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Pod } from '../../api/core/v1.ts'
import { ExecError } from '../../component-base/exec.ts'
import { eventually, type Kubectl, programPids, shellImage, startCluster, testNamespace, webImage } from './cluster.ts'

let k: Kubectl
let remove: () => Promise<void>
let before: readonly string[] = []

async function containers(): Promise<readonly string[]> {
  const { items } = await k.json<{ items: readonly Pod[] }>(['get', 'pods'])
  return items
    .flatMap(({ status }) => status.containerStatuses ?? [])
    .map(({ containerID, restartCount }) => `${containerID} ${restartCount}`)
    .toSorted()
}

beforeAll(async () => {
  const space = await testNamespace('e2e-healing')
  k = space.kubectl
  remove = space.remove
  await k.run(['create', 'deployment', 'web', `--image=${webImage}`, '--replicas=4'])
  await k.run(['expose', 'deployment', 'web', '--port=80'])
  await k.run(['rollout', 'status', 'deployment/web', '--timeout=90s'])
  const ip = (await k.run(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}'])).trim()
  const loop = `while true; do timeout 5 wget -qO- http://${ip}/ >/dev/null && echo ok || echo failed; sleep 0.1; done`
  await k.run(['run', 'client', `--image=${shellImage}`, '--', 'sh', '-c', loop])
  await k.run(['wait', '--for=condition=Ready', 'pod/client', '--timeout=60s'])
  before = await containers()
})
afterAll(async () => await remove())

const programs = [
  'scheduler',
  'controller-manager',
  'apiserver',
  'etcd',
  'kubets-node-1/kubelet',
  'kubets-node-2/kubelet',
  'kubets-node-1/kube-proxy',
  'kubets-node-2/kube-proxy',
  'kubets-node-1/flanneld',
  'kubets-node-2/flanneld',
  'kubets-node-1/dns',
  'kubets-node-1/containerd',
  'kubets-node-2/containerd',
]

for (const name of programs) {
  test(`kill -9 ${name}: it comes back, nothing restarts`, async () => {
    const pid = await eventually(async () => (await programPids()).get(name))
    process.kill(pid, 'SIGKILL')
    await eventually(async () => {
      const now = (await programPids()).get(name)
      return now !== undefined && now !== pid
    })
    // The cluster works: a new pod runs, on whichever node, and answers.
    const probe = `probe-${name.replaceAll('/', '-')}`
    await eventually(async () => {
      // An attempt whose answer was lost may have made it.
      await k.run(['run', probe, `--image=${shellImage}`, '--restart=Never', '--', 'true']).catch((error: unknown) => {
        if (!String(error instanceof ExecError ? error.stderr : error).includes('already exists')) throw error
      })
      return true
    })
    await eventually(async () => (await k.json<Pod>(['get', 'pod', probe])).status.phase === 'Succeeded', 90_000)
    await k.run(['delete', 'pod', probe, '--now'])
    await eventually(async () => {
      expect(await containers()).toEqual(before)
      return true
    })
  })
}

test('Service traffic between running pods went on all the time', async () => {
  const lines = (await k.run(['logs', 'client'])).trim().split('\n')
  expect(lines.filter((line) => line === 'ok').length).toBeGreaterThan(100)
  // flanneld's device goes with a killed flanneld: the few requests on their way to the other node then wait.
  expect(lines.filter((line) => line === 'failed').length).toBeLessThan(lines.length / 50)
})

test('kill -9 of the supervisor: a second npm start mends it and restarts nothing', async () => {
  const pids = await programPids()
  const supervisor = async (): Promise<number> =>
    Number((await readFile('/run/kubets/supervisor.pid', 'utf8')).split(' ')[0])
  const before = await supervisor()
  process.kill(before, 'SIGKILL')
  await startCluster()
  expect(await programPids()).toEqual(pids)
  expect(await supervisor()).not.toBe(before)
  const pid = pids.get('scheduler') ?? 0
  process.kill(pid, 'SIGKILL')
  await eventually(async () => ((await programPids()).get('scheduler') ?? pid) !== pid)
})
