/** The server from flags to sockets. */
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { createClient } from '../client/rest/client.ts'
import { loadKubeconfig } from '../client/rest/kubeconfig.ts'
import type { Clock } from '../component-base/clock.ts'
import { FlagError, type FlagValues } from '../component-base/flags.ts'
import type { Logger } from '../component-base/logger.ts'
import { aborted, runAll, type Task } from '../component-base/run.ts'
import { type Cluster, watchCluster } from './cluster/informers.ts'
import { defaultCorefile } from './corefile/default.ts'
import { followConfigMap, followFile, type Source, type Take } from './corefile/sources.ts'
import type { flags as flagTable } from './flags.ts'
import { parseResolvConf, parseServerAddress } from './forward/resolv-conf.ts'
import { DnsMetrics } from './metrics.ts'
import { DnsServer } from './running.ts'

type Flags = FlagValues<typeof flagTable>

/** What the server needs from outside. */
export type DnsInput = {
  readonly flags: Flags
  readonly clock: Clock
  readonly logger: Logger
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Runs until `signal` aborts. */
export async function runDns(input: DnsInput, signal: AbortSignal): Promise<void> {
  const { flags, clock, logger } = input
  const client = createClient({ ...(await loadKubeconfig(flags.kubeconfig)), userAgent: 'dns' })
  const metrics = new DnsMetrics()
  const programmed = metrics.buckets('coredns_kubernetes_dns_programming_duration_seconds', {
    service_kind: 'headless_with_selector',
  })
  const cluster = watchCluster({
    client,
    clock,
    logger,
    observeProgramming: (seconds) => programmed.observe(seconds),
  })
  const follow = configMapTask(flags, (namespace, name, take) => async (taskSignal) => {
    await followConfigMap({ client, clock, logger, namespace, name }, take, taskSignal)
  })
  await runAll(signal, {
    cluster: cluster.run,
    server: async (taskSignal) => await serveCluster({ ...input, metrics, follow }, cluster, taskSignal),
  })
}

type Follow = (take: Take) => Task

/** How a ConfigMap is followed, if a flag names one. */
function configMapTask(flags: Flags, task: (namespace: string, name: string, take: Take) => Task): Follow | undefined {
  const text = flags['config-map']
  if (text === '') return undefined
  const [namespace = '', name = '', rest] = text.split('/')
  if (namespace === '' || name === '' || rest !== undefined)
    throw new FlagError(`invalid argument "${text}" for "--config-map" flag: not namespace/name`)
  return (take) => task(namespace, name, take)
}

/** Serves DNS, health, readiness and metrics for a cluster that somebody else keeps up to date. */
export async function serveCluster(
  input: DnsInput & { readonly metrics?: DnsMetrics; readonly follow?: Follow | undefined },
  cluster: Cluster,
  signal: AbortSignal,
  onListening: (port: number) => void = () => {},
): Promise<void> {
  const { flags, clock, logger, environment, metrics = new DnsMetrics(), follow } = input
  const server = new DnsServer({
    flags: {
      address: flags['bind-address'],
      port: flags.port,
      healthPort: flags['health-port'],
      readyPort: flags['ready-port'],
      metricsPort: flags['metrics-port'],
      udpThreads: flags['udp-threads'],
    },
    environment,
    cluster,
    clock,
    logger,
    metrics,
    serviceAddresses: flags['cluster-dns'],
    ownAddresses: ownAddresses(flags['bind-address']),
    onListening,
  })
  const path = flags.conf === '' ? flags.corefile : flags.conf
  const take: Take = async (source) => await server.change(source ?? builtIn(flags))
  const sources: Record<string, Task> = {}
  if (path === '') await server.start(builtIn(flags))
  else {
    const text = readFileSync(path, 'utf8')
    await server.start({ file: path, text, importFiles: () => [] })
    sources['corefile'] = async (taskSignal) => await followFile(path, clock, take, taskSignal)
  }
  if (follow !== undefined) sources['config map'] = follow(take)
  try {
    await runAll(signal, {
      ...sources,
      server: async (taskSignal) => {
        await Promise.race([aborted(taskSignal), server.failed])
      },
    })
  } finally {
    await server.stop()
  }
}

/** The configuration of the flags alone. */
function builtIn(flags: Flags): Source {
  const text = defaultCorefile({
    domain: flags['cluster-domain'],
    ttlSeconds: Math.round(flags.ttl / 1000),
    upstreams: upstreamsOf(flags),
    timeout: `${flags['upstream-timeout']}ms`,
    maxConcurrent: flags['max-concurrent'],
    cacheSeconds: Math.round(flags['cache-ttl'] / 1000),
    metricsPort: flags['metrics-port'],
  })
  return { file: 'flags', text, importFiles: () => [] }
}

function upstreamsOf(flags: Flags): readonly string[] {
  const wrong = flags.upstream.find((text) => parseServerAddress(text) === undefined)
  if (wrong !== undefined) throw new FlagError(`invalid argument "${wrong}" for "--upstream" flag: not an address`)
  if (flags.upstream.length > 0) return flags.upstream
  try {
    const own = new Set([flags['bind-address'], ...flags['cluster-dns']])
    const found = parseResolvConf(readFileSync(flags['resolv-conf'], 'utf8')).filter((address) => !own.has(address))
    return found.length > 0 ? [flags['resolv-conf']] : []
  } catch {
    return []
  }
}

/** The addresses that this process is reached at. */
function ownAddresses(bound: string): readonly string[] {
  if (bound !== '0.0.0.0' && bound !== '::') return [bound]
  return Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter(({ internal }) => !internal).map(({ address }) => address),
  )
}
