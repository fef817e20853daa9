/** The TUN device flannel0: the kernel's end of the tunnel. */

import { writeFile } from 'node:fs/promises'
import { SystemError } from '../../../component-base/libc.ts'
import { formatIpv4, formatSubnet, type Subnet } from '../../ipv4.ts'
import { ipBatch, ipQuery } from '../../routes/links.ts'
import { libc, linux, must } from './libc.ts'

/** Name of the device, upstream's. */
export const tunName = 'flannel0'

/** An open TUN device; with `hasOffloads` every packet starts with a `virtio_net_hdr`. */
export type Tun = { readonly fd: number; readonly offloads: Offloads }

/** What the kernel may leave to us: nothing, TCP segments, or TCP and UDP segments. */
export type Offloads = 'none' | 'tcp' | 'tcp+udp'

/**
 * Opens the device, or takes it over from an earlier run. It is made persistent: a
 * flanneld that is killed leaves device, address and route, and its successor goes
 * on where it stopped. `wanted` is reduced to what this kernel can do.
 */
export function openTun(name: string, wanted: Offloads): Tun {
  const fd = must('open /dev/net/tun', libc.open('/dev/net/tun', linux.O_RDWR | linux.O_CLOEXEC | linux.O_NONBLOCK, 0))
  try {
    const flags = linux.IFF_TUN | linux.IFF_NO_PI | (wanted === 'none' ? 0 : linux.IFF_VNET_HDR)
    const request = Buffer.alloc(40)
    request.write(name, 0, 15, 'latin1')
    request.writeUInt16LE(flags, 16)
    must('TUNSETIFF', libc.ioctl(fd, linux.TUNSETIFF, request))
    must('TUNSETPERSIST', libc.ioctlNumber(fd, linux.TUNSETPERSIST, 1))
    return { fd, offloads: setOffloads(fd, wanted) }
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

const tcpOffloads = linux.TUN_F_CSUM | linux.TUN_F_TSO4 | linux.TUN_F_TSO_ECN
const udpOffloads = linux.TUN_F_USO4 | linux.TUN_F_USO6

/** Offloads from the best that is wanted down to none; UDP segmentation needs Linux 6.2. */
function setOffloads(fd: number, wanted: Offloads): Offloads {
  const ladder = { 'tcp+udp': tcpOffloads | udpOffloads, tcp: tcpOffloads, none: 0 } as const
  const steps = (['tcp+udp', 'tcp', 'none'] as const).slice(wanted === 'tcp+udp' ? 0 : wanted === 'tcp' ? 1 : 2)
  for (const step of steps) {
    if (libc.ioctlNumber(fd, linux.TUNSETOFFLOAD, ladder[step]) === 0) return step
  }
  throw new SystemError('TUNSETOFFLOAD', 22)
}

/** Gives the device its address, its size and the route to the whole network. Safe to repeat. */
export async function configureTun(
  name: string,
  { network, subnet, mtu }: { readonly network: Subnet; readonly subnet: Subnet; readonly mtu: number },
  signal: AbortSignal,
): Promise<void> {
  const address = formatIpv4(subnet.address)
  await dropOtherAddresses(name, address, signal)
  await ipBatch(
    [
      // The network is IPv4; router solicitations would only be counted as malformed.
      `link set dev ${name} mtu ${mtu} txqueuelen 1000 addrgenmode none up`,
      `address replace ${address}/32 dev ${name}`,
      `route replace ${formatSubnet(network)} dev ${name} src ${address}`,
    ],
    signal,
  )
  // Our ICMP errors come out of the device with its own address as source; without this they are martians.
  await writeFile(`/proc/sys/net/ipv4/conf/${name}/accept_local`, '1')
}

async function dropOtherAddresses(name: string, address: string, signal: AbortSignal): Promise<void> {
  const answer = await ipQuery(['-4', 'address', 'show', 'dev', name], signal)
  const [device] = Array.isArray(answer) ? answer : []
  const infos: readonly { readonly local?: string; readonly prefixlen?: number }[] = device?.addr_info ?? []
  const others = infos.filter(({ local }) => local !== undefined && local !== address)
  await ipBatch(
    others.map(({ local, prefixlen }) => `address delete ${local}/${prefixlen} dev ${name}`),
    signal,
  )
}

/** Removes a device that an earlier run with this backend has left. */
export async function removeTun(name: string, signal: AbortSignal): Promise<void> {
  const answer = await ipQuery(['-details', 'link', 'show', 'dev', name], signal)
  if (answer === undefined) return
  await ipBatch([`link delete dev ${name}`], signal)
}
