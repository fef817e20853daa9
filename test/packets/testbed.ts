/**
 * A layout as network namespaces of random names: nothing of it touches the machine's own network, and `close` removes all of it. Pods
 * hang on their node's bridge as the CNI plugins connect them. What joins the nodes comes from outside: plain routes here, or flanneld.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../component-base/clock.ts'
import { ExecError, run } from '../../component-base/exec.ts'
import { type IpFamily, type Layout, type Machine, machineOf, machinesOf, type PacketNode, prefixes } from './layout.ts'
import { type Listener, type Outcome, type Probe, Prober } from './prober.ts'

const families: readonly IpFamily[] = ['IPv4', 'IPv6']
/** Where every pod and node serves. */
export const serverPort = 8080
/** Far more than any program takes here; an emulated machine on a busy host takes long for everything. */
const insideLimitMs = 120_000
/** Ready at once: no listening for loops, no learning of multicast groups (which IPv6 needs to find neighbours). */
const bridgeOptions = 'forward_delay 0 mcast_snooping 0'
const nodeSettings = [
  'net.ipv4.ip_forward=1',
  'net.ipv6.conf.all.forwarding=1',
  'net.ipv4.conf.all.route_localnet=1',
  // Many probes are refused within one second, each by an ICMP error of its own.
  'net.ipv4.icmp_ratelimit=0',
  'net.ipv6.icmp.ratelimit=0',
  // Where the kernel has no br_netfilter there is nothing to set.
  'net.bridge.bridge-nf-call-iptables=1',
  'net.bridge.bridge-nf-call-ip6tables=1',
]
/** A new namespace takes this over from the machine; a client that forwards would send lost packets round in circles. */
const clientSettings = ['net.ipv4.ip_forward=0', 'net.ipv6.conf.all.forwarding=0']
/**
 * A probe without an answer after this long was dropped. More than the second after which TCP asks again: an ICMPv6 error that comes
 * while `connect` still holds the socket is only noted (tcp_v6_err), and the next one counts.
 */
const defaultTimeoutMs = 1_500

export type TestbedOptions = {
  /** Bundled `prober.worker.ts`; made when not given. */
  readonly workerFile?: string
  readonly timeoutMs?: number
  /** Of the pods' devices, where a tunnel takes its part. */
  readonly podMtu?: number
}
export type TestbedProbe = Omit<Probe, 'namespace' | 'timeoutMs'> & { readonly from: string }

/** Bundles the worker, because Node 20 starts none from TypeScript. Returns its file, to be removed by the caller. */
export async function bundleProber(): Promise<string> {
  // Only here, because where the worker is given there is no bundler.
  const { build } = await import('esbuild')
  const root = new URL('../..', import.meta.url).pathname
  const file = join(root, 'build', `prober-${process.pid}-${randomBytes(4).toString('hex')}.mjs`)
  await mkdir(join(root, 'build'), { recursive: true })
  await build({
    entryPoints: [join(root, 'test/packets/prober.worker.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
  })
  return file
}

/** A layout that packets can be sent through. */
export class Testbed {
  readonly layout: Layout
  readonly #tag = randomBytes(3).toString('hex')
  readonly #timeoutMs: number
  readonly #mtu: readonly string[]
  #prober: Prober | undefined
  #ownWorkerFile: string | undefined

  private constructor(layout: Layout, { timeoutMs = defaultTimeoutMs, podMtu }: TestbedOptions) {
    this.layout = layout
    this.#timeoutMs = timeoutMs
    this.#mtu = podMtu === undefined ? [] : ['mtu', String(podMtu)]
  }

  /** Makes all namespaces and starts a server in each. */
  static async open(layout: Layout, options: TestbedOptions = {}): Promise<Testbed> {
    const bed = new Testbed(layout, options)
    try {
      await bed.#connect()
      bed.#ownWorkerFile = options.workerFile === undefined ? await bundleProber() : undefined
      bed.#prober = new Prober(options.workerFile ?? bed.#ownWorkerFile ?? '')
      await bed.listen(machinesOf(layout).map(({ name }) => name))
    } catch (error) {
      await bed.close()
      throw error
    }
    return bed
  }

  /** The network namespace of a machine. */
  namespace(machine: string): string {
    return `kp-${this.#tag}-${machine}`
  }

  /** Runs a program on a machine. */
  async inside(machine: string, file: string, ...args: readonly string[]): Promise<string> {
    return (await run('ip', ['netns', 'exec', this.namespace(machine), file, ...args], { timeoutMs: insideLimitMs }))
      .stdout
  }

  /** Serves TCP, UDP and SCTP on machines, at `serverPort` unless another is given; the answer names the machine. */
  async listen(machines: readonly string[], port = serverPort): Promise<void> {
    const listeners = machines.flatMap((name): readonly Listener[] => {
      const shared = { namespace: this.namespace(name), name, port }
      const { ips } = machineOf(this.layout, name)
      // A UDP socket for all addresses would answer from another one than it was asked at, on a machine that has several;
      // one of SCTP would tell clients about all of them.
      const others = (['UDP', 'SCTP'] as const).flatMap((protocol) =>
        families.map((family): Listener => ({ ...shared, protocol, ip: ips[family][0] ?? '' })),
      )
      return [{ ...shared, protocol: 'TCP', ip: '::' }, ...others]
    })
    await this.#prober?.listen(listeners)
  }

  /** Sends all probes at once; outcomes come in their order. */
  async probe(probes: readonly TestbedProbe[], timeoutMs = this.#timeoutMs): Promise<readonly Outcome[]> {
    const all = probes.map(({ from, ...probe }) => ({ ...probe, namespace: this.namespace(from), timeoutMs }))
    return (await this.#prober?.probe(all)) ?? []
  }

  /** Waits until every pod is reached from every node: neighbours are found, tunnels are up. */
  async settle(limitMs = 60_000): Promise<void> {
    const pods = this.layout.nodes.flatMap((node) => node.pods)
    const all = this.layout.nodes.flatMap(({ name }) =>
      pods.flatMap(({ ips }) =>
        families.map((family) => ({
          from: name,
          ip: ips[family][0] ?? '',
          port: serverPort,
          protocol: 'TCP' as const,
        })),
      ),
    )
    const endMs = systemClock.now() + limitMs
    for (let left = all; left.length > 0; ) {
      const outcomes = await this.probe(left)
      left = left.filter((_, index) => outcomes[index]?.verdict !== 'delivered')
      if (left.length > 0 && systemClock.now() > endMs) {
        throw new Error(`no way after ${limitMs} ms: ${left.map(({ from, ip }) => `${from} to ${ip}`).join(', ')}`)
      }
    }
  }

  /** Joins the nodes by routes to each other's pods, as the backend host-gw does. */
  async addPlainRoutes(wanted: readonly IpFamily[] = families): Promise<void> {
    for (const { name } of this.layout.nodes) {
      const others = this.layout.nodes.filter((each) => each.name !== name)
      await this.#batch(
        name,
        others.flatMap((other) => wanted.map((family) => routeTo(other, family, 'add'))),
      )
    }
  }

  /** Removes everything, whatever state it is in. */
  async close(): Promise<void> {
    await this.#prober?.close()
    if (this.#ownWorkerFile !== undefined) await rm(this.#ownWorkerFile, { force: true })
    const names = [...machinesOf(this.layout).map((machine) => machine.name), 'wire']
    const input = names.map((name) => `netns delete ${this.namespace(name)}\n`).join('')
    await run('ip', ['-force', '-batch', '-'], { input }).catch((error: unknown) => {
      // Not made yet when setting up failed early.
      if (!(error instanceof ExecError)) throw error
    })
  }

  /** Few processes: one `ip -batch` for each machine, and one for the settings of each that needs some. */
  async #connect(): Promise<void> {
    const { nodes, clients } = this.layout
    const names = [...machinesOf(this.layout).map(({ name }) => name), 'wire']
    await run('ip', ['-batch', '-'], { input: names.map((name) => `netns add ${this.namespace(name)}\n`).join('') })
    await this.#batch('wire', [
      `link add br0 type bridge ${bridgeOptions}`,
      'link set br0 up',
      ...[...nodes, ...clients].flatMap(({ name }) => [
        `link add w-${name} type veth peer name eth0 netns ${this.namespace(name)}`,
        `link set w-${name} master br0 up`,
      ]),
    ])
    await Promise.all([
      ...nodes.map(async (node) => await this.#connectNode(node)),
      ...clients.map(async (client) => {
        await this.#batch(client.name, [...onWire(client), ...this.#defaultRoutes(client.via)])
        await this.inside(client.name, 'sysctl', '-eqw', ...clientSettings)
      }),
    ])
  }

  async #connectNode(node: PacketNode): Promise<void> {
    const { name, gateway, pods } = node
    const mtu = this.#mtu.join(' ')
    await this.inside(name, 'sysctl', '-eqw', ...nodeSettings)
    await this.#batch(name, [
      ...onWire(node),
      `link add cni0 ${mtu} type bridge ${bridgeOptions}`,
      ...families.map((family) => `address add ${gateway[family]}/${prefixes[family]} dev cni0${nodad(family)}`),
      'link set cni0 up',
      // Without a route to Service addresses a packet is lost before its destination is translated.
      ...this.#defaultRoutes(this.layout.clients[0]?.name ?? ''),
      ...pods.flatMap((pod, index) => [
        `link add veth${index} ${mtu} type veth peer name eth0 ${mtu} netns ${this.namespace(pod.name)}`,
        `link set veth${index} master cni0 up`,
        // The bridge must send a packet back where it came from, for a pod that reaches itself.
        `link set veth${index} type bridge_slave hairpin on`,
      ]),
    ])
    for (const pod of pods) {
      const routes = families.map((family) => `route add default via ${gateway[family]}`)
      await this.#batch(pod.name, [...onWire(pod), ...routes])
    }
  }

  #defaultRoutes(via: string): readonly string[] {
    const { ips } = machineOf(this.layout, via)
    return families.map((family) => `route add default via ${ips[family][0] ?? ''}`)
  }

  async #batch(machine: string, commands: readonly string[]): Promise<void> {
    await run('ip', ['-n', this.namespace(machine), '-batch', '-'], { input: `${commands.join('\n')}\n` })
  }
}

/** The machine's own end of its cable. */
function onWire({ ips }: Machine): readonly string[] {
  return [
    'link set lo up',
    ...families.map((family) => `address add ${ips[family][0] ?? ''}/${prefixes[family]} dev eth0${nodad(family)}`),
    'link set eth0 up',
  ]
}

function nodad(family: IpFamily): string {
  return family === 'IPv6' ? ' nodad' : ''
}

/** The route to a node's pods by that node. */
export function routeTo(node: PacketNode, family: IpFamily, verb: 'add' | 'replace' | 'delete'): string {
  return `route ${verb} ${node.podCidrs[family]} via ${node.ips[family][0] ?? ''}`
}
