/**
 * Connects a container to a bridge of the host by a veth pair:
 *
 *   container eth0 ══ vethXXXXXXXX ── cni0 (gateway address) ── the host's routes
 *
 * Three processes per ADD at most: one `ip -batch` here, one in the container,
 * and one more the first time, for the bridge itself.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import {
  type Attachment,
  type BridgeConfig,
  containerMac,
  hostDeviceMac,
  hostDeviceName,
  parseBridgeConfig,
  planBridge,
  planContainer,
  planHost,
  routesOf,
} from './bridge-plan.ts'
import { delegate } from './delegate.ts'
import { ipBatch, ipQuery, ToolError } from './exec.ts'
import { masquerade, removeMasquerade, removeStaleMasquerade } from './masquerade.ts'
import { awaitPolicies } from './policy.ts'
import {
  CniError,
  type IpConfig,
  isJsonMap,
  type Plugin,
  parsePreviousResult,
  type Request,
  type Result,
  records,
  validAttachments,
} from './protocol.ts'

/** The bridge plugin. */
export const bridge: Plugin = { add, del, check, gc, status }

async function add(request: Request, signal: AbortSignal): Promise<Result> {
  const config = parseBridgeConfig(request.config, request.args)
  const ipam = config.ipamType === '' ? noAddresses : await delegate(config.ipamType, request, signal)
  try {
    if (config.ipamType !== '' && ipam.ips.length === 0) {
      throw new CniError('internal', 'IPAM plugin returned missing IP config')
    }
    const covered = awaitPolicies(config.policySocket, request, ipam.ips, signal)
    // It goes on beside the rest, and is listened to when that is done.
    covered.catch(() => undefined)
    const result = await attach(config, { ...request, ips: ipam.ips, routes: ipam.routes }, ipam, signal)
    await covered
    return result
  } catch (error) {
    await undo(config, request, signal)
    throw error
  }
}

const noAddresses: Result = { interfaces: [], ips: [], routes: [], dns: {} }

async function attach(
  config: BridgeConfig,
  attachment: Attachment & Request,
  ipam: Result,
  signal: AbortSignal,
): Promise<Result> {
  await ensureBridge(config, attachment.ips, signal)
  if (config.isGateway) await enableForwarding(attachment.ips)
  await ipBatch(planHost(config, attachment), undefined, signal)
  await ipBatch(planContainer(config, attachment), attachment.netns, signal)
  if (config.ipMasq) await masquerade(attachment, signal)
  const { containerId, ifname, netns } = attachment
  return {
    interfaces: [
      { name: config.bridge, mac: await deviceMac(config.bridge, signal) },
      { name: hostDeviceName(containerId, ifname), mac: hostDeviceMac(containerId, ifname) },
      { name: ifname, mac: containerMac(config, attachment), sandbox: netns },
    ],
    ips: attachment.ips.map((ip) => ({ ...ip, interface: 2 })),
    routes: routesOf(config, attachment),
    dns: { ...ipam.dns, ...(isJsonMap(attachment.config['dns']) && attachment.config['dns']) },
  }
}

async function ensureBridge(config: BridgeConfig, ips: readonly IpConfig[], signal: AbortSignal): Promise<void> {
  if (await hasDevice(config.bridge)) return
  try {
    await ipBatch(planBridge(config, ips), undefined, signal)
  } catch (error) {
    if (!(error instanceof ToolError && error.stderr.includes('File exists'))) throw error
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
  if (config.ipamType !== '')
    await delegate(config.ipamType, { ...request, command: 'DEL' }, signal).catch(() => undefined)
}

async function del(request: Request, signal: AbortSignal): Promise<void> {
  const config = parseBridgeConfig(request.config, request.args)
  if (config.ipamType !== '') await delegate(config.ipamType, request, signal)
  const wasOurs = await deleteDevice(hostDeviceName(request.containerId, request.ifname), signal)
  if (!wasOurs && request.netns !== '') await deleteForeignDevice(request, signal)
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

async function check(request: Request, signal: AbortSignal): Promise<void> {
  const config = parseBridgeConfig(request.config, request.args)
  if (config.ipamType !== '') await delegate(config.ipamType, request, signal)
  const previous = parsePreviousResult(request.config)
  if (previous === undefined) throw new CniError('invalidNetworkConfig', 'Required prevResult missing')
  const ours = previous.interfaces.find(({ name, sandbox }) => name === request.ifname && sandbox === request.netns)
  if (ours === undefined) {
    throw new CniError('internal', `Sandbox in prevResult doesn't match configured netns: ${request.netns}`)
  }
  if (!(await hasDevice(config.bridge))) throw new CniError('internal', `bridge "${config.bridge}" not found`)
  await checkContainer(request, previous, ours.mac ?? '', signal)
}

async function checkContainer(request: Request, previous: Result, mac: string, signal: AbortSignal): Promise<void> {
  const [device] = records(await ipQuery(['address', 'show', 'dev', request.ifname], request.netns, signal))
  if (device === undefined) throw new CniError('internal', `container interface "${request.ifname}" not found`)
  if (mac !== '' && device['address'] !== mac) {
    throw new CniError(
      'internal',
      `interface ${request.ifname} Mac ${mac} doesn't match container Mac: ${String(device['address'])}`,
    )
  }
  const present = new Set(
    records(device['addr_info']).map(({ local, prefixlen }) => `${String(local)}/${String(prefixlen)}`),
  )
  const missing = previous.ips.find(({ address }) => !present.has(address))
  if (missing !== undefined) {
    throw new CniError('internal', `Failed to match addr ${missing.address} on interface ${request.ifname}`)
  }
  const routes = JSON.stringify(await ipQuery(['route', 'show'], request.netns, signal))
  const lost = previous.routes.find(
    ({ dst }) => !dst.includes(':') && !routes.includes(dst === '0.0.0.0/0' ? '"default"' : `"${dst}"`),
  )
  if (lost !== undefined) throw new CniError('internal', `Expected Route ${lost.dst} not found in routing table`)
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
  if (config.ipMasq) await removeStaleMasquerade(request, signal)
  if (config.ipamType !== '') await delegate(config.ipamType, request, signal)
}

async function status(request: Request, signal: AbortSignal): Promise<void> {
  const config = parseBridgeConfig(request.config, request.args)
  if (config.ipamType !== '') await delegate(config.ipamType, request, signal)
}
