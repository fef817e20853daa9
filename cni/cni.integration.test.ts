import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../component-base/clock.ts'
import { Prober } from '../test/packets/prober.ts'
import { bundleProber } from '../test/packets/testbed.ts'
import { isJsonMap, type JsonMap } from './protocol.ts'

const execute = promisify(execFile)
const tag = `cni${process.pid % 10_000}`
const host = `${tag}h`
const pods = [`${tag}a`, `${tag}b`]

async function sh(file: string, ...args: readonly string[]): Promise<string> {
  return await execute(file, args).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string; stderr?: string }) => `${error.stdout ?? ''}${error.stderr ?? ''}`,
  )
}

describe.each(['by a process each', 'by cni serve'])(
  'the plugins, installed and started as a runtime starts them, served %s',
  (how) => {
    let folder = ''
    let server: ChildProcess | undefined
    beforeAll(async () => {
      folder = await mkdtemp(`${tmpdir()}/cni-`)
      const main = new URL('./main.ts', import.meta.url).pathname
      await build({ entryPoints: [main], outfile: `${folder}/cni.mjs`, bundle: true, platform: 'node', format: 'esm' })
      await execute(process.execPath, [`${folder}/cni.mjs`, 'install', `${folder}/bin`, `${folder}/cni.sock`])
      await writeFile(
        `${folder}/subnet.env`,
        'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.7.1/24\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n',
      )
      await mkdir(`${folder}/networks`)
      for (const name of [host, ...pods]) await sh('ip', 'netns', 'add', name)
      await sh('ip', '-n', host, 'link', 'set', 'lo', 'up')
      if (how !== 'by cni serve') return
      server = spawn(
        'ip',
        ['netns', 'exec', host, process.execPath, `${folder}/cni.mjs`, 'serve', `${folder}/cni.sock`],
        { stdio: 'inherit' },
      )
      while (!(await readdir(folder)).includes('cni.sock')) await systemClock.sleep(20, AbortSignal.timeout(10_000))
    })
    afterAll(async () => {
      server?.kill('SIGTERM')
      for (const name of [host, ...pods]) await sh('ip', 'netns', 'delete', name)
      await rm(folder, { recursive: true, force: true })
    })

    type Call = { readonly command: string; readonly id?: string; readonly netns?: string; readonly ifname?: string }
    type Outcome = { readonly code: number; readonly answer: JsonMap }

    const call = async (plugin: string, config: object, { command, id, netns, ifname }: Call): Promise<Outcome> => {
      const env = {
        PATH: process.env['PATH'] ?? '',
        CNI_COMMAND: command,
        CNI_PATH: `${folder}/bin`,
        CNI_CONTAINERID: id ?? '',
        CNI_NETNS: netns === undefined ? '' : `/run/netns/${netns}`,
        CNI_IFNAME: ifname ?? (id === undefined ? '' : 'eth0'),
      }
      const child = spawn('ip', ['netns', 'exec', host, `${folder}/bin/${plugin}`], {
        env,
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      child.stdin.end(JSON.stringify(config))
      let stdout = ''
      child.stdout.on('data', (chunk) => {
        stdout += String(chunk)
      })
      const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? -1)))
      const answer: unknown = stdout === '' ? {} : JSON.parse(stdout)
      return { code, answer: isJsonMap(answer) ? answer : {} }
    }

    const flannel = (more: object = {}): object => ({
      cniVersion: '1.1.0',
      name: 'cbr0',
      type: 'flannel',
      subnetFile: `${folder}/subnet.env`,
      dataDir: `${folder}/flannel`,
      ipam: { dataDir: `${folder}/networks` },
      delegate: { hairpinMode: true, isDefaultGateway: true },
      ...more,
    })
    const portmap = (hostPort: number, prevResult: JsonMap): object => ({
      cniVersion: '1.1.0',
      name: 'cbr0',
      type: 'portmap',
      capabilities: { portMappings: true },
      runtimeConfig: { portMappings: [{ hostPort, containerPort: 80, protocol: 'tcp' }] },
      prevResult,
    })
    const results: JsonMap[] = []
    const previous = (index: number): JsonMap => results[index] ?? {}
    const nat = async (): Promise<string> => await sh('ip', 'netns', 'exec', host, 'iptables', '-t', 'nat', '-S')

    test('ADD gives two containers addresses, routes and a result', async () => {
      for (const [index, pod] of pods.entries()) {
        const { code, answer } = await call('flannel', flannel(), { command: 'ADD', id: `c${index}`, netns: pod })
        expect(code).toBe(0)
        expect(answer).toMatchObject({
          cniVersion: '1.1.0',
          interfaces: [{ name: 'cni0' }, { name: /^veth/ }, { name: 'eth0', sandbox: `/run/netns/${pod}` }].map(
            (item) => {
              return { ...item, name: item.name instanceof RegExp ? expect.stringMatching(item.name) : item.name }
            },
          ),
          ips: [{ address: `10.244.7.${index + 2}/24`, gateway: '10.244.7.1', interface: 2 }],
          routes: [
            // As upstream: what has no gateway of its own gets the network's in the kernel alone.
            { dst: '10.244.0.0/16' },
            { dst: '0.0.0.0/0', gw: '10.244.7.1' },
          ],
        })
        results.push(answer)
      }
      expect(await sh('ip', '-n', pods[0] ?? '', 'route')).toMatch(/^default via 10\.244\.7\.1 dev eth0/)
      expect(await sh('ip', '-n', host, '-d', 'link', 'show', 'cni0')).toContain('mtu 1472')
    })

    test('containers reach each other, and the host reaches them', async () => {
      const ping = async (from: string, to: string): Promise<string> =>
        await sh('ip', 'netns', 'exec', from, 'busybox', 'ping', '-c', '1', '-W', '10', to)
      expect(await ping(pods[0] ?? '', '10.244.7.3')).toContain('1 packets received')
      expect(await ping(host, '10.244.7.2')).toContain('1 packets received')
    })

    test('loopback is down before ADD and up after it', async () => {
      const config = { cniVersion: '0.4.0', name: 'cni-loopback', type: 'loopback' }
      const at = { id: 'c0', netns: pods[0] ?? '', ifname: 'lo' }
      expect((await call('loopback', config, { command: 'CHECK', ...at })).code).toBe(1)
      expect((await call('loopback', config, { command: 'ADD', ...at })).answer).toMatchObject({
        ips: [{ version: '4', address: '127.0.0.1/8' }, { version: '6' }],
      })
      expect((await call('loopback', config, { command: 'CHECK', ...at })).code).toBe(0)
    })

    test('a host port leads to the container: from localhost, from the host’s address, from the container itself', async () => {
      const at = { id: 'c0', netns: pods[0] ?? '' }
      expect(await call('portmap', portmap(8081, previous(0)), { command: 'ADD', ...at })).toEqual({
        code: 0,
        answer: previous(0),
      })
      const serve = "require('http').createServer((q,r)=>r.end('from '+q.socket.remoteAddress)).listen(80)"
      const server = spawn('ip', ['netns', 'exec', pods[0] ?? '', process.execPath, '-e', serve], { stdio: 'ignore' })
      try {
        const get = async (from: string, address: string): Promise<string> => {
          return await sh(
            'ip',
            'netns',
            'exec',
            from,
            'curl',
            '-s',
            '--retry',
            '20',
            '--retry-connrefused',
            '--retry-delay',
            '1',
            '-m',
            '40',
            `http://${address}/`,
          )
        }
        expect(await get(host, '10.244.7.2:80')).toContain('10.244.7.1')
        expect(await get(host, '127.0.0.1:8081')).toContain('10.244.7.1')
        expect(await get(host, '10.244.7.1:8081')).toContain('10.244.7.1')
        expect(await get(pods[0] ?? '', '10.244.7.1:8081')).toContain('10.244.7.1')
      } finally {
        server.kill('SIGKILL')
      }
      expect((await call('portmap', portmap(8081, previous(0)), { command: 'CHECK', ...at })).code).toBe(0)
    })

    test.each([
      // As upstream: iptables masquerades all containers of the network, nftables the one that reaches itself.
      { backend: 'iptables', seen: '10.244.7.1' },
      { backend: 'nftables', seen: '10.244.7.2' },
    ])('a host port of SCTP leads to the container, by $backend', async ({ backend, seen }) => {
      const [, pod = ''] = pods
      const config = {
        ...portmap(0, previous(1)),
        ...{ backend, runtimeConfig: { portMappings: [{ hostPort: 8082, containerPort: 80, protocol: 'SCTP' }] } },
      }
      const file = await bundleProber()
      const prober = new Prober(file)
      const ask = async (namespace: string) => {
        const to = { ip: '10.244.7.1', port: 8082, protocol: 'SCTP' as const, timeoutMs: 20_000 }
        return await prober.probe([{ namespace, ...to }])
      }
      try {
        await prober.listen([{ namespace: pod, name: 'c1', ip: '10.244.7.3', port: 80, protocol: 'SCTP' }])
        expect((await call('portmap', config, { command: 'ADD', id: 'c1', netns: pod })).code).toBe(0)
        // From the host, from another container, and from the container itself.
        expect(await ask(host)).toEqual([{ verdict: 'delivered', by: 'c1', source: '10.244.7.1' }])
        expect(await ask(pods[0] ?? '')).toEqual([{ verdict: 'delivered', by: 'c1', source: seen }])
        expect(await ask(pod)).toEqual([{ verdict: 'delivered', by: 'c1', source: '10.244.7.1' }])
        expect((await call('portmap', config, { command: 'CHECK', id: 'c1', netns: pod })).code).toBe(0)
        expect((await call('portmap', config, { command: 'DEL', id: 'c1' })).code).toBe(0)
      } finally {
        await prober.close()
        await rm(file, { force: true })
      }
    })

    test('CHECK passes for what ADD made, and fails when an address is gone', async () => {
      const config = flannel({ prevResult: previous(1) })
      const at = { command: 'CHECK', id: 'c1', netns: pods[1] ?? '' }
      expect(await call('flannel', config, at)).toEqual({ code: 0, answer: {} })
      await sh('ip', '-n', pods[1] ?? '', 'address', 'flush', 'dev', 'eth0')
      expect((await call('flannel', config, at)).answer).toMatchObject({
        msg: 'Failed to match addr 10.244.7.3/24 on interface eth0',
      })
    })

    test('a failed ADD leaves nothing behind', async () => {
      const { code } = await call('flannel', flannel(), { command: 'ADD', id: 'c9', netns: `${tag}absent` })
      expect(code).toBe(1)
      expect(await readdir(`${folder}/networks/cbr0`)).toEqual(['10.244.7.2', '10.244.7.3', 'last_reserved_ip.0'])
    })

    test('STATUS passes while the subnet file is there, and says 50 without it', async () => {
      expect((await call('flannel', flannel(), { command: 'STATUS' })).code).toBe(0)
      const absent = flannel({ subnetFile: `${folder}/absent` })
      expect((await call('flannel', absent, { command: 'STATUS' })).answer).toMatchObject({ code: 50 })
    })

    test('GC removes a container that the runtime does not know any more, and only that', async () => {
      const valid = { 'cni.dev/valid-attachments': [{ containerID: 'c0', ifname: 'eth0' }] }
      expect(await call('flannel', flannel(valid), { command: 'GC' })).toEqual({ code: 0, answer: {} })
      expect(await readdir(`${folder}/networks/cbr0`)).toEqual(['10.244.7.2', 'last_reserved_ip.0'])
      expect(await readdir(`${folder}/flannel`)).toEqual(['c0'])
      expect((await sh('ip', '-n', host, '-br', 'link', 'show', 'master', 'cni0')).trim().split('\n')).toHaveLength(1)
      expect(await nat()).toContain('--dport 8081')
      await call('portmap', { ...portmap(8081, previous(0)), 'cni.dev/valid-attachments': [] }, { command: 'GC' })
      expect(await nat()).not.toContain('--dport 8081')
    })

    test('DEL works without the namespace, twice, and leaves no rule and no address', async () => {
      for (let i = 0; i < 2; i += 1) {
        expect(await call('portmap', portmap(8081, previous(0)), { command: 'DEL', id: 'c0' })).toEqual({
          code: 0,
          answer: {},
        })
        expect(await call('flannel', flannel(), { command: 'DEL', id: 'c0' })).toEqual({ code: 0, answer: {} })
      }
      expect(await readdir(`${folder}/networks/cbr0`)).toEqual(['last_reserved_ip.0'])
      expect(await sh('ip', '-n', host, '-br', 'link', 'show', 'master', 'cni0')).toBe('')
      expect(await nat()).not.toContain('CNI-DN-')
    })

    test('a host port that cannot be is refused by ADD, and no hindrance for DEL', async () => {
      const at = { id: 'c0', netns: pods[0] ?? '' }
      expect((await call('portmap', portmap(70_000, previous(0)), { command: 'ADD', ...at })).answer).toMatchObject({
        code: 7,
        msg: 'failed to parse config: Invalid host port number: 70000',
      })
      expect((await call('portmap', portmap(70_000, previous(0)), { command: 'DEL', ...at })).code).toBe(0)
    })

    test('bridge masquerades when it is asked to, and takes the rules away again', async () => {
      const ipam = { type: 'host-local', dataDir: `${folder}/networks`, subnet: '10.9.0.0/24' }
      const config = {
        cniVersion: '0.3.1',
        name: 'plain',
        type: 'bridge',
        bridge: 'plain0',
        isGateway: true,
        ipMasq: true,
        ipam,
      }
      const at = { id: 'c5', netns: pods[0] ?? '' }
      expect((await call('bridge', config, { command: 'ADD', ...at })).answer).toMatchObject({
        cniVersion: '0.3.1',
        ips: [{ version: '4', address: '10.9.0.2/24' }],
      })
      expect(await nat()).toMatch(/-A CNI-[0-9a-f]{24} ! -d 224\.0\.0\.0\/4 .*-j MASQUERADE/)
      expect((await call('bridge', config, { command: 'DEL', ...at })).code).toBe(0)
      expect(await nat()).not.toMatch(/CNI-[0-9a-f]{24}/)
      expect(await sh('ip', '-n', pods[0] ?? '', '-br', 'link')).not.toContain('eth0')
    })

    test('a server that was killed is no hindrance', async () => {
      server?.kill('SIGKILL')
      expect((await call('host-local', {}, { command: 'FOO' })).answer).toMatchObject({
        code: 4,
        msg: 'unknown CNI_COMMAND: FOO',
      })
    })

    test('VERSION lists what is spoken', async () => {
      const { answer } = await call('host-local', {}, { command: 'VERSION' })
      expect(answer).toMatchObject({
        cniVersion: '1.1.0',
        supportedVersions: expect.arrayContaining(['0.3.1', '0.4.0', '1.0.0', '1.1.0']),
      })
    })
  },
)
