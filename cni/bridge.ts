/**
 * Connects a container to a bridge of the host by a veth pair:
 *
 *   container eth0 ══ vethXXXXXXXX ── cni0 (gateway address) ── the host's routes
 *
 * Three processes per ADD at most: one `ip -batch` here, one in the container,
 * and one more the first time, for the bridge itself.
 */
import { access, readFile, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { systemClock } from '../component-base/clock.ts'
import { checkBridge } from './bridge-check.ts'
import { type BridgeConfig, parseBridgeConfig, refuseContradictions } from './bridge-config.ts'
import {
  type Attachment,
  containerMac,
  gatewayDevice,
  hostDeviceMac,
  hostDeviceName,
  planBridge,
  planContainer,
  planGateways,
  planHost,
  planVlanDevice,
  planVlans,
  routesOf,
  vlanPortName,
  withGateways,
} from './bridge-plan.ts'
import { delegate } from './delegate.ts'
import { bridgeBatch, bridgeVlans, ipBatch, ipQuery, ToolError } from './exec.ts'
import { masquerade, removeMasquerade, removeStaleMasquerade } from './masquerade.ts'
import { leavePolicies, withPolicies } from './policy.ts'
import {
  CniError,
  type Interface,
  type IpConfig,
  isJsonMap,
  type Plugin,
  type Request,
  type Result,
  records,
  validAttachments,
} from './protocol.ts'
import { addSpoofCheck, removeSpoofCheck, removeSpoofChecks } from './spoof-check.ts'

/** The bridge plugin. */
export const bridge: Plugin = { add, del, check: checkBridge, gc, status }

async function add(request: Request, signal: AbortSignal): Promise<Result> {
  const config = parseBridgeConfig(request.config, request.args)
  refuseContradictions(config)
  await requireNamespace(request.netns)
  const ipam = config.ipamType === '' ? noAddresses : await delegate(config.ipamType, request, signal)
  try {
    if (config.ipamType !== '' && ipam.ips.length === 0) {
      throw new CniError('internal', 'IPAM plugin returned missing IP config')
    }
    const ips = withGateways(config, ipam.ips)
    const attachment = { ...request, ips, routes: routesOf(config, ips, ipam.routes) }
    const port = { ...config, device: hostDeviceName(request.containerId, request.ifname) }
    return await withPolicies(port, request, ips, async () => await attach(config, attachment, ipam, signal), signal)
  } catch (error) {
    await undo(config, request, signal)
    throw error
  }
}

const noAddresses: Result = { interfaces: [], ips: [], routes: [], dns: {} }

async function requireNamespace(netns: string): Promise<void> {
  try {
    await access(netns)
  } catch {
    throw new CniError(
      'internal',
      `failed to open netns "${netns}": failed to Statfs "${netns}": no such file or directory`,
    )
  }
}

async function attach(
  config: BridgeConfig,
  attachment: Attachment & Request,
  ipam: Result,
  signal: AbortSignal,
): Promise<Result> {
  const { containerId, ifname, netns, ips, routes } = attachment
  const host = hostDeviceName(containerId, ifname)
  await ensureBridge(config, ips, signal)
  if (config.isGateway) await enableForwarding(ips)
  const hasVlanDevice = config.vlan !== 0 && config.isGateway && ips.length > 0
  if (hasVlanDevice) await ensureVlanDevice(config, signal)
  const device = gatewayDevice(config)
  const gateways = config.isGateway ? planGateways(config, device, addressesOf(device), ips) : []
  await connect(config, [...planHost(config, attachment), ...gateways], attachment, signal)
  await joinVlans(config, host, signal)
  if (config.macspoofchk) await addSpoofCheck(attachment, host, containerMac(config, attachment), signal)
  if (!config.disableContainerInterface) await ipBatch(planContainer(config, attachment), netns, signal)
  if (config.enabledad) await settleAddresses(attachment, signal)
  if (config.ipMasq && ips.length > 0) await masquerade(attachment, config.ipMasqBackend, signal)
  const interfaces: readonly Interface[] = [
    { name: config.bridge, mac: await deviceMac(config.bridge, signal) },
    { name: host, mac: hostDeviceMac(containerId, ifname) },
    { name: ifname, mac: containerMac(config, attachment), sandbox: netns },
    ...(hasVlanDevice ? [{ name: device, mac: await deviceMac(device, signal) }] : []),
  ]
  const own = attachment.config['dns']
  return { interfaces, ips, routes, dns: isJsonMap(own) && Object.keys(own).length > 0 ? own : ipam.dns }
}

async function connect(
  config: BridgeConfig,
  lines: readonly string[],
  { ifname, netns }: Request,
  signal: AbortSignal,
): Promise<void> {
  try {
    await ipBatch(lines, undefined, signal)
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    if (!(await isBridge(config.bridge, signal))) {
      throw new CniError(
        'internal',
        `failed to create bridge "${config.bridge}": "${config.bridge}" already exists but is not a bridge`,
      )
    }
    const taken = await ipQuery(['link', 'show', 'dev', ifname], netns, signal).catch(() => [])
    if (records(taken).length === 0) throw error
    throw new CniError('internal', `container veth name ("${ifname}") already exists`)
  }
}

async function isBridge(name: string, signal: AbortSignal): Promise<boolean> {
  const [device] = records(await ipQuery(['-details', 'link', 'show', 'dev', name], undefined, signal))
  return isJsonMap(device?.['linkinfo']) && device['linkinfo']['info_kind'] === 'bridge'
}

async function ensureBridge(config: BridgeConfig, ips: readonly IpConfig[], signal: AbortSignal): Promise<void> {
  if (await hasDevice(config.bridge)) return
  try {
    await ipBatch(planBridge(config, ips), undefined, signal)
  } catch (error) {
    if (!(error instanceof ToolError && error.stderr.includes('File exists'))) {
      const attempt = `failed to create bridge "${config.bridge}": could not add "${config.bridge}"`
      throw new CniError('internal', `${attempt}: ${kernelReason(error)}`)
    }
  }
  // Its routes are ours to make. Where the kernel has no IPv6 there is nothing to set.
  await writeFile(`/proc/sys/net/ipv6/conf/${config.bridge}/accept_ra`, '0').catch(() => undefined)
}

/** What the kernel said, as Go would: without the tool's own words. */
function kernelReason(error: unknown): string {
  if (!(error instanceof ToolError)) return String(error)
  const [line = ''] = error.stderr.trim().split('\n')
  return line.replace(/^(RTNETLINK answers|Error): /, '').toLowerCase()
}

async function ensureVlanDevice(config: BridgeConfig, signal: AbortSignal): Promise<void> {
  if (await hasDevice(gatewayDevice(config))) return
  await ipBatch(planVlanDevice(config), undefined, signal)
  await joinVlans({ ...config, vlans: [] }, vlanPortName(config), signal)
}

async function joinVlans(config: BridgeConfig, port: string, signal: AbortSignal): Promise<void> {
  if (config.vlan === 0 && config.vlans.length === 0) return
  const [listing] = records(await bridgeVlans(port, signal))
  const present = records(listing?.['vlans']).map(({ vlan }) => Number(vlan))
  await bridgeBatch(planVlans(config, port, present), signal)
}

/** Addresses of a device that is up, without a process. */
function addressesOf(device: string): readonly string[] {
  const all = networkInterfaces()[device] ?? []
  return all.flatMap(({ cidr, address }) => (cidr === null || address.startsWith('fe80:') ? [] : [cidr]))
}

/** How long others have to say that an address is theirs. Source: `dadSettleTimeout`. */
const settleLimitMs = 5_000
const settleEveryMs = 50

/** Waits until nobody has claimed the addresses as theirs. */
async function settleAddresses({ ifname, netns, ips }: Attachment, signal: AbortSignal): Promise<void> {
  if (!ips.some(({ address }) => address.includes(':'))) return
  const failed = (reason: string) => new CniError('internal', `failed to settle addresses for "${ifname}": ${reason}`)
  for (let waitedMs = 0; ; waitedMs += settleEveryMs) {
    const [device] = records(await ipQuery(['-6', 'address', 'show', 'dev', ifname], netns, signal))
    const addresses = records(device?.['addr_info'])
    const clash = addresses.find(({ dadfailed }) => dadfailed === true)
    if (clash !== undefined) throw failed(`address ${String(clash['local'])} is in use on the network`)
    if (!addresses.some(({ tentative }) => tentative === true)) return
    if (waitedMs >= settleLimitMs) throw failed(`link ${ifname} still has tentative addresses after 5 seconds`)
    await systemClock.sleep(settleEveryMs, signal)
  }
}

/** Devices of this process's own network namespace, whatever is mounted on /sys. */
async function hasDevice(name: string): Promise<boolean> {
  const table = await readFile('/proc/self/net/dev', 'utf8')
  return table.split('\n').some((line) => line.trimStart().startsWith(`${name}:`))
}

async function deviceMac(name: string, signal: AbortSignal): Promise<string> {
  // Only devices that are up and have an address are listed there, as bridges of pods usually are: it saves a process.
  const known = networkInterfaces()[name]?.[0]?.mac
  if (known !== undefined) return known
  const [device] = records(await ipQuery(['link', 'show', 'dev', name], undefined, signal))
  return String(device?.['address'] ?? '')
}

async function enableForwarding(ips: readonly IpConfig[]): Promise<void> {
  const has6 = ips.some(({ address }) => address.includes(':'))
  const has4 = ips.some(({ address }) => !address.includes(':'))
  if (has4) await setSysctl('/proc/sys/net/ipv4/ip_forward')
  if (has6) await setSysctl('/proc/sys/net/ipv6/conf/all/forwarding')
}

async function setSysctl(path: string): Promise<void> {
  if ((await readFile(path, 'utf8')).trim() !== '1') await writeFile(path, '1')
}

/** Takes back what a failed ADD has left; its own failure would only hide the first one. */
async function undo(config: BridgeConfig, request: Request, signal: AbortSignal): Promise<void> {
  await deleteDevice(hostDeviceName(request.containerId, request.ifname), signal).catch(() => undefined)
  if (config.macspoofchk) await removeSpoofCheck(request, signal).catch(() => undefined)
  if (config.ipMasq) await removeMasquerade(request, signal).catch(() => undefined)
  if (config.ipamType !== '')
    await delegate(config.ipamType, { ...request, command: 'DEL' }, signal).catch(() => undefined)
}

/** The device goes before its addresses do: nobody else may be given an address that still answers. */
async function del(request: Request, signal: AbortSignal): Promise<void> {
  const config = parseBridgeConfig(request.config, request.args)
  const wasOurs = await deleteDevice(hostDeviceName(request.containerId, request.ifname), signal)
  await leavePolicies(config, request, signal)
  if (!wasOurs && request.netns !== '') await deleteForeignDevice(request, signal)
  if (config.ipamType !== '') await delegate(config.ipamType, request, signal)
  if (config.macspoofchk) await removeSpoofCheck(request, signal)
  if (config.ipMasq) await removeMasquerade(request, signal)
}

async function deleteDevice(name: string, signal: AbortSignal): Promise<boolean> {
  if (!(await hasDevice(name))) return false
  try {
    await ipBatch([`link delete dev ${name}`], undefined, signal)
  } catch (error) {
    if (!(error instanceof ToolError && error.stderr.includes('Cannot find device'))) throw error
  }
  return true
}

/** A pair made by another bridge plugin has a random name here; its other end is where the runtime says. */
async function deleteForeignDevice({ netns, ifname }: Request, signal: AbortSignal): Promise<void> {
  try {
    await ipBatch([`link delete dev ${ifname}`], netns, signal)
  } catch (error) {
    // The namespace or the device is gone, which is what DEL wants.
    if (!(error instanceof ToolError)) throw error
  }
}

async function gc(request: Request, signal: AbortSignal): Promise<void> {
  const config = parseBridgeConfig(request.config, request.args)
  const valid = validAttachments(request.config)
  const keep = new Set(valid.map(({ containerId, ifname }) => hostDeviceName(containerId, ifname)))
  const ports = records(await ipQuery(['link', 'show', 'master', config.bridge], undefined, signal).catch(() => []))
  const gone = ports
    .filter(({ ifalias }) => typeof ifalias === 'string' && ifalias.startsWith(`${request.config.name} `))
    .map(({ ifname }) => String(ifname))
    .filter((name) => !keep.has(name))
  for (const name of gone) await deleteDevice(name, signal)
  if (config.macspoofchk) {
    const living = new Set(valid.map(({ containerId, ifname }) => `macspoofchk-${containerId}-${ifname}`))
    await removeSpoofChecks(({ comment }) => !living.has(comment), signal)
  }
  if (config.ipMasq) await removeStaleMasquerade(request, signal)
  if (config.ipamType !== '') await delegate(config.ipamType, request, signal)
}

async function status(request: Request, signal: AbortSignal): Promise<void> {
  const config = parseBridgeConfig(request.config, request.args)
  if (config.ipamType !== '') await delegate(config.ipamType, request, signal)
}
