/** The proxy modes by name: the one place that knows them all. */
import { createIptablesMode } from './iptables/mode.ts'
import { createIpvsMode } from './ipvs/mode.ts'
import type { ModeName, ModeOptions, ProxyMode } from './mode.ts'
import { createNftablesMode } from './nftables/mode.ts'
import { ipv6Obstacle } from './sync/sysctl.ts'

type CreateMode = (options: ModeOptions) => ProxyMode

/** One line per mode. */
export const modes: Readonly<Record<ModeName, CreateMode>> = {
  iptables: createIptablesMode,
  ipvs: createIpvsMode,
  nftables: createNftablesMode,
}

/** Builds the mode for one address family. */
export function createMode(name: ModeName, options: ModeOptions): ProxyMode {
  return modes[name](options)
}

/**
 * The mode for each family that can be served here; a family that cannot is left out with a sentence. Rejects when
 * there is none.
 */
export async function createModes(
  name: ModeName,
  options: Omit<ModeOptions, 'family'>,
  signal: AbortSignal,
): Promise<readonly ProxyMode[]> {
  const usable: ProxyMode[] = []
  const obstacles: string[] = []
  for (const family of ['ip', 'ip6'] as const) {
    const mode = createMode(name, { ...options, family })
    const obstacle = (family === 'ip6' ? await ipv6Obstacle() : undefined) ?? (await mode.obstacle(signal))
    if (obstacle === undefined) usable.push(mode)
    else obstacles.push(`${ipNames[family]}: ${obstacle}`)
  }
  if (usable.length === 0) {
    // What both families lack is said once.
    const reasons = new Set(obstacles.map((each) => each.replace(/^IPv[46]: /, '')))
    const text = reasons.size === 1 ? [...reasons].join('') : obstacles.join('; ')
    throw new Error(`proxy mode "${name}" cannot work here: ${text}`)
  }
  if (obstacles.length > 0) options.logger.info('Serving one address family only', { mode: name, obstacles })
  return usable
}

const ipNames = { ip: 'IPv4', ip6: 'IPv6' } as const

/**
 * Removes what every mode but `kept` has left in the kernel; everything when none is kept. `false`: something stays for connections that
 * need it; ask again later.
 */
export async function cleanUpOtherModes(
  kept: ModeName | undefined,
  options: ModeOptions,
  signal: AbortSignal,
): Promise<boolean> {
  let isGone = true
  for (const [name, create] of Object.entries(modes)) {
    if (name !== kept && !(await create(options).cleanUp(kept, signal))) isGone = false
  }
  return isGone
}
