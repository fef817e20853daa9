/** All backends by type. */
import { type Family, familiesOf } from '../family.ts'
import type { Flags } from '../flags.ts'
import { ConfigError } from '../json-fields.ts'
import { createAllocBackend } from './alloc.ts'
import type { Backend, BackendOptions } from './backend.ts'
import type { BackendConfig } from './config.ts'
import { createExtensionBackend } from './extension.ts'
import { createHostGwBackend } from './host-gw.ts'
import { createIpipBackend, ipipName } from './ipip.ts'
import { tunName } from './udp/tun.ts'
import { createUdpBackend } from './udp/udp.ts'
import { createVxlanBackend } from './vxlan.ts'
import { vxlanName } from './vxlan-device.ts'
import { createWireguardBackend } from './wireguard.ts'
import { tunnelsOf } from './wireguard-plan.ts'

/** What some backends need besides. */
type Surroundings = { readonly flags: Flags; readonly env: Readonly<Record<string, string | undefined>> }

/** Where upstream keeps WireGuard's private key. */
const defaultKeyFile = '/run/flannel/wgkey'

/** Backends of which upstream has no IPv6 either. */
const ipv4Only: ReadonlySet<string> = new Set<BackendConfig['type']>(['udp', 'ipip', 'alloc'])

/** The backend that the network asks for. */
export function createBackend(options: BackendOptions, { flags, env }: Surroundings): Backend {
  const { backend, networks } = options.config
  checkFamilies(options, familiesOf(networks))
  switch (backend.type) {
    case 'udp':
      return createUdpBackend({ ...options, port: backend.port, wantsOffloads: flags['udp-offloads'] })
    case 'host-gw':
      return createHostGwBackend(options)
    case 'alloc':
      return createAllocBackend(options)
    case 'vxlan':
      return createVxlanBackend({ ...options, vxlan: backend })
    case 'ipip':
      return createIpipBackend({ ...options, directRouting: backend.directRouting })
    case 'wireguard':
      return createWireguardBackend({
        ...options,
        wireguard: backend,
        keyFile: env['WIREGUARD_KEY_FILE'] || defaultKeyFile,
      })
    case 'extension':
      return createExtensionBackend({ ...options, extension: backend, env })
  }
}

function checkFamilies({ config, logger }: BackendOptions, stack: readonly Family[]): void {
  const { type } = config.backend
  if (!ipv4Only.has(type) || !stack.includes('ipv6') || type === 'alloc') return
  if (!stack.includes('ipv4')) throw new ConfigError(`the ${type} backend carries IPv4 only`)
  logger.error(`The ${type} backend carries IPv4 only: IPv6 between hosts is left to others`)
}

/** Devices out of which the routes of a backend lead. */
export function devicesOf({ config, external }: Pick<BackendOptions, 'config' | 'external'>): readonly string[] {
  const { backend, networks } = config
  const stack = familiesOf(networks)
  const { name } = external
  switch (backend.type) {
    case 'udp':
      return [tunName]
    case 'vxlan':
      return [...stack.map((family) => vxlanName(family, backend.vni)), ...(backend.directRouting ? [name] : [])]
    case 'ipip':
      return [ipipName, ...(backend.directRouting ? [name] : [])]
    case 'wireguard':
      return tunnelsOf(backend, stack).map((tunnel) => tunnel.name)
    case 'host-gw':
    case 'alloc':
    case 'extension':
      return [name]
  }
}
