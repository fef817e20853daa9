/**
 * Address management from files of this host, in upstream's layout:
 *
 *   <dataDir>/<network>/10.244.1.7              "containerID\r\nifname"
 *   <dataDir>/<network>/last_reserved_ip.0      "10.244.1.7"
 *
 * A reservation appears complete or not at all: it is written under a temporary
 * name and then linked to its own, which fails when somebody else was first. So
 * no lock is held, and a crash at any moment leaves nothing that CHECK, DEL and
 * GC could not read.
 */
import { link, mkdir, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { type Address, formatAddress, parseAddress } from '../component-base/ip-address.ts'
import { CniError, type IpConfig, type Plugin, type Request, type Result, validAttachments } from './protocol.ts'
import { candidates, formatRangeSet, type IpamConfig, parseIpam, type Range, rangeOf } from './ranges.ts'

type Reservation = { readonly address: string; readonly containerId: string; readonly ifname: string }

/** The host-local plugin. */
export const hostLocal: Plugin = { add, del, check, gc, status }

async function add(request: Request): Promise<Result> {
  const ipam = parseIpam(request)
  const folder = folderOf(ipam, request)
  await mkdir(folder, { recursive: true })
  const existing = (await listReservations(folder)).filter((item) => isFor(item, request))
  if (existing.length > 0) {
    const id = `${request.containerId}`
    throw new CniError(
      'internal',
      `${existing[0]?.address} has been allocated to ${id}, duplicate allocation is not allowed`,
    )
  }
  const ips: IpConfig[] = []
  try {
    for (const [index, set] of ipam.rangeSets.entries()) ips.push(await reserveOne(folder, index, set, ipam, request))
    refuseUnusedRequests(ipam, ips)
  } catch (error) {
    await Promise.all(ips.map(({ address }) => remove(`${folder}/${address.split('/')[0]}`)))
    throw error
  }
  return { interfaces: [], ips, routes: ipam.routes, dns: {} }
}

function refuseUnusedRequests({ requested }: IpamConfig, ips: readonly IpConfig[]): void {
  const given = new Set(ips.map(({ address }) => address.split('/')[0]))
  const unused = requested.map(formatAddress).filter((address) => !given.has(address))
  if (unused.length > 0) throw new CniError('internal', `requested IPs not in any range: ${unused.join(', ')}`)
}

async function reserveOne(
  folder: string,
  index: number,
  set: readonly Range[],
  ipam: IpamConfig,
  request: Request,
): Promise<IpConfig> {
  const wanted = ipam.requested.find((address) => rangeOf(set, address) !== undefined)
  const last = parseAddress((await readText(`${folder}/last_reserved_ip.${index}`)).trim())
  for (const { address, range } of wanted === undefined ? candidates(set, last) : fixed(set, wanted)) {
    const text = formatAddress(address)
    if (!(await reserve(folder, text, request))) continue
    await writeAtomically(`${folder}/last_reserved_ip.${index}`, text, request)
    return { address: `${text}/${range.subnet.prefix}`, gateway: formatAddress(range.gateway) }
  }
  const reason =
    wanted === undefined
      ? `no IP addresses available in range set: ${formatRangeSet(set)}`
      : `requested IP address ${formatAddress(wanted)} is not available in range set ${formatRangeSet(set)}`
  throw new CniError('internal', `failed to allocate for range ${index}: ${reason}`)
}

function fixed(set: readonly Range[], address: Address): readonly { address: Address; range: Range }[] {
  const range = rangeOf(set, address)
  if (range === undefined) return []
  if (range.gateway.value === address.value) {
    throw new CniError('internal', `requested ip ${formatAddress(address)} is subnet's gateway`)
  }
  return [{ address, range }]
}

async function reserve(folder: string, address: string, request: Request): Promise<boolean> {
  const temporary = await writeTemporary(folder, `${request.containerId}\r\n${request.ifname}`, request)
  try {
    await link(temporary, `${folder}/${address}`)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await remove(temporary)
  }
}

async function writeAtomically(path: string, text: string, request: Request): Promise<void> {
  await rename(await writeTemporary(path.slice(0, path.lastIndexOf('/')), text, request), path)
}

async function writeTemporary(folder: string, text: string, { containerId, ifname }: Request): Promise<string> {
  const path = `${folder}/.${containerId}-${ifname}-${process.pid}.tmp`
  await writeFile(path, text, { mode: 0o600 })
  return path
}

async function del(request: Request): Promise<void> {
  await release(request, (item) => isFor(item, request))
}

async function gc(request: Request): Promise<void> {
  const valid = validAttachments(request.config)
  const keys = new Set(valid.map((item) => `${item.containerId} ${item.ifname}`))
  await release(request, (item) => !keys.has(`${item.containerId} ${item.ifname}`))
  const folder = folderOf(parseIpam(request), request)
  const isInUse = (name: string): boolean =>
    valid.some((item) => name.startsWith(`.${item.containerId}-${item.ifname}-`))
  const leftovers = (await listNames(folder)).filter((name) => name.endsWith('.tmp') && !isInUse(name))
  await Promise.all(leftovers.map(async (name) => await remove(`${folder}/${name}`)))
}

async function release(request: Request, isGone: (item: Reservation) => boolean): Promise<void> {
  const folder = folderOf(parseIpam(request), request)
  const gone = (await listReservations(folder)).filter(isGone)
  await Promise.all(gone.map(({ address }) => remove(`${folder}/${address}`)))
}

async function check(request: Request): Promise<void> {
  const folder = folderOf(parseIpam(request), request)
  const found = (await listReservations(folder)).some((item) => isFor(item, request))
  if (!found)
    throw new CniError('internal', `host-local: Failed to find address added by container ${request.containerId}`)
}

async function status(request: Request): Promise<void> {
  parseIpam(request)
}

function folderOf({ dataDir }: IpamConfig, { config }: Request): string {
  return `${dataDir}/${config.name}`
}

function isFor(item: Reservation, request: Request): boolean {
  return item.containerId === request.containerId && item.ifname === request.ifname
}

/** All reservations of a network; those of other writers, with the container id alone, count for every interface. */
export async function listReservations(folder: string): Promise<readonly Reservation[]> {
  const names = (await listNames(folder)).filter((name) => parseAddress(name) !== undefined)
  return Promise.all(
    names.map(async (address) => {
      const [containerId = '', ifname = 'eth0'] = (await readText(`${folder}/${address}`)).trim().split('\r\n')
      return { address, containerId, ifname }
    }),
  )
}

async function listNames(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return ''
    throw error
  }
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
