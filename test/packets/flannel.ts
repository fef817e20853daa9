/** Joins the nodes of a testbed by flanneld, the real program, with an etcd on the first client. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { systemClock } from '../../component-base/clock.ts'
import { ipOf, type PacketNode, podCidr } from './layout.ts'
import type { Testbed } from './testbed.ts'

export type FlannelBackend = 'udp' | 'vxlan' | 'host-gw'

const root = new URL('../..', import.meta.url).pathname
const etcdPort = 23_790
/** etcd and the daemons are there long before. */
const startLimitMs = 15_000

/** Processes and files of one network. */
export class Flannel {
  readonly #bed: Testbed
  readonly #folder = join(root, 'build', `flannel-${process.pid}-${randomBytes(4).toString('hex')}`)
  readonly #processes = new Set<ChildProcess>()

  private constructor(bed: Testbed) {
    this.#bed = bed
  }

  /** Starts everything and waits until the daemons have their subnets: those of the layout, reserved for them. */
  static async start(bed: Testbed, backend: FlannelBackend): Promise<Flannel> {
    const flannel = new Flannel(bed)
    try {
      await flannel.#bundle()
      await flannel.#startEtcd(backend)
      await Promise.all(bed.layout.nodes.map(async (node) => await flannel.#startDaemon(node)))
    } catch (error) {
      await flannel.close()
      throw error
    }
    return flannel
  }

  async close(): Promise<void> {
    await Promise.all(
      [...this.#processes].map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const gone = new Promise((resolve) => child.once('exit', resolve))
        child.kill('SIGKILL')
        await gone
      }),
    )
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #bundle(): Promise<void> {
    await mkdir(this.#folder, { recursive: true })
    await build({
      entryPoints: {
        flanneld: join(root, 'flanneld/main.ts'),
        'tunnel.worker': join(root, 'flanneld/backend/udp/tunnel.worker.ts'),
      },
      outdir: this.#folder,
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

  get #etcdUrl(): string {
    return `http://${ipOf(this.#bed.layout, this.#etcdHost, 'IPv4')}:${etcdPort}`
  }

  get #etcdHost(): string {
    return this.#bed.layout.clients[0]?.name ?? ''
  }

  async #startEtcd(backend: FlannelBackend): Promise<void> {
    const url = this.#etcdUrl
    const peer = url.replace(String(etcdPort), String(etcdPort + 1))
    this.#spawn(this.#etcdHost, 'etcd', [
      `--data-dir=${this.#folder}/etcd`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--unsafe-no-fsync',
    ])
    await this.#until('etcd', async () => {
      await this.#etcdctl('endpoint', 'health')
      return true
    })
    // The udp backend knows no IPv6: the nodes are joined by plain routes for it.
    const ipv6 = backend === 'udp' ? {} : { EnableIPv6: true, IPv6Network: podCidr.IPv6 }
    const config = { Network: podCidr.IPv4, ...ipv6, Backend: { Type: backend } }
    for (const node of this.#bed.layout.nodes) await this.#reserve(node, backend)
    await this.#etcdctl('put', '/coreos.com/network/config', JSON.stringify(config))
  }

  /** A lease without end: the node that has the address takes it. */
  async #reserve({ ips, podCidrs }: PacketNode, backend: FlannelBackend): Promise<void> {
    const [v4, v6] = [podCidrs.IPv4, podCidrs.IPv6].map((cidr) => cidr.replace('/', '-'))
    const key = backend === 'udp' ? v4 : `${v4}&${v6}`
    const value = { PublicIP: ips.IPv4[0], PublicIPv6: backend === 'udp' ? null : ips.IPv6[0] }
    await this.#etcdctl('put', `/coreos.com/network/subnets/${key}`, JSON.stringify(value))
  }

  async #etcdctl(...args: readonly string[]): Promise<void> {
    await this.#bed.inside(
      this.#etcdHost,
      'env',
      'ETCDCTL_API=3',
      'etcdctl',
      '--command-timeout=60s',
      '--endpoints',
      this.#etcdUrl,
      ...args,
    )
  }

  async #startDaemon({ name }: PacketNode): Promise<void> {
    const file = `${this.#folder}/${name}/subnet.env`
    await mkdir(`${this.#folder}/${name}`)
    const child = this.#spawn(name, process.execPath, [
      `${this.#folder}/flanneld.mjs`,
      `--etcd-endpoints=${this.#etcdUrl}`,
      `--subnet-file=${file}`,
    ])
    await this.#until(`flanneld of ${name}`, async () => {
      if (child.exitCode !== null)
        throw new Error(`flanneld of ${name} ended with ${child.exitCode}: ${outputOf(child)}`)
      await access(file)
      return true
    })
  }

  #spawn(machine: string, file: string, args: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.#bed.namespace(machine), file, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    collectOutput(child)
    this.#processes.add(child)
    return child
  }

  async #until(what: string, probe: () => Promise<boolean>): Promise<void> {
    const endMs = systemClock.now() + startLimitMs
    for (let last: unknown; ; ) {
      try {
        if (await probe()) return
      } catch (error) {
        last = error
      }
      if (systemClock.now() > endMs) throw new Error(`waited ${startLimitMs} ms for ${what}`, { cause: last })
      await systemClock.sleep(50, new AbortController().signal)
    }
  }
}

const outputs = new WeakMap<ChildProcess, string>()
/** Enough to see why a program ended. */
const maxOutputLength = 4_096

function collectOutput(child: ChildProcess): void {
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    outputs.set(child, `${outputOf(child)}${text}`.slice(-maxOutputLength))
  })
}

function outputOf(child: ChildProcess): string {
  return outputs.get(child) ?? ''
}
