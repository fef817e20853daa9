/** CHECK of the bridge plugin: is everything that ADD answered still so? Source: upstream's `cmdCheck`. */
import { contains, parseSubnet } from '../component-base/ip-address.ts'
import { type BridgeConfig, parseBridgeConfig } from './bridge-config.ts'
import { delegate } from './delegate.ts'
import { ipQuery } from './exec.ts'
import {
  CniError,
  type Interface,
  isJsonMap,
  type JsonMap,
  parsePreviousResult,
  type Request,
  type Result,
  records,
} from './protocol.ts'

/** Throws for the first thing that is not as ADD left it. */
export async function checkBridge(request: Request, signal: AbortSignal): Promise<void> {
  const config = parseBridgeConfig(request.config, request.args)
  if (config.ipamType !== '') await delegate(config.ipamType, request, signal)
  const previous = parsePreviousResult(request.config)
  if (previous === undefined) throw failure('Required prevResult missing')
  const { ifname, netns } = request
  const own = previous.interfaces.find(({ name, sandbox }) => name === ifname && sandbox === netns)
  const links = records(await ipQuery(['-details', 'link', 'show'], undefined, signal))
  const bridge = checkDevice(config, previous.interfaces, links)
  if (own === undefined) throw failure(`Sandbox in prevResult  doesn't match configured netns: ${netns}`)
  const inside = await deviceIn(netns, ifname, signal)
  checkContainerDevice(own, inside)
  checkPort(config, previous.interfaces, links, bridge, inside)
  await checkAddresses(request, previous, inside, signal)
}

function failure(message: string): CniError {
  return new CniError('internal', message)
}

function kindOf(link: JsonMap): unknown {
  return isJsonMap(link['linkinfo']) ? link['linkinfo']['info_kind'] : undefined
}

function checkDevice(config: BridgeConfig, interfaces: readonly Interface[], links: readonly JsonMap[]): JsonMap {
  const known = interfaces.find(({ name }) => name === config.bridge)
  if (known === undefined) throw failure('Interface name missing ')
  const link = links.find(({ ifname }) => ifname === config.bridge)
  if (link === undefined) throw failure(`Interface name ${config.bridge} not found`)
  if (kindOf(link) !== 'bridge') throw failure(`Interface ${config.bridge} does not have link type of bridge`)
  if (known.mac !== undefined && known.mac !== link['address']) {
    throw failure(`Bridge interface ${config.bridge} Mac doesn't match: ${known.mac}`)
  }
  const isPromiscuous = Number(link['promiscuity'] ?? 0) > 0 && JSON.stringify(link['flags']).includes('PROMISC')
  if (isPromiscuous !== config.promiscMode) {
    throw failure(
      `Bridge interface ${config.bridge} configured Promisc Mode ${config.promiscMode} doesn't match current state: ${isPromiscuous} `,
    )
  }
  return link
}

async function deviceIn(netns: string, ifname: string, signal: AbortSignal): Promise<JsonMap> {
  const links = records(await ipQuery(['-details', 'address', 'show'], netns, signal))
  const link = links.find((one) => one['ifname'] === ifname)
  if (link === undefined) throw failure(`Interface name ${ifname} not found`)
  return link
}

function checkContainerDevice(own: Interface, link: JsonMap): void {
  if (kindOf(link) !== 'veth') throw failure(`Error: Container interface ${own.name} not of type veth`)
  if (own.mac !== undefined && own.mac !== link['address']) {
    throw failure(`Interface ${own.name} Mac ${own.mac} doesn't match container Mac: ${String(link['address'])}`)
  }
}

/** The container's other end is a port of the bridge, under a name of the result. */
function checkPort(
  { bridge }: BridgeConfig,
  interfaces: readonly Interface[],
  links: readonly JsonMap[],
  device: JsonMap,
  inside: JsonMap,
): void {
  const names = new Set(interfaces.filter(({ sandbox = '' }) => sandbox === '').map(({ name }) => name))
  const isPort = (link: JsonMap): boolean =>
    names.has(String(link['ifname'])) && link['master'] === device['ifname'] && link['ifindex'] === inside['link_index']
  const port = links.find(isPort)
  if (port === undefined) throw failure(`CNI veth created for bridge ${bridge} was not found`)
  const known = interfaces.find(({ name }) => name === port['ifname'])
  if (known?.mac !== undefined && known.mac !== port['address']) {
    throw failure(`Interface ${known.name} Mac doesn't match: ${known.mac} not found`)
  }
}

async function checkAddresses(
  { ifname, netns }: Request,
  { ips, routes }: Result,
  inside: JsonMap,
  signal: AbortSignal,
): Promise<void> {
  const present = records(inside['addr_info']).map(({ local, prefixlen }) => `${String(local)}/${String(prefixlen)}`)
  const lost = ips.find(({ address }) => !present.includes(address))
  if (lost !== undefined) throw failure(`Failed to match addr ${lost.address} on interface ${ifname}`)
  const listings = await Promise.all(
    ['-4', '-6'].map(async (family) => await ipQuery([family, 'route', 'show', 'table', 'all'], netns, signal)),
  )
  const known = listings.flatMap(records)
  const missing = routes.find(({ dst, gw }) => !known.some((route) => isSame(route, dst, gw)))
  if (missing === undefined) return
  const { dst, gw } = missing
  throw failure(`Expected Route {Dst:${dst} GW:${gw ?? '<nil>'}} not found in routing table`)
}

function isSame(route: JsonMap, dst: string, gw: string | undefined): boolean {
  const isIpv6 = dst.includes(':')
  const text = route['dst'] === 'default' ? (isIpv6 ? '::/0' : '0.0.0.0/0') : String(route['dst'])
  const [wanted, present] = [parseSubnet(dst), parseSubnet(text.includes('/') ? text : `${text}/${isIpv6 ? 128 : 32}`)]
  if (wanted === undefined || present === undefined || wanted.prefix !== present.prefix) return false
  const isDefault = wanted.prefix === 0
  return contains(wanted, present.base) && (gw === undefined || isDefault || route['gateway'] === gw)
}
