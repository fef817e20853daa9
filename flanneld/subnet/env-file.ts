/** subnet.env: how flanneld tells the CNI plugin on the same host which subnet to use. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { replaceFile } from '../../component-base/replace-file.ts'
import { formatIpv4, formatSubnet, type Subnet } from '../ipv4.ts'

/** What the file says. */
export type SubnetEnv = {
  readonly network: Subnet
  readonly subnet: Subnet
  readonly mtu: number
  readonly isMasqueraded: boolean
}

/** The text of the file. FLANNEL_SUBNET carries the bridge's own address, the first of the subnet. */
export function renderSubnetEnv({ network, subnet, mtu, isMasqueraded }: SubnetEnv): string {
  return [
    `FLANNEL_NETWORK=${formatSubnet(network)}`,
    `FLANNEL_SUBNET=${formatIpv4(subnet.address + 1)}/${subnet.prefix}`,
    `FLANNEL_MTU=${mtu}`,
    `FLANNEL_IPMASQ=${isMasqueraded}`,
    '',
  ].join('\n')
}

/** The subnet of an earlier run, so that a restart asks for the same one; `undefined` when the text names none. */
export function parsePreviousSubnet(text: string): string | undefined {
  return /^FLANNEL_SUBNET=(\S+)$/m.exec(text)?.[1]
}

/** Writes the file so that a reader sees the old or the new one. */
export async function writeSubnetEnv(path: string, env: SubnetEnv): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await replaceFile(path, renderSubnetEnv(env), 0o644)
}
