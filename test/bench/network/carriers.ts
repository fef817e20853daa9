/** The ways packets can travel between two nodes, each started on a pair of its own. */
import { mkdir, readFile } from 'node:fs/promises'
import { addNodes, addPods, etcdAddress, ip, nodeOf, type PodNetwork, sides, wireAddressOf } from './pair.ts'
import { type Daemon, inNamespace, output, startDaemon, until } from './process.ts'

/** A way that stands ready: its pair, its network, and the processes that touch packets. */
export type RunningCarrier = {
  readonly name: string
  readonly pair: number
  readonly network: PodNetwork
  readonly daemons: readonly Daemon[]
}

/** What the ways need of the machine. */
export type CarrierOptions = { readonly folder: string; readonly reference: string; readonly log: boolean }

type Start = (pair: number, options: CarrierOptions) => Promise<Omit<RunningCarrier, 'name' | 'pair'>>

/** All ways by name. */
export const carriers: Readonly<Record<string, Start>> = {
  routing: startRouting,
  'host-gw': async (pair, options) => await startFlanneld(pair, options, 'host-gw'),
  vxlan: async (pair, options) => await startFlanneld(pair, options, 'vxlan'),
  udp: async (pair, options) => await startFlanneld(pair, options, 'udp'),
  'udp-single': async (pair, options) => await startFlanneld(pair, options, 'udp', ['--udp-offloads=false']),
  reference: startReference,
}

/** Starts one way on a pair of new nodes and connects the pods. */
export async function startCarrier(name: string, pair: number, options: CarrierOptions): Promise<RunningCarrier> {
  const start = carriers[name]
  if (start === undefined) throw new Error(`unknown way: ${name}`)
  await addNodes(pair)
  const running = await start(pair, options)
  await addPods(pair, running.network)
  return { name, pair, ...running }
}

function fixedNetwork(pair: number, mtu: number): PodNetwork {
  return { subnets: [`10.${pair}.1`, `10.${pair}.2`], mtu }
}

/** Nothing but a route on each side: what the kernel does alone. */
async function startRouting(pair: number): Promise<Omit<RunningCarrier, 'name' | 'pair'>> {
  const network = fixedNetwork(pair, 1500)
  for (const side of sides) {
    const other = side === 1 ? 2 : 1
    const route = `route add ${network.subnets[other - 1]}.0/24 via ${wireAddressOf(pair, other)}`
    await ip([route], nodeOf(pair, side))
  }
  return { network, daemons: [] }
}

const etcdPort = 2379

/** Starts the etcd that all flannelds share, each pair under its own prefix. */
export async function startEtcdForNodes({ folder, log }: CarrierOptions): Promise<Daemon> {
  const url = `http://${etcdAddress}:${etcdPort}`
  const peer = `http://${etcdAddress}:2380`
  const command = [
    'etcd',
    `--data-dir=${folder}/etcd`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=error',
  ]
  const daemon = startDaemon(command, { log })
  await until('etcd', async () => ((await fetch(`${url}/health`)).ok ? true : undefined))
  return daemon
}

async function startFlanneld(
  pair: number,
  { folder, log }: CarrierOptions,
  backend: string,
  flags: readonly string[] = [],
): Promise<Omit<RunningCarrier, 'name' | 'pair'>> {
  const url = `http://${etcdAddress}:${etcdPort}`
  const prefix = `/bench/${pair}`
  const config = JSON.stringify({ Network: `10.${pair}.0.0/16`, Backend: { Type: backend } })
  const put = { key: base64(`${prefix}/config`), value: base64(config) }
  await fetch(`${url}/v3/kv/put`, { method: 'POST', body: JSON.stringify(put) })
  const daemons: Daemon[] = []
  const files: string[] = []
  for (const side of sides) {
    const place = `${folder}/${nodeOf(pair, side)}`
    await mkdir(place, { recursive: true })
    files.push(`${place}/subnet.env`)
    const flanneld = [
      process.execPath,
      'dist/flanneld.mjs',
      `--etcd-endpoints=${url}`,
      `--etcd-prefix=${prefix}`,
      `--subnet-file=${place}/subnet.env`,
      '--iface=wire',
      ...flags,
    ]
    daemons.push(startDaemon(inNamespace(nodeOf(pair, side), flanneld), { log }))
  }
  const [one, two] = await Promise.all(files.map(async (file) => await until(file, async () => await readEnv(file))))
  if (one === undefined || two === undefined) throw new Error('flanneld gave no subnet')
  return { network: { subnets: [one.subnet, two.subnet], mtu: one.mtu }, daemons }
}

async function readEnv(file: string): Promise<{ readonly subnet: string; readonly mtu: number } | undefined> {
  const text = await readFile(file, 'utf8')
  const subnet = /FLANNEL_SUBNET=(\d+\.\d+\.\d+)\./.exec(text)?.[1]
  const mtu = Number(/FLANNEL_MTU=(\d+)/.exec(text)?.[1])
  return subnet === undefined || Number.isNaN(mtu) ? undefined : { subnet, mtu }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/**
 * Any other program that speaks flannel's udp, started as
 * `PROGRAM device device-address mtu own-address port peer-subnet prefix-length peer-address`. It makes the TUN device; the rest
 * of the device is set here.
 */
async function startReference(
  pair: number,
  { reference, log }: CarrierOptions,
): Promise<Omit<RunningCarrier, 'name' | 'pair'>> {
  const network = fixedNetwork(pair, 1472)
  const daemons: Daemon[] = []
  for (const side of sides) {
    const other = side === 1 ? 2 : 1
    const own = `${network.subnets[side - 1]}.0`
    const peer = [`${network.subnets[other - 1]}.0`, '24', wireAddressOf(pair, other)]
    const command = [reference, 'flannel0', own, `${network.mtu}`, wireAddressOf(pair, side), '8285', ...peer]
    const node = nodeOf(pair, side)
    daemons.push(startDaemon(inNamespace(node, command), { log }))
    await until('the device of the reference', async () =>
      (await output(['ip', '-n', node, 'link', 'show', 'flannel0'])) === '' ? undefined : true,
    )
    await ip(
      [
        `link set dev flannel0 mtu ${network.mtu} up`,
        `address add ${own}/32 dev flannel0`,
        `route add 10.${pair}.0.0/16 dev flannel0`,
      ],
      node,
    )
  }
  return { network, daemons }
}
