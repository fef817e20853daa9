/**
 * The daemon from start to stop:
 *
 *   network config ─▶ interface ─▶ backend prepares ─▶ lease ─▶ rules, subnet.env ─▶ follow other hosts' leases
 */
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import { runAll } from '../component-base/run.ts'
import type { BackendOptions } from './backend/backend.ts'
import { createBackend, devicesOf } from './backend/backends.ts'
import { removeTun, tunName } from './backend/udp/tun.ts'
import { describeNetwork } from './config.ts'
import { findExternal } from './external.ts'
import { familiesOf, familyFacts, perFamily } from './family.ts'
import type { Flags } from './flags.ts'
import { healthTask } from './health.ts'
import { ConfigError } from './json-fields.ts'
import { applyRoutes, observeRoutes } from './routes/apply.ts'
import { ipQuery } from './routes/links.ts'
import { isWithin, parseAddresses } from './routes/plan.ts'
import { planStaleRoutes } from './routes/stale.ts'
import { readPreviousEnv, writeSubnetEnv } from './subnet/env-file.ts'
import { describeSubnets, type SubnetManager } from './subnet/lease.ts'
import { openSubnetManager } from './subnet/open.ts'
import { notifyReady } from './systemd.ts'
import { installTraffic } from './traffic.ts'

/** What the daemon needs from outside. */
export type FlanneldInput = {
  readonly flags: Flags
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly logger: Logger
}

/** Runs until `signal` aborts. */
export async function runFlanneld(input: FlanneldInput, signal: AbortSignal): Promise<void> {
  const { flags } = input
  checkFlags(flags)
  const state = { isReady: false, metrics: () => '' }
  const { manager, tasks } = await openSubnetManager(input, signal)
  await runAll(signal, {
    ...tasks,
    ...(flags['healthz-port'] > 0 && {
      health: healthTask(
        flags,
        () => state.isReady,
        () => state.metrics(),
      ),
    }),
    network: async (taskSignal) => await runNetwork(input, manager, state, taskSignal),
  })
}

const longestMarginMinutes = 24 * 60 - 1

function checkFlags(flags: Flags): void {
  const margin = flags['subnet-lease-renew-margin']
  if (margin < 1 || margin > longestMarginMinutes) {
    throw new ConfigError('Invalid subnet-lease-renew-margin option, out of acceptable range')
  }
}

async function runNetwork(
  input: FlanneldInput,
  manager: SubnetManager,
  state: { isReady: boolean; metrics: () => string },
  signal: AbortSignal,
): Promise<void> {
  const { flags, clock, logger } = input
  const config = await manager.networkConfig(signal)
  const stack = familiesOf(config.networks)
  const external = await findExternal(input, await manager.givenAddresses(signal), stack, signal)
  logger.info('Starting network', { ...describeNetwork(config), interface: external.name, ...external.publicIps })
  const options = { config, external, clock, logger }
  const backend = createBackend(options, input)
  const previous = await readPreviousEnv(flags['subnet-file'])
  const own = await manager.acquire(await backend.attributes(signal), signal)
  logger.info('Leased subnet', { subnet: describeSubnets(own) })
  const rules = await installTraffic(input, config, own, previous, signal)
  await removeStale(options, signal)
  const running = await backend.start(own, signal)
  if (running.metrics !== undefined) state.metrics = running.metrics
  const subnets = perFamily(familiesOf(own), (family) => own[family]?.subnet)
  const env = { networks: config.networks, subnets, mtu: backend.mtu, isMasqueraded: flags['ip-masq'] }
  await writeSubnetEnv(flags['subnet-file'], env)
  state.isReady = true
  try {
    notifyReady(input.env['NOTIFY_SOCKET'])
  } catch (error) {
    logger.error('Failed to notify systemd', { error })
  }
  await runAll(signal, {
    lease: async (taskSignal) => await manager.keep(own, taskSignal),
    backend: async (taskSignal) => await running.run(manager.watch(own, taskSignal), taskSignal),
    ...rules,
  })
}

/** Takes away what an earlier run with another backend has left: its routes would win over ours. */
async function removeStale(options: BackendOptions, signal: AbortSignal): Promise<void> {
  const { config, external } = options
  const { networks, backend } = config
  const facts = { networks, external: external.name, keep: devicesOf(options) }
  const observed = await observeRoutes(familiesOf(networks), signal)
  const failure = await applyRoutes(planStaleRoutes(observed, facts), signal)
  if (failure !== '') throw new Error(`remove stale routes: ${failure}`)
  if (backend.type === 'udp') return
  // A device with an address of another network belongs to another flanneld of this host.
  const addresses = parseAddresses(await ipQuery([familyFacts.ipv4.ipFlag, 'address', 'show', 'dev', tunName], signal))
  if (addresses.some((address) => isWithin(networks, address))) await removeTun(tunName, signal)
}
