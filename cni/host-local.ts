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
import {
  CniError,
  type Dns,
  type IpConfig,
  type Plugin,
  type Request,
  type Result,
  validAttachments,
} from './protocol.ts'
import { candidates, formatRangeSet, type IpamConfig, parseIpam, type Range, rangeOf } from './ranges.ts'

type Reservation = { readonly address: string; readonly containerId: string; readonly ifname: string }

/** The host-local plugin. */
export const hostLocal: Plugin = { add, del, check, gc, status }

async function add(request: Request): Promise<Result> {
  const ipam = parseIpam(request)
  const dns = ipam.resolvConf === '' ? {} : parseResolvConf(await readResolvConf(ipam.resolvConf))
  const folder = folderOf(ipam, request)
  await mkdir(folder, { recursive: true })
  const existing = (await listReservations(folder)).filter((item) => isFor(item, request))
  const wishes = [...ipam.requested]
  const ips: IpConfig[] = []
  try {
    for (const [index, set] of ipam.rangeSets.entries()) {
      const at = wishes.findIndex((address) => rangeOf(set, address) !== undefined)
      const [wanted] = at < 0 ? [] : wishes.splice(at, 1)
      ips.push(await reserveOne({ folder, index, set, wanted, existing }, request))
    }
    if (wishes.length > 0) {
      throw new CniError('internal', `failed to allocate all requested IPs: ${wishes.map(formatAddress).join(' ')}`)
    }
  } catch (error) {
    await Promise.all(ips.map(({ address }) => remove(`${folder}/${address.split('/')[0]}`)))
    throw error
  }
  return { interfaces: [], ips, routes: ipam.routes, dns }
}

async function readResolvConf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    throw new CniError('internal', `open ${path}: no such file or directory`)
  }
}

/** The settings of a resolver's file. Pure. */
export function parseResolvConf(text: string): Dns {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/))
  const valuesOf = (name: string): readonly string[][] =>
    lines.flatMap(([word, ...values]) => (word === name && values.length > 0 ? [values] : []))
  const nameservers = valuesOf('nameserver').flatMap(([first]) => first ?? [])
  const domain = valuesOf('domain').at(-1)?.[0]
  const search = valuesOf('search').flat()
  const options = valuesOf('options').flat()
  return {
    ...(nameservers.length > 0 && { nameservers }),
    ...(domain !== undefined && { domain }),
    ...(search.length > 0 && { search }),
    ...(options.length > 0 && { options }),
  }
}

type Wish = {
  readonly folder: string
  readonly index: number
  readonly set: readonly Range[]
  readonly wanted: Address | undefined
  /** What this container has already. */
  readonly existing: readonly Reservation[]
}

async function reserveOne({ folder, index, set, wanted, existing }: Wish, request: Request): Promise<IpConfig> {
  const failed = (reason: string) => new CniError('internal', `failed to allocate for range ${index}: ${reason}`)
  if (wanted === undefined) {
    const own = existing.find(({ address }) => isInSet(set, address))
    if (own !== undefined) {
      throw failed(`${own.address} has been allocated to ${request.containerId}, duplicate allocation is not allowed`)
    }
  } else if (rangeOf(set, wanted)?.gateway.value === wanted.value) {
    throw failed(`requested ip ${formatAddress(wanted)} is subnet's gateway`)
  }
  const last = parseAddress((await readText(`${folder}/last_reserved_ip.${index}`)).trim())
  for (const { address, range } of wanted === undefined ? candidates(set, last) : fixed(set, wanted)) {
    const text = formatAddress(address)
    if (!(await reserve(folder, text, request))) continue
    await writeAtomically(`${folder}/last_reserved_ip.${index}`, text, request)
    return { address: `${text}/${range.subnet.prefix}`, gateway: formatAddress(range.gateway) }
  }
  throw failed(
    wanted === undefined
      ? `no IP addresses available in range set: ${formatRangeSet(set)}`
      : `requested IP address ${formatAddress(wanted)} is not available in range set ${formatRangeSet(set)}`,
  )
}

function isInSet(set: readonly Range[], text: string): boolean {
  const address = parseAddress(text)
  return address !== undefined && rangeOf(set, address) !== undefined
}

function fixed(set: readonly Range[], address: Address): readonly { address: Address; range: Range }[] {
  const range = rangeOf(set, address)
  return range === undefined ? [] : [{ address, range }]
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

async function writeTemporary(folder: string, text: string, request: Request): Promise<string> {
  const path = `${folder}/${temporaryPrefix(request)}${process.pid}.tmp`
  await writeFile(path, text, { mode: 0o600 })
  return path
}

async function del(request: Request): Promise<void> {
  await release(request, (item) => isFor(item, request))
  await removeTemporaries(request, (name) => name.startsWith(temporaryPrefix(request)))
}

/** What a killed ADD was about to link into place. */
async function removeTemporaries(request: Request, isMeant: (name: string) => boolean): Promise<void> {
  const folder = folderOf(parseIpam(request), request)
  const left = (await listNames(folder)).filter((name) => name.endsWith('.tmp') && isMeant(name))
  await Promise.all(left.map(async (name) => await remove(`${folder}/${name}`)))
}

function temporaryPrefix({ containerId, ifname }: { readonly containerId: string; readonly ifname: string }): string {
  return `.${containerId}-${ifname}-`
}

async function gc(request: Request): Promise<void> {
  const valid = validAttachments(request.config)
  const keys = new Set(valid.map((item) => `${item.containerId} ${item.ifname}`))
  await release(request, (item) => !keys.has(`${item.containerId} ${item.ifname}`))
  await removeTemporaries(request, (name) => !valid.some((item) => name.startsWith(temporaryPrefix(item))))
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
