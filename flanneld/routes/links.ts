/** Devices and their addresses: asking `ip`, and telling it. */
import { ExecError, run } from '../../component-base/exec.ts'
import { formatAddress, parseAddress, type Subnet } from '../../component-base/ip-address.ts'
import { ConfigError } from '../json-fields.ts'

/** Runs lines of `ip -batch`; stops at the first that fails. */
export async function ipBatch(lines: readonly string[], signal: AbortSignal): Promise<void> {
  if (lines.length === 0) return
  await run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n`, signal })
}

/** Asks `ip -json`; an unknown device gives `undefined`. */
export async function ipQuery(args: readonly string[], signal: AbortSignal): Promise<unknown> {
  try {
    const { stdout } = await run('ip', ['-json', ...args], { signal })
    return stdout.trim() === '' ? [] : JSON.parse(stdout)
  } catch (error) {
    if (error instanceof ExecError && /does not exist|Cannot find device/.test(error.stderr)) return undefined
    throw error
  }
}

/** Makes a device; where the kernel does not know its type, the error says so in one sentence. */
export async function ensureLink(type: string, lines: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    await ipBatch(lines, signal)
  } catch (error) {
    const isUnknown = error instanceof ExecError && /Unknown device type|Operation not supported/.test(error.stderr)
    if (!isUnknown) throw error
    throw new ConfigError(
      `this kernel has no devices of type ${type}: load its module (modprobe ${type}) or choose another backend`,
      { cause: error },
    )
  }
}

type Fields = Readonly<Record<string, unknown>>

/** An address of a device. */
export type LinkAddress = { readonly local: string; readonly prefix: number; readonly isLinkLocal: boolean }

/** A device as far as it is looked at. */
export type Link = {
  readonly kind: string
  readonly mtu: number
  readonly isUp: boolean
  readonly mac: string
  readonly addresses: readonly LinkAddress[]
  /** What there is only with this kind of device. */
  readonly data: ReadonlyMap<string, unknown>
}

/** A device with its details; `undefined` when it is not there. */
export async function observeLink(name: string, signal: AbortSignal): Promise<Link | undefined> {
  return parseLink(await ipQuery(['-details', 'address', 'show', 'dev', name], signal))
}

/** Reads the answer of `ip -json -details address show dev …`. Pure. */
export function parseLink(value: unknown): Link | undefined {
  const [found]: readonly (Fields | undefined)[] = Array.isArray(value) ? value : []
  if (found === undefined) return undefined
  const { mtu, flags, address, linkinfo, addr_info: infos } = found
  const addresses: readonly Fields[] = Array.isArray(infos) ? infos : []
  const info = fieldsOf(linkinfo)
  const kind = info.get('info_kind')
  return {
    kind: typeof kind === 'string' ? kind : '',
    mtu: typeof mtu === 'number' ? mtu : 0,
    isUp: Array.isArray(flags) && flags.includes('UP'),
    mac: typeof address === 'string' ? address : '',
    addresses: addresses.flatMap(({ local, prefixlen, scope }) => {
      if (typeof local !== 'string' || typeof prefixlen !== 'number') return []
      return [{ local, prefix: prefixlen, isLinkLocal: scope === 'link' }]
    }),
    data: fieldsOf(info.get('info_data')),
  }
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : [])
}

/** Lines that bring a device up with a size; none when it is. What changes nothing is not said: the kernel would announce it. Pure. */
export function planUp(name: string, link: Link | undefined, mtu: number): readonly string[] {
  return link?.isUp === true && link.mtu === mtu ? [] : [`link set dev ${name} mtu ${mtu} up`]
}

/** Lines that leave one address of a family on a device; link-local ones are the kernel's. Pure. */
export function planAddresses(name: string, subnet: Subnet, link: Link | undefined): readonly string[] {
  const { base } = subnet
  const wanted = formatAddress(base)
  const present = (link?.addresses ?? []).filter(({ local }) => parseAddress(local)?.bits === base.bits)
  const isOurs = ({ local, prefix }: LinkAddress): boolean => local === wanted && prefix === base.bits
  const others = present.filter((address) => !isOurs(address) && !address.isLinkLocal)
  // Nobody else can have the address: looking for duplicates would only delay its use.
  const add = `address add ${wanted}/${base.bits} dev ${name}${base.bits === 128 ? ' nodad' : ''}`
  return [
    ...others.map(({ local, prefix }) => `address delete ${local}/${prefix} dev ${name}`),
    ...(present.some(isOurs) ? [] : [add]),
  ]
}
