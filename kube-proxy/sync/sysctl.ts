/** Settings of the kernel that Services need, in the network namespace of this process. */
import { readFile, writeFile } from 'node:fs/promises'
import { run } from '../../component-base/exec.ts'
import type { Logger } from '../../component-base/logger.ts'

const bridgeSetting = 'net/bridge/bridge-nf-call-iptables'
const bridgeSetting6 = 'net/bridge/bridge-nf-call-ip6tables'

export type KernelSettings = {
  /** Whether iptables sees packets that a bridge passes between two of its ports. */
  readonly seesBridged: boolean
  /** Whether conntrack lets packets out of the window pass. */
  readonly isTcpLiberal: boolean
}

export type KernelWishes = {
  readonly hasLocalhostNodePorts: boolean
  readonly conntrack: {
    /** 0: leave as it is. */
    readonly max: number
    readonly tcpTimeoutEstablishedSeconds: number
    readonly tcpTimeoutCloseWaitSeconds: number
    readonly udpTimeoutSeconds: number
    readonly udpStreamTimeoutSeconds: number
    readonly isTcpLiberal: boolean
  }
}

/** Sets what can be set and tells what cannot. */
export async function prepareKernel(
  { hasLocalhostNodePorts, conntrack }: KernelWishes,
  logger: Logger,
  signal: AbortSignal,
): Promise<KernelSettings> {
  if (hasLocalhostNodePorts) await write('net/ipv4/conf/all/route_localnet', '1', logger)
  await write('net/ipv4/ip_forward', '1', logger)
  await tuneConntrack(conntrack, logger)
  return {
    seesBridged: await showBridged(logger, signal),
    isTcpLiberal: (await read('net/netfilter/nf_conntrack_tcp_be_liberal')) === '1',
  }
}

async function tuneConntrack(conntrack: KernelWishes['conntrack'], logger: Logger): Promise<void> {
  const { max, isTcpLiberal } = conntrack
  // The size of the table belongs to the machine; inside a network namespace it can be read only.
  if (max > Number((await read('net/netfilter/nf_conntrack_max')) ?? max)) {
    await write('net/netfilter/nf_conntrack_max', String(max), logger, 'debug')
  }
  const timeouts = [
    ['tcp_timeout_established', conntrack.tcpTimeoutEstablishedSeconds],
    ['tcp_timeout_close_wait', conntrack.tcpTimeoutCloseWaitSeconds],
    ['udp_timeout', conntrack.udpTimeoutSeconds],
    ['udp_timeout_stream', conntrack.udpStreamTimeoutSeconds],
  ] as const
  for (const [name, seconds] of timeouts) {
    if (seconds > 0) await write(`net/netfilter/nf_conntrack_${name}`, String(seconds), logger)
  }
  if (isTcpLiberal) await write('net/netfilter/nf_conntrack_tcp_be_liberal', '1', logger)
}

/**
 * A pod that reaches a pod on the same node through a Service gets its replies over the bridge. Unless iptables sees
 * them there, they arrive with the endpoint's address, which the client does not know.
 */
async function showBridged(logger: Logger, signal: AbortSignal): Promise<boolean> {
  if ((await read(bridgeSetting)) === undefined) {
    try {
      await run('modprobe', ['br_netfilter'], { signal })
    } catch (error) {
      logger.debug('Module br_netfilter not loaded', { error })
    }
  }
  if ((await read(bridgeSetting)) === undefined) return false
  const isShown = await write(bridgeSetting, '1', logger)
  // For IPv6, where the kernel has it.
  if ((await read(bridgeSetting6)) !== undefined) await write(bridgeSetting6, '1', logger)
  return isShown
}

async function read(name: string): Promise<string | undefined> {
  try {
    return (await readFile(`/proc/sys/${name}`, 'utf8')).trim()
  } catch {
    // The kernel has no such setting: the caller has a way without it.
    return undefined
  }
}

async function write(
  name: string,
  value: string,
  logger: Logger,
  level: 'debug' | 'error' = 'error',
): Promise<boolean> {
  if ((await read(name)) === value) return true
  try {
    await writeFile(`/proc/sys/${name}`, value)
    logger.info('Set sysctl', { name, value })
    return true
  } catch (error) {
    logger[level]('Sysctl not set', { name, value, error })
    return false
  }
}

/** Why IPv6 cannot be served in this network namespace, whatever the mode. */
export async function ipv6Obstacle(): Promise<string | undefined> {
  const disabled = await read('net/ipv6/conf/all/disable_ipv6')
  if (disabled === undefined) return 'the kernel has no IPv6'
  return disabled === '1' ? 'IPv6 is disabled (net.ipv6.conf.all.disable_ipv6)' : undefined
}
