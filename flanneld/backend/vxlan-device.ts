/** The VXLAN device of one family. */
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { type Family, familyFacts } from '../family.ts'
import { ensureLink, ipBatch, ipQuery, planAddresses } from '../routes/links.ts'
import { firstAddress } from '../routes/plan.ts'
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
  const { name, mtu, mac } = device
  const [present] = asList(await ipQuery(['-details', 'link', 'show', 'dev', name], signal))
  if (present !== undefined && isSimilar(present, device)) {
    await ipBatch([`link set dev ${name} mtu ${mtu} up`], signal)
    return typeof present['address'] === 'string' ? present['address'] : mac
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

type Fields = Readonly<Record<string, unknown>>

function asList(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value : []
}

function isSimilar(link: Fields, { external, local, vxlan }: VxlanDevice): boolean {
  const { linkinfo } = link
  if (typeof linkinfo !== 'object' || linkinfo === null) return false
  const info = new Map<string, unknown>(Object.entries(linkinfo))
  const given = info.get('info_data')
  if (info.get('info_kind') !== 'vxlan' || typeof given !== 'object' || given === null) return false
  const data = new Map<string, unknown>(Object.entries(given))
  return (
    data.get('id') === vxlan.vni &&
    (data.get('local') ?? data.get('local6')) === local &&
    data.get('link') === external &&
    data.get('port') === vxlan.port &&
    (data.get('learning') === true) === vxlan.learning &&
    (data.get('gbp') === true) === vxlan.gbp
  )
}

/** Gives the device the first address of the subnet: what the host itself sends to pods has it as its source. */
export async function addressVxlan({ family, name }: VxlanDevice, own: Lease, signal: AbortSignal): Promise<void> {
  const subnet = own[family]?.subnet
  if (subnet === undefined) throw new Error(`failed to configure interface ${name}: the lease has no ${family} subnet`)
  const observed = await ipQuery([familyFacts[family].ipFlag, 'address', 'show', 'dev', name], signal)
  await ipBatch(planAddresses(name, firstAddress(subnet), subnet.base.bits, observed), signal)
}
