/** Asks the kernel what `interface.ts` needs to know. */
import { ExecError } from '../component-base/exec.ts'
import type { Logger } from '../component-base/logger.ts'
import { type Family, familyFacts, type PerFamily, perFamily } from './family.ts'
import type { Flags } from './flags.ts'
import { chooseExternal, type External, type HostFacts, parseDevice, parseInterfaces } from './interface.ts'
import { ipQuery } from './routes/links.ts'

/** The device for traffic between hosts; addresses that the API server holds for this host win over flags. */
export async function findExternal(
  { flags, logger }: { readonly flags: Flags; readonly logger: Logger },
  given: PerFamily<string>,
  stack: readonly Family[],
  signal: AbortSignal,
): Promise<External> {
  const canReach = flags['iface-can-reach']
  const facts: HostFacts = {
    interfaces: parseInterfaces(await ipQuery(['address', 'show'], signal)),
    defaultDevices: {
      ...(await defaultDevice('ipv4', signal)),
      ...(await defaultDevice('ipv6', signal)),
    },
    ...(canReach !== '' && (await reachOf(canReach, signal))),
  }
  const ofFlags = { ipv4: flags['public-ip'], ipv6: flags['public-ipv6'] }
  const publicIps = perFamily(stack, (family) => given[family] ?? (ofFlags[family] || undefined))
  const choice = { names: flags.iface, patterns: flags['iface-regex'], wantsReach: canReach !== '', publicIps }
  return chooseExternal(facts, choice, stack, (message) => logger.info(message))
}

async function defaultDevice(family: Family, signal: AbortSignal): Promise<PerFamily<string>> {
  const found = parseDevice(await ipQuery([familyFacts[family].ipFlag, 'route', 'show', 'default'], signal))
  return found === undefined ? {} : { [family]: found.device }
}

async function reachOf(address: string, signal: AbortSignal): Promise<Pick<HostFacts, 'reach'>> {
  try {
    const found = parseDevice(await ipQuery(['route', 'get', address], signal))
    return found === undefined ? {} : { reach: found }
  } catch (error) {
    if (error instanceof ExecError && error.exitCode !== undefined) return {}
    throw error
  }
}
