/** Packets travel in the kernel's VXLAN: device `flannel.<VNI>`, everything about other hosts set by us. */
import { createHash } from 'node:crypto'
import { ExecError, run } from '../../component-base/exec.ts'
import type { BackendConfig } from '../config.ts'
import { contains, formatIpv4, parseIpv4, parseSubnet } from '../ipv4.ts'
import { ipBatch, ipQuery, observeRoutes } from '../routes/apply.ts'
import type { Lease } from '../subnet/lease.ts'
import type { Backend, BackendOptions } from './backend.ts'
import { parseForwarding, parseNeighbours, planVxlan, type VxlanFacts, vtepsOf } from './vxlan-plan.ts'

/** Outer Ethernet, IPv4, UDP and VXLAN headers. */
const overhead = 50

/** How often the kernel's tables are compared again when no lease changes. */
const resyncMs = 10_000

type VxlanConfig = Extract<BackendConfig, { readonly type: 'vxlan' }>
type Options = BackendOptions & { readonly vxlan: VxlanConfig }

/** The vxlan backend. */
export function createVxlanBackend(options: Options): Backend {
  const device = `flannel.${options.vxlan.vni}`
  const mtu = options.vxlan.mtu > 0 ? options.vxlan.mtu : options.external.mtu - overhead
  return {
    mtu,
    attributes: async (signal) => {
      const mac = await ensureDevice(options, device, mtu, signal)
      const { publicIp, vxlan } = options
      return { publicIp, backendType: 'vxlan', backendData: { VNI: vxlan.vni, VtepMAC: mac } }
    },
    start: async (own, signal) => {
      await configure(device, own, signal)
      return { run: async (leases, runSignal) => await follow(options, device, leases, runSignal) }
    },
  }
}

/** Makes the device, or takes over one that fits; its hardware address. */
async function ensureDevice(options: Options, device: string, mtu: number, signal: AbortSignal): Promise<string> {
  const { vxlan, external } = options
  const present = deviceOf(await ipQuery(['-details', 'link', 'show', 'dev', device], signal))
  if (present !== undefined) {
    const { id, local, port, link, learning } = present
    const fits =
      id === vxlan.vni && local === external.address && port === vxlan.port && link === external.name && !learning
    if (fits) {
      await ipBatch([`link set dev ${device} mtu ${mtu} up`], signal)
      return present.mac
    }
    await ipBatch([`link delete dev ${device}`], signal)
  }
  const mac = hardwareAddress(options.publicIp, vxlan.vni)
  const gbp = vxlan.gbp ? ' gbp' : ''
  await ipBatch(
    [
      `link add name ${device} mtu ${mtu} address ${mac} type vxlan id ${vxlan.vni} dev ${external.name} local ${external.address} dstport ${vxlan.port} nolearning${gbp}`,
      `link set dev ${device} addrgenmode none up`,
    ],
    signal,
  )
  return mac
}

/** The same after every restart, so that other hosts' entries stay right. */
function hardwareAddress(publicIp: string, vni: number): string {
  const hex = createHash('sha256').update(`flannel ${vni} ${publicIp}`).digest('hex')
  return ['02', ...[0, 2, 4, 6, 8].map((at) => hex.slice(at, at + 2))].join(':')
}

type Device = {
  readonly mac: string
  readonly link: string
  readonly id: number
  readonly local: string
  readonly port: number
  readonly learning: boolean
}

function deviceOf(value: unknown): Device | undefined {
  const [found] = Array.isArray(value) ? value : []
  const data = found?.linkinfo?.info_data
  if (found === undefined || data === undefined) return undefined
  const { id, local, port, link, learning } = data
  return { mac: found.address, link, id, local, port, learning: learning === true }
}

async function configure(device: string, own: Lease, signal: AbortSignal): Promise<void> {
  const address = formatIpv4(own.subnet.address)
  const [found] = asList(await ipQuery(['-4', 'address', 'show', 'dev', device], signal))
  const others = asList(found?.['addr_info']).filter(({ local }) => typeof local === 'string' && local !== address)
  await ipBatch(
    [
      ...others.map(({ local, prefixlen }) => `address delete ${String(local)}/${String(prefixlen)} dev ${device}`),
      `address replace ${address}/32 dev ${device}`,
    ],
    signal,
  )
}

function asList(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value : []
}

async function follow(
  options: Options,
  device: string,
  leases: AsyncIterable<readonly Lease[]>,
  signal: AbortSignal,
): Promise<void> {
  const facts = await findFacts(options, device, signal)
  let current: readonly Lease[] | undefined
  const watch = async (): Promise<void> => {
    for await (const next of leases) {
      current = next
      await sync(options, facts, next, signal)
    }
  }
  const resync = async (): Promise<void> => {
    while (!signal.aborted) {
      await options.clock.sleep(resyncMs, signal)
      if (current !== undefined) await sync(options, facts, current, signal)
    }
  }
  await Promise.all([watch(), resync()])
}

async function findFacts(
  { config, external, vxlan }: Options,
  device: string,
  signal: AbortSignal,
): Promise<VxlanFacts> {
  const [found] = asList(await ipQuery(['-4', 'address', 'show', 'dev', external.name], signal))
  const links = asList(found?.['addr_info']).flatMap(
    ({ local, prefixlen }) => parseSubnet(`${String(local)}/${String(prefixlen)}`) ?? [],
  )
  return {
    device,
    external: external.name,
    network: config.network,
    isDirect: (publicIp) => {
      const address = parseIpv4(publicIp)
      return vxlan.directRouting && address !== undefined && links.some((link) => contains(link, address))
    },
  }
}

async function sync(
  { vxlan, logger }: Options,
  facts: VxlanFacts,
  leases: readonly Lease[],
  signal: AbortSignal,
): Promise<void> {
  const { device } = facts
  const fdb = await run('bridge', ['-json', 'fdb', 'show', 'dev', device], { signal })
  const observed = {
    routes: await observeRoutes(signal),
    neighbours: parseNeighbours(await ipQuery(['-4', 'neighbour', 'show', 'dev', device, 'nud', 'permanent'], signal)),
    forwarding: parseForwarding(fdb.stdout.trim() === '' ? [] : JSON.parse(fdb.stdout)),
  }
  const plan = planVxlan(vtepsOf(leases, vxlan.vni), observed, facts)
  const failures = [await batch('bridge', plan.bridge, signal), await batch('ip', plan.ip, signal)].filter(
    (text) => text !== '',
  )
  if (failures.length > 0) logger.error('Could not set all entries', { failures })
  else if (plan.bridge.length + plan.ip.length > 0)
    logger.info('Changed entries', { changes: plan.bridge.length + plan.ip.length })
}

/** Runs every line, also when one fails; what the tool had to say, '' when all went well. */
async function batch(tool: 'bridge' | 'ip', lines: readonly string[], signal: AbortSignal): Promise<string> {
  if (lines.length === 0) return ''
  try {
    await run(tool, ['-force', '-batch', '-'], { input: `${lines.join('\n')}\n`, signal })
    return ''
  } catch (error) {
    if (error instanceof ExecError && error.exitCode !== undefined) return error.stderr.trim()
    throw error
  }
}
