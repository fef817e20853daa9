/** Which of this host's devices carries the traffic to the other hosts, and under which addresses. The choice is pure. */
import { RE2JS } from 're2js'
import { parseAddress } from '../component-base/ip-address.ts'
import { type Family, families, familyFacts, type PerFamily, perFamily } from './family.ts'

/** A device of this host with its addresses, those that a host should use first in front. */
export type HostInterface = {
  readonly name: string
  readonly mtu: number
  /** Addresses fit for traffic between hosts. */
  readonly addresses: Readonly<Record<Family, readonly string[]>>
  /** All addresses, loopback and deprecated ones too: an operator may name any. */
  readonly allAddresses: readonly string[]
}

/** What the kernel says about devices and routes. */
export type HostFacts = {
  readonly interfaces: readonly HostInterface[]
  /** The devices of the default routes. */
  readonly defaultDevices: PerFamily<string>
  /** Where packets to `--iface-can-reach` go. */
  readonly reach?: { readonly device: string; readonly source?: string }
}

/** How the operator wants the device chosen; all empty: the one of the default route. */
export type InterfaceChoice = {
  /** Names or addresses, the first that exists wins. */
  readonly names: readonly string[]
  /** Patterns for addresses or names, tried after `names`. */
  readonly patterns: readonly string[]
  /** Whether `--iface-can-reach` is given, tried last. */
  readonly wantsReach: boolean
  readonly publicIps: PerFamily<string>
}

/** The chosen device: one address of it for each family, and those under which other hosts reach us. */
export type External = {
  readonly name: string
  readonly mtu: number
  readonly addresses: PerFamily<string>
  readonly publicIps: PerFamily<string>
}

/** A choice that cannot be made; the message says why. */
export class InterfaceError extends Error {
  override readonly name = 'InterfaceError'
}

/** A device, and the addresses by which it was found. */
type Match = { readonly found: HostInterface; readonly addresses: PerFamily<string> }

/** Picks the device; throws when none fits. `explain` is told why each wish that failed did. */
export function chooseExternal(
  facts: HostFacts,
  choice: InterfaceChoice,
  stack: readonly Family[],
  explain: (message: string) => void = () => undefined,
): External {
  const { names, patterns, wantsReach, publicIps } = choice
  for (const family of families) {
    const given = publicIps[family]
    if (given === undefined || parseAddress(given)?.bits === familyFacts[family].bits) continue
    const label = family === 'ipv4' ? 'IP' : 'IPv6'
    throw new InterfaceError(`Failed to find any valid interface to use: invalid public ${label} address: ${given}`)
  }
  if (names.length + patterns.length === 0 && !wantsReach) {
    return attempt(() => complete(byDefault(facts, publicIps, stack), publicIps, stack))
  }
  const wishes = [
    ...names.map((name) => [name, () => byName(facts, name, publicIps, stack)] as const),
    ...patterns.map((pattern) => [pattern, () => byPattern(facts, pattern, stack)] as const),
    ...(wantsReach ? [['ifaceCanReach', () => byReach(facts, stack)] as const] : []),
  ]
  for (const [wish, find] of wishes) {
    try {
      return complete(find(), publicIps, stack)
    } catch (error) {
      if (!(error instanceof InterfaceError)) throw error
      explain(`Could not find valid interface matching ${wish}: ${error.message}`)
    }
  }
  throw new InterfaceError(
    'Failed to find interface to use that matches the interfaces and/or regexes provided: ' +
      wishes.map(([wish]) => wish).join(', '),
  )
}

function attempt(find: () => External): External {
  try {
    return find()
  } catch (error) {
    if (!(error instanceof InterfaceError)) throw error
    throw new InterfaceError(`Failed to find any valid interface to use: ${error.message}`)
  }
}

/** Without wishes: the device that has the public address, else the one of the default route of every family. */
function byDefault(facts: HostFacts, publicIps: PerFamily<string>, stack: readonly Family[]): Match {
  const given = publicIps.ipv4 ?? publicIps.ipv6
  if (given !== undefined) return byName(facts, given, publicIps, stack)
  const devices = stack.map((family) => {
    const device = facts.defaultDevices[family]
    const v6 = family === 'ipv6' ? 'v6 ' : ''
    if (device === undefined) {
      throw new InterfaceError(`failed to get default ${v6}interface: unable to find default ${v6}route`)
    }
    return device
  })
  const [first = '', second] = devices
  if (second !== undefined && second !== first) {
    throw new InterfaceError(
      `v6 default route interface ${second} must be the same with v4 default route interface ${first}`,
    )
  }
  return { found: named(facts, first), addresses: {} }
}

function byName(facts: HostFacts, name: string, publicIps: PerFamily<string>, stack: readonly Family[]): Match {
  const address = parseAddress(name)
  if (address === undefined) return { found: named(facts, name), addresses: {} }
  const found = holding(facts, name)
  const family = address.bits === 32 ? 'ipv4' : 'ipv6'
  if (!stack.includes(family))
    throw new InterfaceError(`error looking up interface ${name}: no interface with given IP found`)
  const other = stack.length > 1 && family === 'ipv4' ? publicIps.ipv6 : undefined
  if (other === undefined) return { found, addresses: { [family]: name } }
  const v6 = holding(facts, other)
  if (v6.name !== found.name) {
    throw new InterfaceError(`v6 interface ${v6.name} must be the same with v4 interface ${found.name}`)
  }
  return { found, addresses: { ipv4: name, ipv6: other } }
}

function named({ interfaces }: HostFacts, name: string): HostInterface {
  const found = interfaces.find((each) => each.name === name)
  if (found !== undefined) return found
  throw new InterfaceError(`error looking up interface ${name}: route ip+net: no such network interface`)
}

function holding({ interfaces }: HostFacts, address: string): HostInterface {
  const found = interfaces.find(({ allAddresses }) => allAddresses.includes(address))
  if (found !== undefined) return found
  throw new InterfaceError(`error looking up interface ${address}: no interface with given IP found`)
}

/** First a device whose addresses match in every family, then one whose name does. */
function byPattern({ interfaces }: HostFacts, pattern: string, stack: readonly Family[]): Match {
  const matches = matcherOf(pattern)
  for (const found of interfaces) {
    const addresses = perFamily(stack, (family) => found.addresses[family].find(matches))
    if (stack.every((family) => addresses[family] !== undefined)) return { found, addresses }
  }
  const found = interfaces.find(({ name }) => matches(name))
  if (found !== undefined) return { found, addresses: {} }
  const [first = 'ipv4'] = stack
  const available = interfaces.map(({ name, addresses }) => `${name}:[${addresses[first].join(' ')}]`)
  throw new InterfaceError(
    `could not match pattern ${pattern} to any of the available network interfaces (${available.join(', ')})`,
  )
}

function matcherOf(pattern: string): (text: string) => boolean {
  try {
    const compiled = RE2JS.compile(pattern)
    return (text) => compiled.matcher(text).find()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new InterfaceError(`could not compile the IP address regex '${pattern}': ${why}`)
  }
}

function byReach(facts: HostFacts, stack: readonly Family[]): Match {
  const { reach } = facts
  if (reach === undefined)
    throw new InterfaceError('failed to get ifcanreach based interface: no interface with given IP found')
  const source = reach.source === undefined ? undefined : parseAddress(reach.source)
  const family = source?.bits === 128 ? 'ipv6' : 'ipv4'
  const isUsable = reach.source !== undefined && stack.includes(family)
  return { found: named(facts, reach.device), addresses: isUsable ? { [family]: reach.source } : {} }
}

/** Fills in what the search has left open: the device's own addresses, and those under which others reach us. */
function complete({ found, addresses }: Match, given: PerFamily<string>, stack: readonly Family[]): External {
  const own = perFamily(stack, (family) => {
    const address = addresses[family] ?? found.addresses[family][0]
    if (address !== undefined) return address
    throw new InterfaceError(`failed to find IPv${family === 'ipv4' ? 4 : 6} address for interface ${found.name}`)
  })
  if (found.mtu === 0) throw new InterfaceError(`failed to determine MTU for ${found.name} interface`)
  const publicIps = perFamily(stack, (family) => given[family] ?? own[family])
  return { name: found.name, mtu: found.mtu, addresses: own, publicIps }
}

type Fields = Readonly<Record<string, unknown>>

/** Reads the answer of `ip -json address show`. */
export function parseInterfaces(value: unknown): readonly HostInterface[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((entry: Fields) => {
    const { ifname, mtu, addr_info: infos } = entry
    if (typeof ifname !== 'string' || typeof mtu !== 'number' || !Array.isArray(infos)) return []
    const known = infos.flatMap((info: Fields) => (typeof info['local'] === 'string' ? [info] : []))
    const usable = (family: string): readonly string[] =>
      known
        .filter((info) => info['family'] === family && isUsable(info))
        .toSorted(byPreference)
        .map(localOf)
    return [
      {
        name: ifname,
        mtu,
        addresses: { ipv4: usable('inet'), ipv6: usable('inet6') },
        allAddresses: known.map(localOf),
      },
    ]
  })
}

function localOf(info: Fields): string {
  return String(info['local'])
}

/** Loopback addresses and those that run out are not for other hosts. */
function isUsable(info: Fields): boolean {
  return info['deprecated'] !== true && !/^(?:127\.|::1$)/.test(localOf(info))
}

/** Global before link-local, fixed before assigned for a time, lasting before temporary; else in the kernel's order. */
function byPreference(a: Fields, b: Fields): number {
  const rank = (info: Fields): number =>
    (info['scope'] === 'link' ? 4 : 0) + (info['dynamic'] === true ? 2 : 0) + (info['temporary'] === true ? 1 : 0)
  return rank(a) - rank(b)
}

/** The device of the answer of `ip -json route show default` or `ip -json route get`. */
export function parseDevice(value: unknown): { readonly device: string; readonly source?: string } | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : undefined
  if (typeof first !== 'object' || first === null) return undefined
  const { dev, prefsrc } = Object.fromEntries(Object.entries(first))
  if (typeof dev !== 'string') return undefined
  return { device: dev, ...(typeof prefsrc === 'string' && { source: prefsrc }) }
}
