/**
 * Two hosts in network namespaces, with a pod each, for the integration tests:
 *
 *   pod ── cni0 ─ host 1 ─ eth0 ══ bridge (etcd) ══ eth0 ─ host 2 ─ cni0 ── pod
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { systemClock } from '../component-base/clock.ts'

const execute = promisify(execFile)

/** Runs a program and resolves with its stdout; the exit code does not matter to `attempt`. */
export async function sh(file: string, ...args: readonly string[]): Promise<string> {
  return (await execute(file, args, { maxBuffer: 16 << 20 })).stdout
}

/** As `sh`, with stdout and stderr even when the program fails. */
export async function attempt(file: string, ...args: readonly string[]): Promise<string> {
  return await execute(file, args).then(
    ({ stdout, stderr }) => stdout + stderr,
    (error: { stdout?: string; stderr?: string }) => `${error.stdout ?? ''}${error.stderr ?? ''}`,
  )
}

/** Waits until `probe` is true. */
export async function until(what: string, probe: () => Promise<boolean>, limitMs = 45_000): Promise<void> {
  const end = Date.now() + limitMs
  while (Date.now() < end) {
    if (await probe()) return
    await systemClock.sleep(50, AbortSignal.timeout(limitMs))
  }
  throw new Error(`waited ${limitMs} ms for ${what}`)
}

/** A busy machine takes long to load the program. */
const startLimitMs = 120_000

const bridgeOf = (octet: number): string => `flbr${octet}`

/** The third part of an address that no other test on this machine uses: a bridge of its name, which only one can make, reserves it. */
async function reserveOctet(): Promise<number> {
  const used = await sh('ip', '-4', '-oneline', 'address')
  for (let turn = 0; turn < 250; turn++) {
    const octet = randomInt(1, 251)
    if (used.includes(`172.29.${octet}.`)) continue
    if ((await attempt('ip', 'link', 'add', bridgeOf(octet), 'type', 'bridge')) === '') return octet
  }
  throw new Error('all test networks are in use')
}

/** Two hosts, an etcd, and the built daemon. */
export class Testbed {
  readonly folder: string
  readonly #prefix: string
  readonly #processes = new Set<ChildProcess>()
  readonly #octet: number

  constructor(folder: string, octet: number) {
    this.folder = folder
    this.#prefix = `fl${octet.toString(36)}${randomBytes(2).toString('hex')}`
    this.#octet = octet
  }

  /** Builds everything that does not depend on a backend. */
  static async open(): Promise<Testbed> {
    const bed = new Testbed(await mkdtemp(`${tmpdir()}/flanneld-`), await reserveOctet())
    try {
      await bed.#bundle()
      await bed.#connect()
    } catch (error) {
      await bed.close()
      throw error
    }
    return bed
  }

  /** Namespace of a host. */
  host(index: number): string {
    return `${this.#prefix}n${index}`
  }

  /** Namespace of the pod of a host. */
  pod(index: number): string {
    return `${this.#prefix}p${index}`
  }

  /** Address of a host on the link between them; 0 is etcd's. */
  address(index: number): string {
    return `172.29.${this.#octet}.${index === 0 ? 1 : 10 + index}`
  }

  /** The same for IPv6. */
  address6(index: number): string {
    return `fd29:${this.#octet.toString(16)}::${index === 0 ? 1 : 10 + index}`
  }

  /** What the daemon of a host has said. */
  async log(index: number): Promise<string> {
    return await readFile(`${this.folder}/host${index}/flanneld.log`, 'utf8')
  }

  get etcdUrl(): string {
    return `http://${this.address(0)}:23790`
  }

  async #bundle(): Promise<void> {
    const root = new URL('..', import.meta.url).pathname
    await symlink(`${root}node_modules`, `${this.folder}/node_modules`)
    await build({
      entryPoints: {
        flanneld: `${root}flanneld/main.ts`,
        'tunnel.worker': `${root}flanneld/backend/udp/tunnel.worker.ts`,
      },
      outdir: this.folder,
      bundle: true,
      platform: 'node',
      format: 'esm',
      outExtension: { '.js': '.mjs' },
      external: ['koffi'],
      banner: {
        js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
      },
    })
  }

  async #connect(): Promise<void> {
    const bridge = bridgeOf(this.#octet)
    await sh('ip', 'address', 'add', `${this.address(0)}/24`, 'dev', bridge)
    await sh('ip', 'address', 'add', `${this.address6(0)}/64`, 'dev', bridge, 'nodad')
    await sh('ip', 'link', 'set', bridge, 'up')
    for (const index of [1, 2]) {
      const host = this.host(index)
      await sh('ip', 'netns', 'add', host)
      await sh('ip', 'link', 'add', `${this.#prefix}v${index}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host)
      await sh('ip', 'link', 'set', `${this.#prefix}v${index}`, 'master', bridge, 'up')
      await sh('ip', '-n', host, 'link', 'set', 'lo', 'up')
      await sh('ip', '-n', host, 'address', 'add', `${this.address(index)}/24`, 'dev', 'eth0')
      await sh('ip', '-n', host, 'address', 'add', `${this.address6(index)}/64`, 'dev', 'eth0', 'nodad')
      await sh('ip', '-n', host, 'link', 'set', 'eth0', 'up')
      await sh('ip', '-n', host, 'route', 'add', 'default', 'via', this.address(0))
      await sh('ip', '-n', host, '-6', 'route', 'add', 'default', 'via', this.address6(0))
      const settings = [
        'net.ipv4.ip_forward=1',
        'net.ipv6.conf.all.forwarding=1',
        'net.ipv6.conf.eth0.keep_addr_on_down=1',
      ]
      await sh('ip', 'netns', 'exec', host, 'sysctl', '-qw', ...settings)
    }
  }

  /** Starts etcd with a network configuration; without, with what an earlier run has left. */
  async startEtcd(config?: unknown): Promise<ChildProcess> {
    const peer = `http://${this.address(0)}:23800`
    const child = this.#spawn('etcd', [
      `--data-dir=${this.folder}/etcd`,
      `--listen-client-urls=${this.etcdUrl}`,
      `--advertise-client-urls=${this.etcdUrl}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--unsafe-no-fsync',
      // Passwords are compared slowly on purpose; here at the least cost.
      '--bcrypt-cost=4',
    ])
    await until('etcd', async () => {
      const health = await attempt('etcdctl', '--endpoints', this.etcdUrl, 'endpoint', 'health')
      // With users it answers nobody else, but it answers.
      return /is healthy|user name is empty/.test(health)
    })
    if (config !== undefined) await this.etcdctl('put', '/coreos.com/network/config', JSON.stringify(config))
    return child
  }

  async etcdctl(...args: readonly string[]): Promise<string> {
    return (
      // Five seconds, its own limit for a command, are too few on a busy machine.
      (
        await execute(
          'etcdctl',
          ['--endpoints', this.etcdUrl, '--command-timeout=60s', '--dial-timeout=30s', ...args],
          {
            env: { ...process.env, ETCDCTL_API: '3' },
          },
        )
      ).stdout
    )
  }

  /** Starts flanneld on a host and waits for its subnet file. */
  async startFlanneld(index: number, ...extra: readonly string[]): Promise<ChildProcess> {
    const file = this.subnetFile(index)
    await mkdir(`${this.folder}/host${index}`, { recursive: true })
    await rm(`${file}.seen`, { force: true })
    const flags = [
      `--etcd-endpoints=${this.etcdUrl}`,
      `--subnet-file=${file}`,
      '--ip-masq',
      '--iptables-resync=1',
      ...extra,
    ]
    const child = this.spawnFlanneld(index, ...flags)
    const isThere = async (): Promise<boolean> => (await readFile(file, 'utf8').catch(() => '')) !== ''
    await until(`subnet file of host ${index}`, isThere, startLimitMs).catch(async (error: unknown) => {
      throw new Error(`flanneld of host ${index} did not start:\n${(await this.log(index)).slice(-2_000)}`, {
        cause: error,
      })
    })
    return child
  }

  /** Starts flanneld on a host with these flags and no others. */
  spawnFlanneld(index: number, ...flags: readonly string[]): ChildProcess {
    mkdirSync(`${this.folder}/host${index}`, { recursive: true })
    const program = [process.execPath, `${this.folder}/flanneld.mjs`]
    return this.#spawn('ip', ['netns', 'exec', this.host(index), ...program, ...flags], `host${index}/flanneld.log`)
  }

  subnetFile(index: number): string {
    return `${this.folder}/host${index}/subnet.env`
  }

  /** Address of a host's pod. */
  async podAddress(index: number): Promise<string> {
    const text = await readFile(this.subnetFile(index), 'utf8')
    return `${/FLANNEL_SUBNET=(\d+\.\d+\.\d+)\./.exec(text)?.[1] ?? ''}.9`
  }

  /** IPv6 address of a host's pod; '' where the network has none. */
  async podAddress6(index: number): Promise<string> {
    const text = await readFile(this.subnetFile(index), 'utf8')
    const gateway = /FLANNEL_IPV6_SUBNET=(\S+)1\/64/.exec(text)?.[1]
    return gateway === undefined ? '' : `${gateway}9`
  }

  /** Connects the pod of a host to a bridge, as the CNI plugins would. */
  async addPod(index: number): Promise<void> {
    const text = await readFile(this.subnetFile(index), 'utf8')
    const gateway = /FLANNEL_SUBNET=(\S+)/.exec(text)?.[1] ?? ''
    const mtu = /FLANNEL_MTU=(\S+)/.exec(text)?.[1] ?? ''
    const host = this.host(index)
    const pod = this.pod(index)
    await sh('ip', 'netns', 'add', pod)
    await sh('ip', '-n', host, 'link', 'add', 'cni0', 'mtu', mtu, 'type', 'bridge')
    await sh('ip', '-n', host, 'address', 'add', gateway, 'dev', 'cni0')
    await sh('ip', '-n', host, 'link', 'set', 'cni0', 'up')
    await sh(
      'ip',
      '-n',
      host,
      'link',
      'add',
      'veth1',
      'mtu',
      mtu,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'mtu',
      mtu,
      'netns',
      pod,
    )
    await sh('ip', '-n', host, 'link', 'set', 'veth1', 'master', 'cni0', 'up')
    await sh('ip', '-n', pod, 'address', 'add', `${await this.podAddress(index)}/24`, 'dev', 'eth0')
    await sh('ip', '-n', pod, 'link', 'set', 'eth0', 'up')
    await sh('ip', '-n', pod, 'route', 'add', 'default', 'via', gateway.split('/')[0] ?? '')
    const gateway6 = /FLANNEL_IPV6_SUBNET=(\S+)/.exec(text)?.[1]
    if (gateway6 === undefined) return
    await sh('ip', '-n', host, 'address', 'add', gateway6, 'dev', 'cni0', 'nodad')
    await sh('ip', '-n', pod, 'address', 'add', `${await this.podAddress6(index)}/64`, 'dev', 'eth0', 'nodad')
    await sh('ip', '-n', pod, '-6', 'route', 'add', 'default', 'via', gateway6.split('/')[0] ?? '')
  }

  /** Runs a program in a pod. */
  async inPod(index: number, ...command: readonly string[]): Promise<string> {
    return await attempt('ip', 'netns', 'exec', this.pod(index), ...command)
  }

  /** Runs a program on a host. */
  async onHost(index: number, ...command: readonly string[]): Promise<string> {
    return await attempt('ip', 'netns', 'exec', this.host(index), ...command)
  }

  #spawn(file: string, args: readonly string[], log?: string): ChildProcess {
    const ownOutput = process.env['FLANNELD_TEST_LOG'] === undefined ? 'ignore' : 'inherit'
    const output = log === undefined ? ownOutput : openSync(`${this.folder}/${log}`, 'a')
    // They end with the test's process, however that ends.
    const child = spawn('setpriv', ['--pdeathsig=KILL', file, ...args], { stdio: ['ignore', output, output] })
    if (typeof output === 'number') closeSync(output)
    this.#processes.add(child)
    child.once('exit', () => this.#processes.delete(child))
    return child
  }

  /** Ends a process and waits until it is gone. */
  async stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    await gone
  }

  /** Removes everything, whatever state it is in. */
  async close(): Promise<void> {
    await Promise.all([...this.#processes].map(async (child) => await this.stop(child, 'SIGKILL')))
    if (process.env['FLANNELD_TEST_LOG'] !== undefined) {
      for (const index of [1, 2]) process.stdout.write(await this.log(index).catch(() => ''))
    }
    for (const index of [1, 2]) {
      await attempt('ip', 'netns', 'delete', this.pod(index))
      await attempt('ip', 'netns', 'delete', this.host(index))
    }
    await attempt('ip', 'link', 'delete', bridgeOf(this.#octet))
    await rm(this.folder, { recursive: true, force: true })
  }
}
