/**
 * The dummy device `kube-ipvs0`, which has the address of every Service: the kernel takes packets for them as its own, and at INPUT they
 * meet IPVS. The device stays down: its addresses are local all the same.
 */
import { isRefusal } from '../../component-base/netlink/message.ts'
import { type NetlinkOptions, withNetlink } from '../../component-base/netlink/open.ts'
import {
  addressIn,
  linkIndexIn,
  writeAddress,
  writeAddressQuestion,
  writeDeleteLink,
  writeLinkQuestion,
  writeNewLink,
} from '../../component-base/netlink/route.ts'
import type { NetlinkSocket } from '../../component-base/netlink/socket.ts'
import type { Family } from '../../netfilter/iptables.ts'

export const deviceName = 'kube-ipvs0'

export type AddressChange = { readonly type: 'add' | 'delete'; readonly ip: string }
/** What the kernel would not do, and why: `EEXIST`. */
export type AddressRefusal = { readonly change: AddressChange; readonly code: string }
export type ServiceDevice = {
  /** Makes the device where it is not there; `false` where the kernel has no such devices. */
  readonly ensure: () => Promise<boolean>
  /** The addresses of one family; `undefined` when there is no such device. */
  readonly addresses: (family: Family) => Promise<ReadonlySet<string> | undefined>
  /** Does one after the other; one that is refused does not stop the others. */
  readonly change: (changes: readonly AddressChange[], signal: AbortSignal) => Promise<readonly AddressRefusal[]>
  readonly remove: () => Promise<void>
}

/** The device in the network namespace of this process, or in the one that `namespace` names. */
export function createServiceDevice(options: NetlinkOptions = {}): ServiceDevice {
  const withSocket = async <T>(work: (socket: NetlinkSocket) => T | Promise<T>) =>
    await withNetlink('route', options, work)
  return {
    ensure: async () => await withSocket((socket) => indexOf(socket) !== undefined || make(socket)),
    addresses: async (family) =>
      await withSocket((socket) => {
        const index = indexOf(socket)
        return index === undefined ? undefined : addressesOf(socket, index, family)
      }),
    change: async (changes, signal) => {
      if (changes.length === 0) return []
      return await withSocket(async (socket) => {
        const index = indexOf(socket)
        if (index === undefined) throw new Error(`device ${deviceName} is gone`)
        const refusals = await socket.sendAll(
          changes,
          (writer, each) => writeAddress(writer, { ...each, index }),
          signal,
        )
        return refusals.map(({ item, code }) => ({ change: item, code }))
      })
    },
    remove: async () =>
      await withSocket((socket) => {
        const index = indexOf(socket)
        if (index !== undefined) socket.ask((writer) => writeDeleteLink(writer, index))
      }),
  }
}

/** A refusal in words, for people. */
export function describeAddressRefusal({ change: { type, ip }, code }: AddressRefusal): string {
  return `${type} ${ip} on ${deviceName}: ${code}`
}

function indexOf(socket: NetlinkSocket): number | undefined {
  try {
    const [answer] = socket.ask((writer) => writeLinkQuestion(writer, deviceName))
    return answer === undefined ? undefined : linkIndexIn(answer)
  } catch (error) {
    if (isRefusal(error, 'ENODEV')) return undefined
    throw error
  }
}

function make(socket: NetlinkSocket): boolean {
  try {
    socket.ask((writer) => writeNewLink(writer, deviceName, 'dummy'))
    return true
  } catch (error) {
    // The other family's turn came in between.
    if (isRefusal(error, 'EEXIST')) return true
    if (isRefusal(error, 'EOPNOTSUPP')) return false
    throw error
  }
}

/** Link-local addresses are the kernel's own. */
function addressesOf(socket: NetlinkSocket, index: number, family: Family): ReadonlySet<string> {
  const all = socket.ask((writer) => writeAddressQuestion(writer, family)).map(addressIn)
  const own = all.filter((each) => each.index === index && !(family === 'ip6' && each.isLinkLocal))
  return new Set(own.map(({ ip }) => ip))
}

/** What leads from the addresses that are there to those that are wanted. */
export function diffAddresses(
  applied: ReadonlySet<string>,
  wanted: ReadonlySet<string>,
): { readonly additions: readonly AddressChange[]; readonly removals: readonly AddressChange[] } {
  if (applied === wanted) return { additions: [], removals: [] }
  return {
    additions: [...wanted].filter((ip) => !applied.has(ip)).map((ip) => ({ type: 'add', ip })),
    removals: [...applied].filter((ip) => !wanted.has(ip)).map((ip) => ({ type: 'delete', ip })),
  }
}
