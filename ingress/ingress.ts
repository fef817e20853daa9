/** The controller from flags to sockets. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Ingress } from '../api/networking/v1.ts'
import { objectKey } from '../apimachinery/brand.ts'
import { runWithLease } from '../client/controller/leader-election.ts'
import type { Client } from '../client/rest/client.ts'
import type { Clock } from '../component-base/clock.ts'
import { HealthChecks } from '../component-base/health.ts'
import { diagnosticsHandler, serveHttp } from '../component-base/http.ts'
import type { Logger } from '../component-base/logger.ts'
import { aborted, runAll, type Task } from '../component-base/run.ts'
import { selfSignedKeyPair } from '../component-base/self-signed.ts'
import { type Cluster, createCluster, onClusterChange, type References, runCluster, snapshotOf } from './cluster.ts'
import { type Config, type Flags, parseConfig } from './config.ts'
import { createIngressMetrics, type IngressMetrics } from './metrics.ts'
import { Balancer } from './proxy/balancer.ts'
import { serveListeners } from './proxy/listeners.ts'
import { Pools, poolKey } from './proxy/pools.ts'
import { ReverseProxy } from './proxy/proxy.ts'
import { type Findings, runStatus } from './status/controller.ts'
import type { Published } from './status/plan.ts'
import { type RegistrationOptions, register, withdraw } from './status/registration.ts'
import { buildTable, emptyTable, type IngressProblem, type Route, type Table } from './table/table.ts'
import { Certificates } from './tls/certificates.ts'

export type IngressInput = {
  readonly flags: Flags
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
  readonly onListening?: (ports: { readonly http: number; readonly https: number }) => void
}

/** Changes that come together make one table. */
const rebuildPeriodMs = 50
const ownCertificateName = 'kubets Ingress Controller Default Certificate'

/** Runs until `signal` aborts and the last requests are answered. */
export async function runIngress(input: IngressInput, signal: AbortSignal): Promise<void> {
  const { flags, client, clock, logger, random } = input
  const config = parseConfig(flags)
  const metrics = createIngressMetrics()
  const cluster = createCluster({ client, clock, logger })
  const certificates = new Certificates(await selfSignedKeyPair(ownCertificateName, ['ingress.local'], clock.now()))
  const state = new State({ config, cluster, certificates, metrics, random })
  const proxy = new ReverseProxy({
    ...{ table: () => state.table, balancer: state.balancer, pools: state.pools, metrics, clock },
    trustsForwarded: flags['use-forwarded-headers'],
    httpsPort: flags['https-port'],
  })
  const checks = new HealthChecks()
  checks.add('table', () => (state.isBuilt ? undefined : 'the routing table is not built yet'), ['readyz'])
  checks.add('shutdown', () => (signal.aborted ? 'the process is shutting down' : undefined), ['readyz'])
  const listeners: Task = async (stop) => {
    // Before the table is known every answer would be a lie.
    await state.whenBuilt(stop)
    const closing = new AbortController()
    let standing = aborted(stop)
    const options = {
      ...{
        proxy,
        certificates: {
          contextFor: (name: string) => certificates.contextFor(name),
          onDefault: certificates.onDefault.bind(certificates),
        },
      },
      ...{ address: flags['bind-address'], httpPort: flags['http-port'], httpsPort: flags['https-port'], clock },
      maxConnections: flags['max-connections'],
      drainMs: flags['shutdown-grace-period'],
      onListening: (ports: { readonly http: number; readonly https: number }) => {
        logger.info('Serving', { address: flags['bind-address'], ...ports })
        input.onListening?.(ports)
        standing = standBehindService(input, config, ports, stop)
      },
    }
    const closed = aborted(stop)
      .then(async () => await standing)
      .finally(() => closing.abort())
    await Promise.all([serveListeners(options, closing.signal), closed])
  }
  const diagnostics = config.metrics
  const handler = diagnosticsHandler(checks, metrics.registry)
  try {
    await runAll(signal, {
      cluster: async (stop) => await runCluster(cluster, stop),
      table: async (stop) => await state.follow(clock, logger, stop),
      listeners,
      status: flags['update-status'] ? statusTask(input, config, cluster, state) : aborted,
      metrics: diagnostics === undefined ? aborted : async (stop) => await serveHttp({ ...diagnostics, handler }, stop),
    })
  } finally {
    state.pools.close()
  }
}

/** From now until `signal` aborts, and a little longer, so that who heard of it late still gets an answer. */
async function standBehindService(
  { flags, client, clock, logger }: IngressInput,
  { publishService }: Config,
  ports: RegistrationOptions['ports'],
  signal: AbortSignal,
): Promise<void> {
  const addresses = flags['endpoint-address']
  if (addresses.length === 0) return await aborted(signal)
  const options = { client, clock, logger, service: publishService, nodeName: flags['node-name'], addresses, ports }
  // Only the end keeps it from registering.
  await register(options, signal).catch(() => {})
  await aborted(signal)
  await withdraw(options)
  await clock.sleep(flags['shutdown-delay'], new AbortController().signal)
}

function statusTask(
  { flags, client, clock, logger }: IngressInput,
  { publishService, publishAddresses }: Config,
  cluster: Cluster,
  state: State,
): Task {
  const published = (): Published | undefined => {
    const ingress = cluster.services.get(publishService)?.status.loadBalancer?.ingress ?? []
    const found = ingress.flatMap(
      ({ ip, hostname: name }): Published =>
        ip !== undefined ? [{ ip }] : name !== undefined ? [{ hostname: name }] : [],
    )
    if (found.length > 0) return found
    return publishAddresses.length > 0 ? publishAddresses : undefined
  }
  const lease = {
    ...{ client, clock, logger, namespace: flags['election-namespace'], name: flags['election-id'] },
    identity: `${hostname()}_${randomUUID()}`,
  }
  const work: Task = async (stop) =>
    await runStatus({ client, cluster, findings: state, published, clock, logger }, stop)
  return async (stop) => {
    await state.whenBuilt(stop)
    for (;;) {
      try {
        await runWithLease(lease, work, stop)
      } catch (error) {
        // Requests are answered all the same.
        if (!stop.aborted) logger.info('Stopped writing status', { error })
      }
      stop.throwIfAborted()
      await clock.sleep(2_000, stop)
    }
  }
}

type StateOptions = {
  readonly config: Config
  readonly cluster: Cluster
  readonly certificates: Certificates
  readonly metrics: IngressMetrics
  readonly random: () => number
}

/** The table of the moment and what hangs on it. */
class State implements Findings {
  table: Table = emptyTable
  isBuilt = false
  readonly pools = new Pools()
  readonly balancer: Balancer
  readonly #options: StateOptions
  readonly #listeners = new Set<() => void>()
  #problems: readonly IngressProblem[] = []
  #ours: ReadonlySet<string> = new Set()
  #references: References = { services: new Set(), secrets: new Set() }
  #wake: () => void = () => {}
  #built: () => void = () => {}
  readonly #whenBuilt: Promise<void>

  constructor(options: StateOptions) {
    this.#options = options
    this.balancer = new Balancer(options.random)
    this.#whenBuilt = new Promise((resolve) => {
      this.#built = resolve
    })
  }

  readonly isOurs = ({ metadata }: Ingress): boolean => this.#ours.has(metadata.uid)
  readonly problems = (): readonly IngressProblem[] => this.#problems
  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async whenBuilt(signal: AbortSignal): Promise<void> {
    await Promise.race([this.#whenBuilt, aborted(signal)])
    signal.throwIfAborted()
  }

  /** Builds the table whenever something has changed, at most every 50 ms. */
  async follow(clock: Clock, logger: Logger, signal: AbortSignal): Promise<void> {
    const { cluster } = this.#options
    for (const { whenSynced } of Object.values(cluster)) await whenSynced(signal)
    let isDirty = true
    onClusterChange(
      cluster,
      () => this.#references,
      () => {
        isDirty = true
        this.#wake()
      },
    )
    signal.addEventListener('abort', () => this.#wake(), { once: true })
    while (!signal.aborted) {
      if (!isDirty) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      isDirty = false
      const startMs = clock.now()
      this.#build()
      const milliseconds = clock.now() - startMs
      logger.debug('Built the table', { ingresses: this.table.ingresses.length, milliseconds })
      // A large table must not take more than a fifth of the time from requests.
      await clock.sleep(Math.max(rebuildPeriodMs, 4 * milliseconds), signal)
    }
    signal.throwIfAborted()
  }

  #build(): void {
    const { config, cluster, certificates, metrics } = this.#options
    const table = buildTable(snapshotOf(cluster), config.table)
    const wrong = certificates.update(table.tls, (key) => cluster.secrets.get(key), config.defaultCertificate)
    this.table = table
    this.isBuilt = true
    this.#problems = [...table.problems, ...wrong]
    this.#ours = new Set(table.ingresses.map(({ metadata }) => metadata.uid))
    const backends = routesOf(table).map(({ backend }) => backend)
    this.balancer.keep(new Set(backends.map(({ id }) => id)))
    this.pools.keep(
      new Set(backends.flatMap(({ endpoints, protocol }) => endpoints.map((each) => poolKey(each, protocol)))),
    )
    this.#references = referencesOf(table, config)
    metrics.rebuilt(new Set(table.ingresses.map(objectKey)))
    metrics.setCertificates(certificates.expiries())
    this.#built()
    for (const listener of this.#listeners) listener()
  }
}

function referencesOf({ services, tls }: Table, { publishService, defaultCertificate }: Config): References {
  const secrets = new Set(tls.map(({ secret }) => secret))
  if (defaultCertificate !== undefined) secrets.add(defaultCertificate)
  return { services: new Set([...services, publishService]), secrets }
}

function routesOf({ hosts, wildcards, anyHost, fallback }: Table): readonly Route[] {
  const all = [...hosts.values(), ...wildcards.values(), anyHost]
  const routes = all.flatMap((each) => [
    ...each.exact.values(),
    ...each.prefixes.values(),
    ...each.patterns,
    ...(each.fallback === undefined ? [] : [each.fallback]),
  ])
  return fallback === undefined ? routes : [...routes, fallback]
}
