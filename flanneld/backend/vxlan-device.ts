/** The VXLAN device of one family. */
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import type { Family } from '../family.ts'
import { ensureLink, ipBatch, type Link, observeLink, planAddresses, planUp } from '../routes/links.ts'
import type { Lease } from '../subnet/lease.ts'
import type { VxlanConfig } from './config.ts'

/** What a device should be. */
export type VxlanDevice = {
  readonly family: Family
  readonly name: string
  /** The device below, and this host's address on it. */
  readonly external: string
  readonly local: string
  readonly mtu: number
  readonly mac: string
  readonly vxlan: VxlanConfig
}

/** The name of the device of a family: `flannel.1`, `flannel-v6.1`. */
export function vxlanName(family: Family, vni: number): string {
  return family === 'ipv4' ? `flannel.${vni}` : `flannel-v6.${vni}`
}

/** The same after every restart, so that other hosts' entries stay right. */
export function hardwareAddress(publicIp: string, vni: number): string {
  const digest = createHash('sha256').update(`${publicIp}/${vni}`).digest()
  // Locally administered, unicast.
  return ['02', ...[...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':')
}

/** Makes the device, or takes over one that fits; its hardware address. */
export async function ensureVxlan(device: VxlanDevice, signal: AbortSignal): Promise<string> {
  return await makeFit(device, await observeLink(device.name, signal), signal)
}

/** A device that somebody has removed, set down or robbed of its address is put right. */
export async function keepVxlan(device: VxlanDevice, own: Lease, signal: AbortSignal): Promise<void> {
  const present = await observeLink(device.name, signal)
  await makeFit(device, present, signal)
  const subnet = own[device.family]?.subnet
  const hasAddress = subnet !== undefined && planAddresses(device.name, subnet, present).length === 0
  if (!hasAddress) await addressVxlan(device, own, signal)
}

async function makeFit(device: VxlanDevice, present: Link | undefined, signal: AbortSignal): Promise<string> {
  const { name, mtu, mac } = device
  if (present !== undefined && isSimilar(present, device)) {
    await ipBatch(planUp(name, present, mtu), signal)
    return present.mac
  }
  if (present !== undefined) await ipBatch([`link delete dev ${name}`], signal)
  await ensureLink('vxlan', [renderLink(device), `link set dev ${name} addrgenmode none up`], signal)
  // There is no router in the tunnel. Without IPv6 in the kernel there is no such file.
  await writeFile(`/proc/sys/net/ipv6/conf/${name}/accept_ra`, '0').catch(() => undefined)
  return mac
}

/** The line of `ip -batch` that makes the device. */
export function renderLink({ name, external, local, mtu, mac, vxlan }: VxlanDevice): string {
  const learning = vxlan.learning ? 'learning' : 'nolearning'
  const parts = [
    `link add name ${name} mtu ${mtu} address ${mac} type vxlan id ${vxlan.vni} dev ${external} local ${local}`,
    `dstport ${vxlan.port} ${learning}`,
    ...(vxlan.gbp ? ['gbp'] : []),
  ]
  return parts.join(' ')
}

function isSimilar({ kind, data }: Link, { external, local, vxlan }: VxlanDevice): boolean {
  return (
    kind === 'vxlan' &&
    data.get('id') === vxlan.vni &&
    (data.get('local') ?? data.get('local6')) === local &&
    data.get('link') === external &&
    data.get('port') === vxlan.port &&
    (data.get('learning') === true) === vxlan.learning &&
    (data.get('gbp') === true) === vxlan.gbp
  )
}

/** Gives the device the first address of the subnet: what the host itself sends to pods has it as its source. */
async function addressVxlan({ family, name }: VxlanDevice, own: Lease, signal: AbortSignal): Promise<void> {
  const subnet = own[family]?.subnet
  if (subnet === undefined) throw new Error(`failed to configure interface ${name}: the lease has no ${family} subnet`)
  await ipBatch(planAddresses(name, subnet, await observeLink(name, signal)), signal)
}
