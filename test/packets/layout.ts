/**
 * The machines of the packet tests: two nodes with pods, and clients on the network between them. Pure data, so that the packet tracer
 * knows the same addresses as the network namespaces.
 *
 *   a1 b1 ── cni0 ─ node-1 ─ eth0 ══ wire ══ eth0 ─ node-2 ─ cni0 ── a2 b2
 *                                   │
 *               client (all routes by node-1), client-2 (all routes by node-2)
 */

export type IpFamily = 'IPv4' | 'IPv6'
export type Ips = Readonly<Record<IpFamily, string>>

export type Machine = {
  readonly name: string
  /** The first is the one that others use; a node has further ones (its bridge, its tunnel). */
  readonly ips: Readonly<Record<IpFamily, readonly string[]>>
}
export type Pod = Machine & { readonly type: 'pod'; readonly node: string }
export type PacketNode = Machine & {
  readonly type: 'node'
  readonly podCidrs: Ips
  /** Its bridge's address, the gateway of its pods. */
  readonly gateway: Ips
  readonly pods: readonly Pod[]
}
export type PacketClient = Machine & {
  readonly type: 'client'
  /** The node that everything but the wire is sent to. */
  readonly via: string
}
export type Layout = { readonly nodes: readonly PacketNode[]; readonly clients: readonly PacketClient[] }

/** All pods of all nodes. */
export const podCidr: Ips = { IPv4: '10.244.0.0/16', IPv6: 'fd00:10:244::/56' }
/** Prefix lengths of the wire and of a node's pods. */
export const prefixes = { IPv4: 24, IPv6: 64 } as const

const wire = (host: number): Machine['ips'] => ({ IPv4: [`172.31.77.${host}`], IPv6: [`fd00:31:77::${host}`] })

function makeNode(name: string, index: number, podNames: readonly string[]): PacketNode {
  const v4 = `10.244.${index}`
  const v6 = `fd00:10:244:${index}::`
  const pods = podNames.map(
    (pod, at): Pod => ({
      type: 'pod',
      name: pod,
      node: name,
      ips: { IPv4: [`${v4}.${5 + at}`], IPv6: [`${v6}${(5 + at).toString(16)}`] },
    }),
  )
  const outside = wire(10 + index)
  return {
    type: 'node',
    name,
    // The last is the address that flannel gives its tunnel device.
    ips: { IPv4: [...outside.IPv4, `${v4}.1`, `${v4}.0`], IPv6: [...outside.IPv6, `${v6}1`, v6] },
    podCidrs: { IPv4: `${v4}.0/24`, IPv6: `${v6}/64` },
    gateway: { IPv4: `${v4}.1`, IPv6: `${v6}1` },
    pods,
  }
}

/** Nodes with the pods named, and a client for each node. */
export function makeLayout(pods: Readonly<Record<string, readonly string[]>>): Layout {
  const names = Object.keys(pods)
  return {
    nodes: names.map((name, index) => makeNode(name, index + 1, pods[name] ?? [])),
    clients: names.map((via, index) => ({
      type: 'client',
      name: index === 0 ? 'client' : `client-${index + 1}`,
      ips: wire(1 + index),
      via,
    })),
  }
}

/** Nodes, pods and clients. */
export function machinesOf({ nodes, clients }: Layout): readonly (PacketNode | Pod | PacketClient)[] {
  return [...nodes, ...nodes.flatMap(({ pods }) => pods), ...clients]
}

/** The machine of that name. */
export function machineOf(layout: Layout, name: string): PacketNode | Pod | PacketClient {
  const found = machinesOf(layout).find((machine) => machine.name === name)
  if (found === undefined) throw new TypeError(`No machine ${name}`)
  return found
}

/** Its address that others use. */
export function ipOf(layout: Layout, name: string, family: IpFamily): string {
  return machineOf(layout, name).ips[family][0] ?? ''
}
