/** The server from flags to sockets. */
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createClient } from '../client/rest/client.ts'
import { loadKubeconfig } from '../client/rest/kubeconfig.ts'
import type { Clock } from '../component-base/clock.ts'
import { FlagError, type FlagValues } from '../component-base/flags.ts'
import { serveHttp } from '../component-base/http.ts'
import type { Logger } from '../component-base/logger.ts'
import { aborted, runAll, type Task } from '../component-base/run.ts'
import { type Cluster, watchCluster } from './cluster/informers.ts'
import type { flags as flagTable } from './flags.ts'
import { Forwarder } from './forward/forwarder.ts'
import { parseResolvConf, parseUpstream, type Upstream } from './forward/resolv-conf.ts'
import { createDnsMetrics } from './metrics.ts'
import { Resolver } from './resolver.ts'
import { serveDns } from './server.ts'

type Flags = FlagValues<typeof flagTable>

/** What the server needs from outside. */
export type DnsInput = { readonly flags: Flags; readonly clock: Clock; readonly logger: Logger }

/** Runs until `signal` aborts. */
export async function runDns({ flags, clock, logger }: DnsInput, signal: AbortSignal): Promise<void> {
  const client = createClient({ ...(await loadKubeconfig(flags.kubeconfig)), userAgent: 'dns' })
  const cluster = watchCluster({ client, clock, logger })
  await runAll(signal, {
    cluster: cluster.run,
    server: async (taskSignal) => await serveCluster({ flags, clock, logger }, cluster, taskSignal),
  })
}

/** Serves DNS, health, readiness and metrics for a cluster that somebody else keeps up to date. */
export async function serveCluster(
  { flags, clock, logger }: DnsInput,
  cluster: Cluster,
  signal: AbortSignal,
  onListening: (port: number) => void = () => {},
): Promise<void> {
  const upstreams = await findUpstreams(flags)
  logger.info('Starting DNS', {
    address: flags['bind-address'],
    port: flags.port,
    upstreams: upstreams.map(({ address }) => address),
  })
  const forwarder = new Forwarder({
    upstreams,
    clock,
    cacheSeconds: flags['cache-ttl'] / 1000,
    timeoutMs: flags['upstream-timeout'],
    maxConcurrent: flags['max-concurrent'],
  })
  const zone = {
    domain: `${flags['cluster-domain'].toLowerCase().replace(/\.$/, '')}.`,
    ttlSeconds: Math.round(flags.ttl / 1000),
    serial: Math.floor(clock.now() / 1000),
    serverAddresses: flags['cluster-dns'],
  }
  const resolver = new Resolver({ zone, cluster, forwarder })
  const { registry, observe } = createDnsMetrics(`dns://:${flags.port}`, forwarder.counts)
  const answer: Parameters<typeof serveDns>[0]['answer'] = (query, protocol, answerSignal) => {
    const start = clock.now()
    const note = (bytes: Buffer): Buffer => {
      observe({ protocol, rcode: (bytes[3] ?? 0) & 15, seconds: (clock.now() - start) / 1000 })
      return bytes
    }
    const result = resolver.answer(query, protocol, answerSignal)
    if (result === undefined) return undefined
    return Buffer.isBuffer(result) ? note(result) : result.then(note)
  }
  const pages = {
    health: page(flags['health-port'], '/health', async () => ({ status: 200, body: 'OK' })),
    ready: page(flags['ready-port'], '/ready', async () => {
      return cluster.isSynced() ? { status: 200, body: 'OK' } : { status: 503, body: 'kubernetes' }
    }),
    metrics: page(flags['metrics-port'], '/metrics', async () => ({
      status: 200,
      body: await registry.metrics(),
      type: registry.contentType,
    })),
  }
  await runAll(signal, {
    dns: async (taskSignal) => {
      const { port } = flags
      await serveDns({ address: flags['bind-address'], port, answer, logger, onListening }, taskSignal)
    },
    ...pages,
  })
}

type Page = { readonly status: number; readonly body: string; readonly type?: string }

/** A small HTTP server with one path; port 0 stands for none. */
function page(port: number, path: string, content: () => Promise<Page>): Task {
  if (port === 0) return aborted
  const handler = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const isKnown = new URL(request.url ?? '/', 'http://localhost').pathname === path
    const {
      status,
      body,
      type = 'text/plain; charset=utf-8',
    } = isKnown ? await content() : { status: 404, body: '404 page not found\n' }
    response.writeHead(status, { 'Content-Type': type })
    response.end(body)
  }
  return async (signal) => await serveHttp({ address: '0.0.0.0', port, handler }, signal)
}

/** The servers to ask for other names. Our own addresses are left out: asking them would go round in circles. */
async function findUpstreams(flags: Flags): Promise<readonly Upstream[]> {
  const given = flags.upstream.map((text) => {
    const upstream = parseUpstream(text)
    if (upstream === undefined) throw new FlagError(`invalid argument "${text}" for "--upstream" flag: not an address`)
    return upstream
  })
  const found = given.length > 0 ? given : parseResolvConf(await readFile(flags['resolv-conf'], 'utf8').catch(() => ''))
  const own = new Set([flags['bind-address'], ...flags['cluster-dns']])
  return found.filter(({ address, port }) => !(own.has(address) && (port === flags.port || port === 53)))
}
