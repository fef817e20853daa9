/**
 * The daemon from start to stop:
 *
 *   interface ─▶ network config ─▶ backend prepares ─▶ lease ─▶ rules, subnet.env ─▶ follow other hosts' leases
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { createInformer } from '../client/cache/informer.ts'
import { createClient } from '../client/rest/client.ts'
import { type ClientConfig, loadKubeconfig } from '../client/rest/kubeconfig.ts'
import { nodes } from '../client/rest/resource-refs.ts'
import type { Clock } from '../component-base/clock.ts'
import { serveHttp } from '../component-base/http.ts'
import type { Logger } from '../component-base/logger.ts'
import { aborted, runAll, type Task } from '../component-base/run.ts'
import { createAllocBackend } from './backend/alloc.ts'
import type { Backend, BackendOptions } from './backend/backend.ts'
import { createHostGwBackend } from './backend/host-gw.ts'
import { removeTun, tunName } from './backend/udp/tun.ts'
import { createUdpBackend } from './backend/udp/udp.ts'
import { createVxlanBackend } from './backend/vxlan.ts'
import { type BackendConfig, ConfigError, describeNetwork, type NetworkConfig, parseNetworkConfig } from './config.ts'
import type { Flags } from './flags.ts'
import { chooseInterface, type HostInterface, parseDefaultDevice, parseInterfaces } from './interface.ts'
import { formatSubnet, parseIpv4 } from './ipv4.ts'
import { type ChainRules, forwardRules, masqueradeRules } from './masquerade/rules.ts'
import { installChains, keepChains } from './masquerade/sync.ts'
import { applyRoutes, ipQuery, observeRoutes } from './routes/apply.ts'
import { planStaleRoutes } from './routes/stale.ts'
import { writeSubnetEnv } from './subnet/env-file.ts'
import { createEtcdSubnetManager } from './subnet/etcd.ts'
import { createKubeSubnetManager } from './subnet/kube.ts'
import type { Lease, SubnetManager } from './subnet/lease.ts'

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
  const state = { isReady: false }
  const { manager, tasks } = await openSubnetManager(input)
  await runAll(signal, {
    ...tasks,
    ...(flags['healthz-port'] > 0 && { health: healthTask(flags, state) }),
    network: async (taskSignal) => await runNetwork(input, manager, state, taskSignal),
  })
}

async function runNetwork(
  input: FlanneldInput,
  manager: SubnetManager,
  state: { isReady: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { flags, clock, logger } = input
  const external = await findInterface(flags, signal)
  const publicIp = flags['public-ip'] === '' ? external.address : flags['public-ip']
  if (parseIpv4(publicIp) === undefined) throw new ConfigError(`public-ip is not an IPv4 address: ${publicIp}`)
  const config = parseNetworkConfig(await manager.networkConfig(signal))
  logger.info('Starting network', { ...describeNetwork(config), interface: external.name, publicIp })
  const backend = createBackend({ config, external, publicIp, clock, logger }, flags)
  const own = await manager.acquire(await backend.attributes(signal), signal)
  logger.info('Leased subnet', { subnet: formatSubnet(own.subnet) })
  const chains = chainsOf(flags, config, own)
  await installChains(chains, signal)
  await removeStale(config, external.name, signal)
  const running = await backend.start(own, signal)
  const { network } = config
  const env = { network, subnet: own.subnet, mtu: backend.mtu, isMasqueraded: flags['ip-masq'] }
  await writeSubnetEnv(flags['subnet-file'], env)
  state.isReady = true
  await runAll(signal, {
    lease: async (taskSignal) => await manager.keep(own, taskSignal),
    backend: async (taskSignal) => await running.run(manager.watch(own, taskSignal), taskSignal),
    rules: async (taskSignal) => {
      await keepChains({ chains, resyncMs: flags['iptables-resync'] * 1000, clock, logger }, taskSignal)
    },
  })
}

function createBackend(options: BackendOptions, flags: Flags): Backend {
  const { backend } = options.config
  switch (backend.type) {
    case 'udp':
      return createUdpBackend({ ...options, port: backend.port, wantsOffloads: flags['udp-offloads'] })
    case 'host-gw':
      return createHostGwBackend(options)
    case 'alloc':
      return createAllocBackend(options)
    case 'vxlan':
      return createVxlanBackend({ ...options, vxlan: backend })
  }
}

/** Takes away what an earlier run with another backend has left: its routes would win over ours. */
async function removeStale({ network, backend }: NetworkConfig, external: string, signal: AbortSignal): Promise<void> {
  const keep = devicesOf(backend, external)
  const failure = await applyRoutes(planStaleRoutes(await observeRoutes(signal), { network, external, keep }), signal)
  if (failure !== '') throw new Error(`remove stale routes: ${failure}`)
  if (backend.type !== 'udp') await removeTun(tunName, signal)
}

function devicesOf(backend: BackendConfig, external: string): readonly string[] {
  switch (backend.type) {
    case 'udp':
      return [tunName]
    case 'vxlan':
      return backend.directRouting ? [`flannel.${backend.vni}`, external] : [`flannel.${backend.vni}`]
    case 'host-gw':
      return [external]
    case 'alloc':
      return [external]
  }
}

function chainsOf(flags: Flags, { network }: NetworkConfig, { subnet }: Lease): readonly ChainRules[] {
  return [
    ...(flags['ip-masq'] ? [masqueradeRules(network, subnet)] : []),
    ...(flags['iptables-forward-rules'] ? [forwardRules(network)] : []),
  ]
}

async function findInterface(flags: Flags, signal: AbortSignal): Promise<HostInterface> {
  const interfaces = parseInterfaces(await ipQuery(['-4', 'address', 'show'], signal))
  const defaultDevice = parseDefaultDevice(await ipQuery(['-4', 'route', 'show', 'default'], signal))
  return chooseInterface(interfaces, defaultDevice, { names: flags.iface, patterns: flags['iface-regex'] })
}

async function openSubnetManager(
  input: FlanneldInput,
): Promise<{ readonly manager: SubnetManager; readonly tasks: Readonly<Record<string, Task>> }> {
  const { flags, env, clock, logger } = input
  if (!flags['kube-subnet-mgr']) return { manager: await createEtcdSubnetManager({ flags, clock, logger }), tasks: {} }
  const client = createClient({ ...(await clientConfig(flags)), userAgent: 'flanneld' })
  const nodeName = flags['node-name'] || env['NODE_NAME'] || hostname()
  const informer = createInformer({ client, ref: nodes, clock, logger })
  const manager = createKubeSubnetManager({
    client,
    informer,
    nodeName,
    netConfigPath: flags['net-config-path'],
    annotationPrefix: flags['kube-annotation-prefix'],
    setsNetworkUnavailable: flags['set-node-network-unavailable'],
    clock,
    logger,
  })
  return { manager, tasks: { nodes: informer.run } }
}

async function clientConfig(flags: Flags): Promise<ClientConfig> {
  if (flags['kubeconfig-file'] !== '') return await loadKubeconfig(flags['kubeconfig-file'])
  if (flags['kube-api-url'] !== '') return { server: flags['kube-api-url'] }
  throw new ConfigError('--kube-subnet-mgr needs --kubeconfig-file or --kube-api-url')
}

function healthTask(flags: Flags, state: { readonly isReady: boolean }): Task {
  const handler = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const isKnown = pathname === '/healthz' || pathname === '/readyz'
    const isFine = pathname === '/healthz' || state.isReady
    response.writeHead(isKnown ? (isFine ? 200 : 503) : 404, { 'Content-Type': 'text/plain; charset=utf-8' })
    response.end(isKnown ? (isFine ? 'flanneld is running' : 'flanneld is not ready') : '404 page not found\n')
  }
  return async (signal) => {
    await serveHttp({ address: flags['healthz-ip'], port: flags['healthz-port'], handler }, signal)
    await aborted(signal)
  }
}
