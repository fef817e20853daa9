/** What mode ipvs needs of the kernel: whether it is there, and how it is set. */
import { readFile, writeFile } from 'node:fs/promises'
import { release } from 'node:os'
import { ExecError, run } from '../../component-base/exec.ts'
import type { Logger } from '../../component-base/logger.ts'
import { type IpsetCommand, isMissingTool } from '../../netfilter/ipset-command.ts'
import type { IpvsCommand } from '../../netfilter/ipvs-command.ts'
import type { IpvsSettings } from './settings.ts'

/** Of TEST-NET-2, which nobody uses: as upstream probes. */
const probeServer = '-t 198.51.100.0:20000'
/** From here on the kernel's own default is right. Source: kubernetes#93297, upstream's IPVSConnReuseModeFixedKernelVersion. */
const connReuseFixed = [5, 9] as const

/** Why the mode cannot work here, in one sentence; `undefined` when it can. */
export async function obstacleTo(
  { scheduler }: IpvsSettings,
  tools: { readonly ipset: IpsetCommand; readonly ipvs: IpvsCommand },
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await tools.ipset.version(signal)
  } catch (error) {
    return obstacleOf(error, 'ipset', 'the kernel has no ipset (module ip_set)', signal)
  }
  try {
    const servers = await tools.ipvs.save(signal)
    // After a restart the scheduler is in use: nothing to try.
    if ([...servers.values()].some((server) => server.scheduler === scheduler)) return undefined
  } catch (error) {
    return obstacleOf(error, 'ipvsadm', 'the kernel has no IPVS (module ip_vs)', signal)
  }
  const complaints = await tools.ipvs.restore(`-A ${probeServer} -s ${scheduler}\n`, signal)
  if (complaints.length > 0) return `the kernel has no IPVS scheduler "${scheduler}" (module ip_vs_${scheduler})`
  await tools.ipvs.restore(`-D ${probeServer}\n`, signal)
  return undefined
}

function obstacleOf(error: unknown, tool: string, missing: string, signal: AbortSignal): string {
  signal.throwIfAborted()
  if (!(error instanceof ExecError)) throw error
  return isMissingTool(error) ? `${tool} is not installed` : missing
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
