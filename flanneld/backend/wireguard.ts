/** Packets travel encrypted in the kernel's WireGuard, configured with the program `wg`. Both families. */
import { rm } from 'node:fs/promises'
import { ExecError, run } from '../../component-base/exec.ts'
import { formatSubnet } from '../../component-base/ip-address.ts'
import { replaceFile } from '../../component-base/replace-file.ts'
import { familiesOf } from '../family.ts'
import { ConfigError } from '../json-fields.ts'
import { observeRoutes } from '../routes/apply.ts'
import { ensureLink, ipBatch, type Link, observeLink, planAddresses, planUp } from '../routes/links.ts'
import type { Lease } from '../subnet/lease.ts'
import type { Backend, BackendOptions } from './backend.ts'
import type { WireguardConfig } from './config.ts'
import { followLeases } from './follow.ts'
import { type KeyPair, loadKeys, parseKey } from './wireguard-keys.ts'
import {
  carried,
  isInStep,
  type Peer,
  peersOf,
  renderWireguard,
  type Tunnel,
  tunnelsOf,
  wireguardAttributes,
} from './wireguard-plan.ts'

/** Outer IPv6 and UDP headers and WireGuard's own 32 bytes. */
const overhead = 80
const removeLimitMs = 5_000

type Options = BackendOptions & {
  readonly wireguard: WireguardConfig
  /** Where the private key lies. */
  readonly keyFile: string
}

/** The wireguard backend. */
export function createWireguardBackend(options: Options): Backend {
  const { config, external, wireguard, keyFile, clock, logger } = options
  if (wireguard.psk !== '') parseKey(wireguard.psk, 'could not parse psk')
  const mtu = (wireguard.mtu > 0 ? wireguard.mtu : external.mtu) - overhead
  const tunnels = tunnelsOf(wireguard, familiesOf(config.networks))
  return {
    mtu,
    attributes: async (signal) => {
      const keys = await loadKeys(keyFile)
      await checkTool(signal)
      for (const { name } of tunnels) await ensureDevice(name, mtu, signal)
      return wireguardAttributes(wireguard, keys.publicKey, external.publicIps)
    },
    start: async (own, signal) => {
      const keys = await loadKeys(keyFile)
      const applied = new Map<string, string>()
      for (const tunnel of tunnels) await configure(options, { tunnel, own, mtu }, signal)
      const sync = async (leases: readonly Lease[], syncSignal: AbortSignal): Promise<void> => {
        for (const tunnel of tunnels) {
          await configure(options, { tunnel, own, mtu }, syncSignal)
          const peers = peersOf(tunnel, leases, wireguard, external.publicIps)
          await syncPeers(options, { tunnel, peers, keys, applied }, syncSignal)
        }
      }
      return {
        run: async (leases, runSignal) => {
          try {
            await followLeases({ clock, logger, sync }, leases, runSignal)
          } finally {
            // As upstream: a host whose daemon was stopped takes no part in the network any more.
            const limit = AbortSignal.timeout(removeLimitMs)
            for (const { name } of tunnels) await ipBatch([`link delete dev ${name}`], limit).catch(() => undefined)
          }
        },
      }
    },
  }
}

async function checkTool(signal: AbortSignal): Promise<void> {
  try {
    await run('wg', ['--version'], { signal })
  } catch (error) {
    if (!(error instanceof ExecError)) throw error
    throw new ConfigError('the wireguard backend needs the program wg: install the package wireguard-tools', {
      cause: error,
    })
  }
}

/** A device that is there stays, with its tunnels: that is how a killed daemon's connections live on. */
async function ensureDevice(name: string, mtu: number, signal: AbortSignal): Promise<Link | undefined> {
  const link = await observeLink(name, signal)
  if (link?.kind === 'wireguard') return link
  if (link !== undefined) await ipBatch([`link delete dev ${name}`], signal)
  await ensureLink('wireguard', [`link add name ${name} mtu ${mtu} type wireguard`], signal)
  return undefined
}

type Place = { readonly tunnel: Tunnel; readonly own: Lease; readonly mtu: number }

/** Device, addresses, and the routes to the networks. Safe to repeat. */
async function configure({ config }: Options, { tunnel, own, mtu }: Place, signal: AbortSignal): Promise<void> {
  const { name } = tunnel
  const link = await ensureDevice(name, mtu, signal)
  const families = carried(tunnel, own)
  const routes = await observeRoutes(families, signal)
  const lines: string[] = [...planUp(name, link, mtu)]
  for (const family of families) {
    const [half, network] = [own[family], config.networks[family]]
    if (half === undefined || network === undefined) continue
    lines.push(...planAddresses(name, half.subnet, link))
    const all = formatSubnet(network)
    const isRouted = routes.some(({ destination, device }) => formatSubnet(destination) === all && device === name)
    if (!isRouted) lines.push(`route replace ${all} dev ${name}${family === 'ipv4' ? ' scope link' : ''}`)
  }
  await ipBatch(lines, signal)
}

type Wanted = {
  readonly tunnel: Tunnel
  readonly peers: readonly Peer[]
  readonly keys: KeyPair
  /** The last text for each device: another endpoint shows there only. */
  readonly applied: Map<string, string>
}

async function syncPeers(
  { wireguard, keyFile, logger }: Options,
  { tunnel, peers, keys, applied }: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const text = renderWireguard(tunnel, peers, wireguard, keys)
  const { stdout } = await run('wg', ['show', tunnel.name, 'dump'], { signal })
  if (applied.get(tunnel.name) === text && isInStep(stdout, tunnel, peers, wireguard, keys)) return
  // Not by standard input: the tool opens a path, and what Node gives a process there cannot be opened again.
  const file = `${keyFile}.${tunnel.name}.conf`
  try {
    await replaceFile(file, text, 0o600)
    await run('wg', ['syncconf', tunnel.name, file], { signal })
  } finally {
    await rm(file, { force: true })
  }
  applied.set(tunnel.name, text)
  logger.info('Changed peers', { device: tunnel.name, peers: peers.length })
}
