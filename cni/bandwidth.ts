/** Limits a container's traffic: a plugin for the end of a list, after the one that made the veth. */
import { hostEnd, ifbAlias, ifbName, type Limits, parseLimits, planBandwidth, queueFault } from './bandwidth-plan.ts'
import { ipBatch, ipQuery, runTool } from './exec.ts'
import {
  CniError,
  type JsonMap,
  type Plugin,
  parsePreviousResult,
  type Request,
  type Result,
  records,
  validAttachments,
} from './protocol.ts'

/** The bandwidth plugin. */
export const bandwidth: Plugin = { add, del, check, gc, status }

const nothing: Result = { interfaces: [], ips: [], routes: [], dns: {} }

async function add(request: Request, signal: AbortSignal): Promise<Result> {
  const { config, containerId } = request
  const limits = parseLimits(config)
  if (!hasLimits(limits)) return parsePreviousResult(config) ?? nothing
  const previous = previousOf(request)
  const { ifname: host, mtu } = await findHostEnd(request, previous, signal)
  const ifb = ifbName(config.name, containerId)
  // Left by an ADD that was killed halfway.
  await removeLink(ifb, signal)
  const { links, queues } = planBandwidth(limits, { host, mtu, ifb, network: config.name })
  await ipBatch(links, undefined, signal)
  await runTool('tc', ['-batch', '-'], { input: `${queues.join('\n')}\n` }, signal)
  if (limits.egress === undefined) return previous
  const [device] = records(await ipQuery(['link', 'show', 'dev', ifb], undefined, signal))
  return { ...previous, interfaces: [...previous.interfaces, { name: ifb, mac: String(device?.['address'] ?? '') }] }
}

function hasLimits({ ingress, egress }: Limits): boolean {
  return ingress !== undefined || egress !== undefined
}

function previousOf({ config }: Request): Result {
  const previous = parsePreviousResult(config)
  if (previous === undefined) throw new CniError('internal', 'must be called as chained plugin')
  return previous
}

async function findHostEnd(
  { netns, ifname }: Request,
  previous: Result,
  signal: AbortSignal,
): Promise<{ readonly ifname: string; readonly mtu: number }> {
  const inside = await ipQuery(['link', 'show', 'dev', ifname], netns, signal).catch(() => [])
  const peerIndex = Number(records(inside)[0]?.['link_index'] ?? 0)
  const links = records(await ipQuery(['link', 'show'], undefined, signal)).map((link) => ({
    ifindex: Number(link['ifindex']),
    ifname: String(link['ifname']),
    mtu: Number(link['mtu']),
  }))
  return hostEnd(previous, ifname, peerIndex, links)
}

/** Whether limits are set or not: an ADD with other ones may have gone before. The container's veth goes with its queues. */
async function del({ config, containerId }: Request, signal: AbortSignal): Promise<void> {
  await removeLink(ifbName(config.name, containerId), signal)
}

async function removeLink(name: string, signal: AbortSignal): Promise<void> {
  const isThere = (await ipQuery(['link', 'show', 'dev', name], undefined, signal).catch(() => undefined)) !== undefined
  if (isThere) await ipBatch([`link delete dev ${name}`], undefined, signal)
}

async function check(request: Request, signal: AbortSignal): Promise<void> {
  const limits = parseLimits(request.config)
  const previous = previousOf(request)
  if (!hasLimits(limits)) return
  const { ifname: host } = await findHostEnd(request, previous, signal)
  const ifb = ifbName(request.config.name, request.containerId)
  for (const [device, limit] of [
    [host, limits.ingress],
    [ifb, limits.egress],
  ] as const) {
    const fault = limit === undefined ? undefined : queueFault(await queuesOf(device, signal), limit)
    if (fault !== undefined) throw new CniError('internal', fault)
  }
}

async function queuesOf(device: string, signal: AbortSignal): Promise<readonly JsonMap[]> {
  return records(JSON.parse(await runTool('tc', ['-json', 'qdisc', 'show', 'dev', device], {}, signal)))
}

/** Devices of containers that are gone, by the alias that ADD gave them. */
async function gc({ config }: Request, signal: AbortSignal): Promise<void> {
  const keep = new Set(validAttachments(config).map(({ containerId }) => ifbName(config.name, containerId)))
  const devices = records(await ipQuery(['link', 'show', 'type', 'ifb'], undefined, signal))
  const stale = devices.filter(({ ifalias, ifname }) => ifalias === ifbAlias(config.name) && !keep.has(String(ifname)))
  await ipBatch(
    stale.map(({ ifname }) => `link delete dev ${String(ifname)}`),
    undefined,
    signal,
  )
}

/** Without `tc` there would be no limits. */
async function status(_request: Request, signal: AbortSignal): Promise<void> {
  await runTool('tc', ['qdisc', 'show', 'dev', 'lo'], {}, signal)
}
