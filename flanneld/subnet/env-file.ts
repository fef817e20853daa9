/** subnet.env: how flanneld tells the CNI plugin on the same host which subnets to use. */
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  formatAddress,
  formatSubnet,
  offsetAddress,
  parseSubnet,
  type Subnet,
} from '../../component-base/ip-address.ts'
import { replaceFile } from '../../component-base/replace-file.ts'
import { type Family, families, familyFacts, type PerFamily, perFamily } from '../family.ts'

/** What the file says. */
export type SubnetEnv = {
  readonly networks: PerFamily<Subnet>
  readonly subnets: PerFamily<Subnet>
  readonly mtu: number
  readonly isMasqueraded: boolean
}

/** What an earlier run has left in the file. */
export type PreviousEnv = Pick<SubnetEnv, 'networks' | 'subnets'>

const names = {
  ipv4: { network: 'FLANNEL_NETWORK', subnet: 'FLANNEL_SUBNET' },
  ipv6: { network: 'FLANNEL_IPV6_NETWORK', subnet: 'FLANNEL_IPV6_SUBNET' },
} as const

/** The text of the file. A subnet carries the bridge's own address, the first of the subnet. */
export function renderSubnetEnv({ networks, subnets, mtu, isMasqueraded }: SubnetEnv): string {
  const ofFamily = (family: Family): readonly string[] => {
    const [network, subnet] = [networks[family], subnets[family]]
    if (network === undefined || subnet === undefined) return []
    const gateway = formatAddress(offsetAddress(subnet.base, 1n))
    const { network: networkName, subnet: subnetName } = names[family]
    return [`${networkName}=${formatSubnet(network)}`, `${subnetName}=${gateway}/${subnet.prefix}`]
  }
  return [...families.flatMap(ofFamily), `FLANNEL_MTU=${mtu}`, `FLANNEL_IPMASQ=${isMasqueraded}`, ''].join('\n')
}

/** Networks and subnets of an earlier run, so that a restart asks for the same ones and knows its own old rules. */
export function parsePreviousEnv(text: string): PreviousEnv {
  const read = (name: string, family: Family): Subnet | undefined => {
    const value = new RegExp(`^${name}=(\\S+)$`, 'm').exec(text)?.[1]
    const subnet = value === undefined ? undefined : parseSubnet(value)
    return subnet?.base.bits === familyFacts[family].bits ? { base: subnet.base, prefix: subnet.prefix } : undefined
  }
  return {
    networks: perFamily(families, (family) => read(names[family].network, family)),
    subnets: perFamily(families, (family) => read(names[family].subnet, family)),
  }
}

/** What an earlier run has left; empty when there is no file. */
export async function readPreviousEnv(path: string): Promise<PreviousEnv> {
  return parsePreviousEnv(await readFile(path, 'utf8').catch(() => ''))
}

/** Writes the file so that a reader sees the old or the new one. */
export async function writeSubnetEnv(path: string, env: SubnetEnv): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await replaceFile(path, renderSubnetEnv(env), 0o644)
}
