/**
 * Two hosts with a pod each:
 *
 *   pod 1 ── cni0 ─ node 1 ─ wire ═══════ wire ─ node 2 ─ cni0 ── pod 2
 *                     └─ ctl ── bridge (etcd) ── ctl ─┘
 *
 * Every way of carrying packets gets a pair of its own, so that all of them stand ready and can be measured in turns.
 */
import { output } from './process.ts'

export type Side = 1 | 2
export const sides = [1, 2] as const

/** What pods need to know of the network that carries them: each side's subnet as `10.1.2`, and the largest packet. */
export type PodNetwork = { readonly subnets: readonly [string, string]; readonly mtu: number }

/** etcd's address on the control network. */
export const etcdAddress = '192.0.2.1'

export function nodeOf(pair: number, side: Side): string {
  return `node${pair}-${side}`
}

export function podOf(pair: number, side: Side): string {
  return `pod${pair}-${side}`
}

/** Address of a node on the wire, in the range for benchmarks (RFC 2544). */
export function wireAddressOf(pair: number, side: Side): string {
  return `198.18.${pair}.${side}`
}

export function podAddressOf({ subnets }: PodNetwork, side: Side): string {
  return `${subnets[side - 1]}.9`
}

/**
 * Gives this process a `/run` that nobody else sees, for named namespaces, lock files and all that daemons write, and the network
 * that nodes reach etcd by. Resolves with a folder for files.
 */
export async function prepareMachine(): Promise<string> {
  await output(['mount', '-t', 'tmpfs', 'none', '/run'])
  const folder = '/run/bench'
  await output(['mkdir', '-p', '/run/netns', folder])
  await ip([
    'link set lo up',
    'link add control type bridge',
    `address add ${etcdAddress}/24 dev control`,
    'link set control up',
  ])
  return folder
}

/** Makes both nodes and the wire between them. */
export async function addNodes(pair: number): Promise<void> {
  for (const side of sides) {
    await ip([`netns add ${nodeOf(pair, side)}`])
    await ip([
      `link add ctl${pair}-${side} type veth peer name ctl netns ${nodeOf(pair, side)}`,
      `link set ctl${pair}-${side} master control up`,
    ])
  }
  await ip([`link add wire netns ${nodeOf(pair, 1)} type veth peer name wire netns ${nodeOf(pair, 2)}`])
  for (const side of sides) {
    await ip(
      [
        'link set lo up',
        `address add 192.0.2.${8 + 2 * pair + side}/24 dev ctl`,
        'link set ctl up',
        `address add ${wireAddressOf(pair, side)}/24 dev wire`,
        'link set wire up',
      ],
      nodeOf(pair, side),
    )
    await output(['nsenter', `--net=/run/netns/${nodeOf(pair, side)}`, 'sysctl', '-qw', 'net.ipv4.ip_forward=1'])
  }
}

/** Connects a pod on each node to a bridge, as the CNI plugins do. */
export async function addPods(pair: number, network: PodNetwork): Promise<void> {
  for (const side of sides) {
    const [node, pod, subnet] = [nodeOf(pair, side), podOf(pair, side), network.subnets[side - 1]]
    await ip([`netns add ${pod}`])
    await ip(
      [
        `link add cni0 mtu ${network.mtu} type bridge`,
        `address add ${subnet}.1/24 dev cni0`,
        'link set cni0 up',
        `link add pod mtu ${network.mtu} type veth peer name eth0 mtu ${network.mtu} netns ${pod}`,
        'link set pod master cni0 up',
      ],
      node,
    )
    await ip(
      [
        'link set lo up',
        `address add ${podAddressOf(network, side)}/24 dev eth0`,
        'link set eth0 up',
        `route add default via ${subnet}.1`,
      ],
      pod,
    )
  }
}

/** Runs `ip` commands in one process. */
export async function ip(commands: readonly string[], namespace?: string): Promise<void> {
  const within = namespace === undefined ? [] : ['-n', namespace]
  await output(['ip', ...within, '-batch', '-'], `${commands.join('\n')}\n`)
}
