/**
 * The configuration in force, and its change while questions come in: the new one is read and set up, its sockets open,
 * questions move over, then the old one ends. Whatever goes wrong before that leaves the old one in force.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../component-base/clock.ts'
import { serveHttp } from '../component-base/http.ts'
import type { Logger } from '../component-base/logger.ts'
import type { Cluster } from './cluster/informers.ts'
import { type Configuration, compile, type Listener } from './configuration.ts'
import type { Source } from './corefile/sources.ts'
import { type Endpoint, Endpoints } from './endpoints.ts'
import type { DnsMetrics } from './metrics.ts'
import type { Demand } from './plugins/plugin.ts'
import { Resolver } from './resolver.ts'
import { serveDns } from './server.ts'

/** What the server needs. */
export type ServerOptions = {
  readonly flags: {
    readonly address: string
    readonly port: number
    /** 0: not served, whatever the Corefile says. */
    readonly healthPort: number
    readonly readyPort: number
    readonly metricsPort: number
    readonly udpThreads: number
  }
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly cluster: Cluster
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: DnsMetrics
  readonly serviceAddresses: readonly string[]
  readonly ownAddresses: readonly string[]
  /** Told the port of each socket that opens. */
  readonly onListening: (port: number) => void
}

type Running = { readonly configuration: Configuration; readonly stop: AbortController; readonly done: Promise<void> }

/** The server with the configuration that it has at the moment. */
export class DnsServer {
  /** Rejects when a socket fails for good. */
  readonly failed: Promise<never>
  readonly #options: ServerOptions
  readonly #endpoints: Endpoints
  readonly #resolvers = new Map<string, Resolver>()
  #running: Running | undefined
  #text = ''
  #lameDuckMs = 0

  constructor(options: ServerOptions) {
    this.#options = options
    let fail: (error: unknown) => void = () => {}
    this.failed = new Promise<never>((_, reject) => {
      fail = reject
    })
    this.failed.catch(() => {})
    this.#endpoints = new Endpoints((error) => fail(error))
    options.cluster.onChange(() => {
      for (const resolver of this.#resolvers.values()) resolver.forget()
    })
    options.metrics.gauge('coredns_reload_version_info', () => [
      { labels: { hash: 'sha512', value: this.#running?.configuration.hash ?? '' }, value: 1 },
    ])
    options.metrics.gauge('coredns_plugin_enabled', () =>
      (this.#running?.configuration.plugins ?? []).map(({ server, zone, name }) => ({
        labels: { server, zone, view: '', name },
        value: 1,
      })),
    )
  }

  /** Begins with a configuration. Throws when it cannot be used. */
  async start(source: Source): Promise<void> {
    await this.#apply(source)
    this.#options.logger.info('Serving DNS', { configuration: source.file, hash: this.#running?.configuration.hash })
  }

  /** Takes over another configuration, or tells why not and stays with the old one. */
  async change(source: Source): Promise<void> {
    const { logger, metrics } = this.#options
    const text = textOf(source)
    if (text === this.#text) return
    logger.info('Reloading', { configuration: source.file })
    try {
      await this.#apply(source)
      logger.info('Reloading complete', { hash: this.#running?.configuration.hash })
    } catch (error) {
      metrics.count('coredns_reload_failed_total', {}).add()
      logger.error('Corefile changed but reload failed', { error })
    }
  }

  /** Ends everything, after the time that `health` asks for. */
  async stop(): Promise<void> {
    if (this.#lameDuckMs > 0) await this.#options.clock.sleep(this.#lameDuckMs, new AbortController().signal)
    await this.#endpoints.closeAllBut(new Set())
    this.#running?.stop.abort()
    await this.#running?.done
  }

  async #apply(source: Source): Promise<void> {
    const { flags, environment, cluster, clock, logger, metrics, serviceAddresses, ownAddresses } = this.#options
    const configuration = compile({
      ...source,
      environment,
      address: flags.address,
      port: flags.port,
      context: { clock, logger, metrics, cluster, serviceAddresses, ownAddresses, readText },
    })
    const wanted = new Map([...this.#sockets(configuration), ...this.#pages(configuration)])
    // Sockets of the new configuration answer from their first question on.
    const added = [...configuration.listeners].filter(([key]) => !this.#resolvers.has(key))
    for (const [key, listener] of added) this.#resolvers.set(key, new Resolver(listener, { metrics, clock, logger }))
    try {
      await this.#endpoints.open(wanted)
    } catch (error) {
      for (const [key] of added) this.#resolvers.delete(key)
      throw error
    }
    const before = this.#running
    for (const [key, listener] of configuration.listeners) this.#resolvers.get(key)?.serve(listener)
    this.#running = this.#run(configuration)
    this.#text = textOf(source)
    this.#lameDuckMs = Math.max(0, ...configuration.demands.map((demand) => this.#lameDuckOf(demand)))
    await this.#endpoints.closeAllBut(new Set(wanted.keys()))
    for (const key of this.#resolvers.keys()) if (!configuration.listeners.has(key)) this.#resolvers.delete(key)
    before?.stop.abort()
    await before?.done
  }

  #lameDuckOf(demand: Demand): number {
    return demand.type === 'health' && this.#options.flags.healthPort !== 0 ? demand.lameDuckMs : 0
  }

  /** Runs the plugins' tasks. One that fails is told of; the others, and the questions, go on. */
  #run(configuration: Configuration): Running {
    const stop = new AbortController()
    const tasks = Object.entries(configuration.tasks).map(async ([name, task]) => {
      try {
        await task(stop.signal)
      } catch (error) {
        if (!stop.signal.aborted) this.#options.logger.error('A plugin stopped', { plugin: name, error })
      }
    })
    return { configuration, stop, done: Promise.all(tasks).then(() => undefined) }
  }

  #sockets({ listeners }: Configuration): readonly (readonly [string, Endpoint])[] {
    const { logger, onListening, flags } = this.#options
    return [...listeners].map(([key, listener]: readonly [string, Listener]) => {
      const endpoint: Endpoint = async (signal, opened) => {
        const resolver = this.#resolvers.get(key)
        if (resolver === undefined) throw new Error(`no resolver for ${key}`)
        const { address, port } = listener
        await serveDns(
          {
            address,
            port,
            resolver,
            logger,
            threads: flags.udpThreads,
            onListening: (actual) => {
              opened()
              onListening(actual)
            },
          },
          signal,
        )
      }
      return [`dns ${key}`, endpoint] as const
    })
  }

  #pages({ demands }: Configuration): readonly (readonly [string, Endpoint])[] {
    return demands.flatMap((demand) => {
      const place = this.#placeOf(demand)
      if (place === undefined) return []
      const { address, port } = place
      const endpoint: Endpoint = async (signal, opened) => {
        const handler = async (request: IncomingMessage, response: ServerResponse): Promise<void> =>
          await this.#answerPage(place.path, request, response)
        await serveHttp({ address, port, handler, onListening: opened }, signal)
      }
      return [[`${demand.type} ${address} ${port}`, endpoint] as const]
    })
  }

  #placeOf(demand: Demand): { readonly path: string; readonly address: string; readonly port: number } | undefined {
    const { healthPort, readyPort, metricsPort } = this.#options.flags
    switch (demand.type) {
      case 'health':
        return placeOf('/health', demand.address, '', healthPort)
      case 'ready':
        return placeOf('/ready', demand.address, '', readyPort)
      case 'metrics':
        return placeOf('/metrics', demand.address, 'localhost', metricsPort)
      case 'bind':
      case 'chaosClass':
        return undefined
    }
  }

  async #answerPage(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = new URL(request.url ?? '/', 'http://localhost').pathname
    const { status, body, type } = asked === path ? await this.#page(path) : notFound
    response.writeHead(status, { 'Content-Type': type })
    response.end(body)
  }

  async #page(path: string): Promise<Page> {
    const { metrics } = this.#options
    if (path === '/metrics') return { status: 200, body: await metrics.read(), type: metrics.registry.contentType }
    const unready = path === '/ready' ? (this.#running?.configuration.unready() ?? []) : []
    return unready.length === 0
      ? { status: 200, body: 'OK', type: plainText }
      : { status: 503, body: unready.join(','), type: plainText }
  }
}

type Page = { readonly status: number; readonly body: string; readonly type: string }

const plainText = 'text/plain; charset=utf-8'
const notFound: Page = { status: 404, body: '404 page not found\n', type: plainText }

function placeOf(
  path: string,
  text: string | undefined,
  standardHost: string,
  flagPort: number,
): { readonly path: string; readonly address: string; readonly port: number } | undefined {
  if (flagPort === 0) return undefined
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(text ?? `${standardHost}:${flagPort}`) ?? []
  return { path, address: host, port: Number(port) }
}

/** Text and imported texts: what decides whether anything has changed. */
function textOf({ text, importFiles }: Source): string {
  const imported = [...text.matchAll(/^\s*import\s+(\S+)/gm)].flatMap(([, pattern = '']) => importFiles(pattern))
  return createHash('sha512')
    .update(JSON.stringify([text, imported]))
    .digest('hex')
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}
