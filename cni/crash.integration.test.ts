import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../component-base/clock.ts'

const execute = promisify(execFile)
const tag = `cnx${process.pid % 10_000}`
const [host, pod, other] = [`${tag}h`, `${tag}a`, `${tag}b`]
const bundle = (): string => `${folder}/cni.mjs`
let folder = ''
let server: ChildProcess | undefined

async function sh(file: string, ...args: readonly string[]): Promise<string> {
  return await execute(file, args).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string; stderr?: string }) => `${error.stdout ?? ''}${error.stderr ?? ''}`,
  )
}

beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/cni-`)
  const main = new URL('./main.ts', import.meta.url).pathname
  await build({ entryPoints: [main], outfile: bundle(), bundle: true, platform: 'node', format: 'esm' })
  await execute(process.execPath, [bundle(), 'install', `${folder}/bin`, `${folder}/cni.sock`])
  const file = [
    'FLANNEL_NETWORK=10.244.0.0/16',
    'FLANNEL_SUBNET=10.244.7.1/24',
    'FLANNEL_IPV6_NETWORK=fd00:244::/56',
    'FLANNEL_IPV6_SUBNET=fd00:244:0:7::1/64',
    'FLANNEL_MTU=1450',
    'FLANNEL_IPMASQ=true',
    '',
  ]
  await writeFile(`${folder}/subnet.env`, file.join('\n'))
  await mkdir(`${folder}/networks`)
  for (const name of [host, pod, other]) await sh('ip', 'netns', 'add', name)
  await sh('ip', '-n', host, 'link', 'set', 'lo', 'up')
})
afterAll(async () => {
  server?.kill('SIGTERM')
  for (const name of [host, pod, other]) await sh('ip', 'netns', 'delete', name)
  await rm(folder, { recursive: true, force: true })
})

const config = (more: object = {}): string =>
  JSON.stringify({
    cniVersion: '1.1.0',
    name: 'cbr0',
    type: 'flannel',
    subnetFile: `${folder}/subnet.env`,
    dataDir: `${folder}/flannel`,
    ipam: { dataDir: `${folder}/networks` },
    delegate: { hairpinMode: true, isDefaultGateway: true },
    ...more,
  })

type Call = {
  readonly command: string
  readonly id?: string
  readonly ifname?: string
  readonly netns?: string
  readonly plugin?: string
  readonly more?: object
}

/** Starts the plugin, through its wrapper or as a process of its own that a signal hits. */
function start(
  file: readonly string[],
  { command, id = '', ifname = 'eth0', netns = pod, more = {} }: Call,
): ChildProcess {
  const env = {
    PATH: process.env['PATH'] ?? '',
    CNI_COMMAND: command,
    CNI_PATH: `${folder}/bin`,
    ...(id === '' ? {} : { CNI_CONTAINERID: id, CNI_IFNAME: ifname, CNI_NETNS: `/run/netns/${netns}` }),
  }
  const child = spawn('nsenter', [`--net=/run/netns/${host}`, ...file], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin?.on('error', () => {})
  child.stdin?.end(config(more))
  return child
}

async function call(asked: Call): Promise<{ readonly code: number; readonly text: string }> {
  const child = start([`${folder}/bin/${asked.plugin ?? 'flannel'}`], asked)
  let text = ''
  child.stdout?.on('data', (chunk) => {
    text += String(chunk)
  })
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? -1)))
  return { code, text }
}

/** What containers have left: addresses, files of this plugin, devices. */
async function leftovers(): Promise<readonly string[]> {
  const names = await readdir(`${folder}/networks/cbr0`).catch(() => [])
  const kept = await readdir(`${folder}/flannel`).catch(() => [])
  const devices = (await sh('ip', '-n', host, '-br', 'link', 'show', 'type', 'veth')).split('\n')
  return [
    ...names.filter((name) => !name.startsWith('last_reserved_ip')),
    ...kept,
    ...devices.filter((line) => line !== ''),
  ]
}

/** Kills each of several ADDs at another moment, from its first line to its last. */
async function killMany(count: number): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, (_, index) => `k${index}`)
  await Promise.all(
    ids.map(async (id, index) => {
      const child = start([process.execPath, bundle(), 'flannel'], { command: 'ADD', id, ifname: `e${index}` })
      const ended = new Promise((resolve) => child.once('close', resolve))
      await systemClock.sleep(100 + index * 40, new AbortController().signal)
      child.kill('SIGKILL')
      await ended
    }),
  )
  return ids
}

test('ADDs that are killed at any moment leave nothing that DEL does not remove', async () => {
  const ids = await killMany(12)
  const removed = ids.map(async (id, index) => await call({ command: 'DEL', id, ifname: `e${index}` }))
  expect((await Promise.all(removed)).filter(({ code }) => code !== 0)).toEqual([])
  expect(await leftovers()).toEqual([])
})

test('ADDs that are killed at any moment leave nothing that GC does not remove, and GC keeps what lives', async () => {
  expect((await call({ command: 'ADD', id: 'living', netns: other })).code).toBe(0)
  await killMany(12)
  const valid = { 'cni.dev/valid-attachments': [{ containerID: 'living', ifname: 'eth0' }] }
  expect((await call({ command: 'GC', more: valid })).code).toBe(0)
  const left = await leftovers()
  expect(left.filter((name) => !/^(10\.244\.7\.|fd00:244:0:7::|living$|veth)/.test(name))).toEqual([])
  expect(left).toHaveLength(4)
  expect((await call({ command: 'DEL', id: 'living', netns: other })).code).toBe(0)
  expect(await leftovers()).toEqual([])
})

type Answer = { readonly ips: readonly { readonly address: string }[] }

test('50 ADDs at once get 50 addresses of each family, and two containers reach each other over both', async () => {
  server = spawn('nsenter', [`--net=/run/netns/${host}`, process.execPath, bundle(), 'serve', `${folder}/cni.sock`], {
    stdio: 'inherit',
  })
  while (!(await readdir(folder)).includes('cni.sock')) await systemClock.sleep(20, AbortSignal.timeout(10_000))
  const ranges = [[{ subnet: '10.244.7.0/24' }], [{ subnet: 'fd00:244:0:7::/64' }]]
  const ipam = { type: 'host-local', dataDir: `${folder}/networks`, ranges }
  const pods = [pod, other].map((netns, index) => ({ id: `p${index}`, netns }))
  // Devices of fifty containers would show no more than their addresses do.
  const others = Array.from({ length: 48 }, (_, index) => ({ id: `c${index}`, plugin: 'host-local', more: { ipam } }))
  const all = [...pods, ...others]
  const added = await Promise.all(all.map(async (one) => await call({ command: 'ADD', ...one })))
  expect(added.filter(({ code }) => code !== 0)).toEqual([])
  const answers = added.map(({ text }): Answer => JSON.parse(text))
  expect(new Set(answers.flatMap(({ ips }) => ips.map(({ address }) => address))).size).toBe(100)
  for (const { address } of answers[1]?.ips ?? []) {
    const ping = ['busybox', 'ping', '-c', '1', '-W', '10', address.split('/')[0] ?? '']
    expect(await sh('nsenter', `--net=/run/netns/${pod}`, ...ping)).toContain('1 packets received')
  }
  await Promise.all(all.map(async (one) => await call({ command: 'DEL', ...one })))
  expect(await leftovers()).toEqual([])
})
