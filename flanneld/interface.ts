/** Which of this host's devices carries the traffic to the other hosts. The choice is pure. */

/** A device of this host with its first IPv4 address. */
export type HostInterface = {
  readonly name: string
  readonly mtu: number
  readonly address: string
  readonly addresses: readonly string[]
}

/** How the operator wants the device chosen; all empty: the one of the default route. */
export type InterfaceChoice = {
  /** Names or addresses, the first that exists wins. */
  readonly names: readonly string[]
  /** Patterns for names or addresses, tried after `names`. */
  readonly patterns: readonly string[]
}

/** Picks the device; throws when none fits. */
export function chooseInterface(
  interfaces: readonly HostInterface[],
  defaultDevice: string | undefined,
  { names, patterns }: InterfaceChoice,
): HostInterface {
  const byName = names.map((name) => find(interfaces, (text) => text === name))
  const byPattern = patterns.map((pattern) => {
    const expression = new RegExp(pattern)
    return find(interfaces, (text) => expression.test(text))
  })
  const chosen = [...byName, ...byPattern].find((found) => found !== undefined)
  if (chosen !== undefined) return chosen
  if (names.length + patterns.length > 0) {
    throw new Error(
      `failed to find interface to use that matches the interfaces and/or regexes provided: ${[...names, ...patterns].join(', ')}`,
    )
  }
  const fallback = interfaces.find(({ name }) => name === defaultDevice)
  if (fallback === undefined) throw new Error('failed to get default interface: unable to find default route')
  return fallback
}

/** A match of the name takes the device as it is; a match of an address takes it with that address. */
function find(interfaces: readonly HostInterface[], matches: (text: string) => boolean): HostInterface | undefined {
  for (const candidate of interfaces) {
    if (matches(candidate.name)) return candidate
    const address = candidate.addresses.find(matches)
    if (address !== undefined) return { ...candidate, address }
  }
  return undefined
}

type Fields = Readonly<Record<string, unknown>>

/** Reads the answer of `ip -json -4 address show`. Devices without an address are left out. */
export function parseInterfaces(value: unknown): readonly HostInterface[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((entry: Fields) => {
    const { ifname, mtu, addr_info: infos } = entry
    if (typeof ifname !== 'string' || typeof mtu !== 'number' || !Array.isArray(infos)) return []
    const addresses = infos.map((info: Fields) => info['local']).filter((local) => typeof local === 'string')
    const [address] = addresses
    return address === undefined ? [] : [{ name: ifname, mtu, address, addresses }]
  })
}

/** The device of the answer of `ip -json -4 route show default`. */
export function parseDefaultDevice(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : undefined
  const device = typeof first === 'object' && first !== null && 'dev' in first ? first.dev : undefined
  return typeof device === 'string' ? device : undefined
}
