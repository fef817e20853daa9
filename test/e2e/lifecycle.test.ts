/** `npm stop` leaves nothing behind, also after kills; `--backend host-gw` carries the same packets. */
import { access, readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { Pod } from '../../api/core/v1.ts'
import { run } from '../../component-base/exec.ts'
import {
  nodeNames,
  onNode,
  programPids,
  shellImage,
  startCluster,
  stopCluster,
  testNamespace,
  webImage,
} from './cluster.ts'

/** Names and addresses that only the cluster uses. */
const ours = /kubets0|kubets-n|172\.31\.240|\/(lib|run)\/kubets|^table ip kubets/

/** What a cluster could leave: links, namespaces, mounts, tables, cgroups, folders. */
async function traces(): Promise<readonly string[]> {
  const { stdout: links } = await run('ip', ['-o', 'link'])
  const { stdout: spaces } = await run('ip', ['netns', 'list'])
  const { stdout: routes } = await run('ip', ['route'])
  const { stdout: tables } = await run('nft', ['list', 'tables'])
  const mounts = await readFile('/proc/self/mountinfo', 'utf8')
  const folders = await Promise.all(
    ['/var/lib/kubets', '/run/kubets'].map(async (folder) =>
      access(folder).then(
        () => folder,
        () => '',
      ),
    ),
  )
  const cgroups = (await readdir('/sys/fs/cgroup', { recursive: false })).filter((name) => name === 'kubets')
  const lines = [links, spaces, routes, tables, mounts].flatMap((text) => text.split('\n'))
  return [...lines.filter((line) => ours.test(line)), ...folders, ...cgroups].filter((line) => line !== '')
}

test('npm stop leaves nothing, although programs and the supervisor were killed before', async () => {
  await startCluster()
  const { kubectl } = await testNamespace('e2e-stop')
  await kubectl.run(['run', 'stays', `--image=${shellImage}`, '--', 'sleep', '100000'])
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/stays', '--timeout=60s'])
  const [supervisor] = (await readFile('/run/kubets/supervisor.pid', 'utf8')).split(' ')
  process.kill(Number(supervisor), 'SIGKILL')
  for (const [name, pid] of await programPids())
    if (/kubelet|containerd|flanneld/.test(name)) process.kill(pid, 'SIGKILL')
  await stopCluster()
  expect(await traces()).toEqual([])
})

test('npm stop twice is harmless', async () => {
  await stopCluster()
})

test('with --backend host-gw pods of two nodes reach each other by plain routes', async () => {
  await startCluster('--backend', 'host-gw')
  const { kubectl } = await testNamespace('e2e-host-gw')
  await kubectl.run(['create', 'deployment', 'web', `--image=${webImage}`, '--replicas=6'])
  await kubectl.run(['expose', 'deployment', 'web', '--port=80'])
  await kubectl.run(['rollout', 'status', 'deployment/web', '--timeout=90s'])
  const overrides = JSON.stringify({ spec: { nodeName: nodeNames[0] } })
  await kubectl.run(['run', 'shell', `--image=${shellImage}`, `--overrides=${overrides}`, '--', 'sleep', '100000'])
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/shell', '--timeout=60s'])
  const { items } = await kubectl.json<{ items: readonly Pod[] }>(['get', 'pods', '-l', 'app=web'])
  const far = items.find(({ spec }) => spec.nodeName === nodeNames[1])
  const url = `http://${far?.status.podIP}/cgi-bin/hostname`
  expect((await kubectl.run(['exec', 'shell', '--', 'timeout', '10', 'wget', '-qO-', url])).trim()).toBe(
    far?.metadata.name,
  )
  const service = ['exec', 'shell', '--', 'timeout', '10', 'wget', '-qO-', 'http://web/cgi-bin/hostname']
  expect(await kubectl.run(service)).toMatch(/^web-/)
  expect(await onNode(nodeNames[0], 'ip', 'route')).toMatch(/10\.244\.\d+\.0\/24 via 172\.31\.240\.12 dev eth0/)
  await expect(onNode(nodeNames[0], 'ip', 'link', 'show', 'flannel0')).rejects.toThrow()
  await stopCluster()
  expect(await traces()).toEqual([])
})
