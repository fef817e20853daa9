/** Which interfaces an address is announced on, and how they call themselves. Pure. */
import type { NetworkInterfaceInfo } from 'node:os'
import { contains, parseAddress, parseSubnet } from '../../component-base/ip-address.ts'

/** As `os.networkInterfaces()` gives them: those that are up and have an address. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

/** An interface that answers. */
export type Link = {
  readonly name: string
  readonly mac: string
  /** Source of neighbour advertisements; `undefined` without IPv6. */
  readonly linkLocal: string | undefined
}

const noMac = '00:00:00:00:00:00'

/** The interfaces for one address: those named, else those with a subnet that the address lies in. */
export function linksFor(address: string, interfaces: Interfaces, named: readonly string[]): readonly Link[] {
  const parsed = parseAddress(address)
  return Object.entries(interfaces).flatMap(([name, infos = []]): readonly Link[] => {
    const [first] = infos
    if (first === undefined || first.internal || first.mac === noMac) return []
    const isNear = infos.some(({ cidr }) => {
      const subnet = cidr === null ? undefined : parseSubnet(cidr)
      return parsed !== undefined && subnet !== undefined && contains(subnet, parsed)
    })
    if (named.length > 0 ? !named.includes(name) : !isNear) return []
    const linkLocal = infos.find((info) => info.family === 'IPv6' && info.address.startsWith('fe80:'))?.address
    return [{ name, mac: first.mac, linkLocal }]
  })
}

/** `02:42:…` as bytes. */
export function macBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex')
}
