/** What mode ipvs needs of the kernel: whether it is there, and how it is set. */
import { readFile, writeFile } from 'node:fs/promises'
import { release } from 'node:os'
import { ExecError, run } from '../../component-base/exec.ts'
import type { Logger } from '../../component-base/logger.ts'
import { NetlinkError, NetlinkUnavailableError } from '../../component-base/netlink/message.ts'
import { type IpsetCommand, isMissingTool } from '../../netfilter/ipset-command.ts'
import { keyOf, type VirtualServer } from '../../netfilter/ipvs.ts'
import type { Ipvs } from '../../netfilter/ipvs-kernel.ts'
import type { ServiceDevice } from './device.ts'
import type { IpvsSettings } from './settings.ts'

/** Of TEST-NET-2, which nobody uses: as upstream probes. */
const probeServer = { protocol: 'tcp', address: '198.51.100.0:20000' } as const
/** From here on the kernel's own default is right. Source: kubernetes#93297, upstream's IPVSConnReuseModeFixedKernelVersion. */
const connReuseFixed = [5, 9] as const

/** Why the mode cannot work here, in one sentence; `undefined` when it can. */
export async function obstacleTo(
  { scheduler }: IpvsSettings,
  tools: { readonly ipset: IpsetCommand; readonly ipvs: Ipvs; readonly device: ServiceDevice },
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await tools.ipset.version(signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof ExecError)) throw error
    return isMissingTool(error) ? 'ipset is not installed' : 'the kernel has no ipset (module ip_set)'
  }
  try {
    if (!(await tools.ipvs.load(signal))) return 'the kernel has no IPVS (module ip_vs)'
    const refusal = await tryScheduler(scheduler, tools.ipvs, signal)
    if (refusal !== undefined) return refusal
    // Last, because it stays.
    return (await tools.device.ensure()) ? undefined : 'the kernel has no dummy devices (module dummy)'
  } catch (error) {
    if (error instanceof NetlinkUnavailableError) return error.message
    if (error instanceof NetlinkError) return `the kernel does not let this process use IPVS (${error.code})`
    throw error
  }
}

/** Where it can be used, leaves nothing behind. */
async function tryScheduler(scheduler: string, ipvs: Ipvs, signal: AbortSignal): Promise<string | undefined> {
  const key = keyOf(probeServer)
  const more = { scheduler, schedulerFlags: '', persistentSeconds: 0, realServers: new Map() }
  const server: VirtualServer = { ...probeServer, ...more }
  const [refusal] = await ipvs.apply([{ type: 'addServer', key, server }], signal)
  // A probe that was killed has left it.
  if (refusal === undefined || refusal.code === 'EEXIST') await ipvs.apply([{ type: 'deleteServer', key }], signal)
  switch (refusal?.code) {
    case undefined:
    case 'EEXIST':
      return undefined
    case 'ENOENT':
      return `the kernel has no IPVS scheduler "${scheduler}" (module ip_vs_${scheduler})`
    default:
      return `the kernel does not let this process use IPVS (${refusal?.code})`
  }
}

type Setting = readonly [name: string, value: string]

/** The settings of the kernel, by the names below `/proc/sys`. */
export function wantedSettings({ isStrictArp }: IpvsSettings, kernelRelease: string): readonly Setting[] {
  return [
    // Lets iptables see and masquerade what IPVS translates.
    ['net/ipv4/vs/conntrack', '1'],
    ...(isOlder(kernelRelease, connReuseFixed) ? ([['net/ipv4/vs/conn_reuse_mode', '0']] as const) : []),
    // Connections to a real server that is gone, and the memory of clients that were sent to one that is going, end at once.
    ['net/ipv4/vs/expire_nodest_conn', '1'],
    ['net/ipv4/vs/expire_quiescent_template', '1'],
    ['net/ipv4/ip_forward', '1'],
    ...(isStrictArp
      ? ([
          ['net/ipv4/conf/all/arp_ignore', '1'],
          ['net/ipv4/conf/all/arp_announce', '2'],
        ] as const)
      : []),
  ]
}

function isOlder(kernelRelease: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = kernelRelease.split('.').map((part) => Number.parseInt(part, 10))
  return ownMajor < major || (ownMajor === major && ownMinor < minor)
}

/** Sets what is not set. */
export async function applySettings(
  settings: IpvsSettings,
  { namespace, logger }: { readonly namespace?: string; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  const wanted = wantedSettings(settings, release())
  if (namespace !== undefined) {
    const words = wanted.map(([name, value]) => `${name.replaceAll('/', '.')}=${value}`)
    await run('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', ...words], { signal })
    return
  }
  for (const [name, value] of wanted) {
    if ((await readFile(`/proc/sys/${name}`, 'utf8')).trim() === value) continue
    await writeFile(`/proc/sys/${name}`, value)
    logger.info('Set sysctl', { name, value })
  }
}
