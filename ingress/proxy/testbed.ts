/** A proxy on loopback ports with backends of the test's own, and bare clients to talk to it. */
import { createServer, type IncomingMessage, type RequestListener, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { type AddressInfo, connect, type Server, type Socket } from 'node:net'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import type { Ingress } from '../../api/networking/v1.ts'
import { systemClock } from '../../component-base/clock.ts'
import { listen } from '../../component-base/http.ts'
import { selfSignedKeyPair } from '../../component-base/self-signed.ts'
import { createIngressMetrics } from '../metrics.ts'
import { buildTable, emptyTable, type Table } from '../table/table.ts'
import { slice, snapshot, tableOptions } from '../testing.ts'
import { Certificates } from '../tls/certificates.ts'
import { Balancer } from './balancer.ts'
import { type ListenerOptions, serveListeners } from './listeners.ts'
import { Pools, poolKey } from './pools.ts'
import { type ProxyOptions, ReverseProxy } from './proxy.ts'

export type Reply = {
  readonly status: number
  readonly text: string
  readonly headers: IncomingMessage['headers']
  readonly raw: readonly string[]
  readonly trailers: NodeJS.Dict<string>
}
export type Ask = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | readonly string[]
  readonly isSecure?: boolean
  readonly serverName?: string
}

/** A connection that is silent for this long is taken for done. */
const rawLimitMs = 5_000

/** Everything of one test file; `close` ends it. */
export class Testbed {
  table: Table = emptyTable
  ports = { http: 0, https: 0 }
  readonly pools = new Pools()
  readonly metrics = createIngressMetrics()
  readonly certificates: Certificates
  readonly #servers: Server[] = []
  readonly #stop = new AbortController()
  #serving: Promise<void> = Promise.resolve()

  static async start(options: Partial<ListenerOptions & ProxyOptions> = {}): Promise<Testbed> {
    const bed = new Testbed(new Certificates(await selfSignedKeyPair('default', ['ingress.local'], systemClock.now())))
    await bed.#start(options)
    return bed
  }

  constructor(certificates: Certificates) {
    this.certificates = certificates
  }

  async #start(options: Partial<ListenerOptions & ProxyOptions>): Promise<void> {
    const proxy = new ReverseProxy({
      ...{ table: () => this.table, balancer: new Balancer(() => 0), pools: this.pools, metrics: this.metrics },
      ...{ clock: systemClock, trustsForwarded: false, httpsPort: 443, ...options },
    })
    await new Promise<void>((resolve, reject) => {
      const { certificates } = this
      this.#serving = serveListeners(
        {
          ...{
            proxy,
            address: '127.0.0.1',
            httpPort: 0,
            httpsPort: 0,
            maxConnections: 1_000,
            drainMs: 1_000,
            clock: systemClock,
          },
          certificates: {
            contextFor: (name) => certificates.contextFor(name),
            onDefault: (listener) => certificates.onDefault(listener),
          },
          ...options,
          onListening: (ports) => {
            this.ports = ports
            resolve()
          },
        },
        this.#stop.signal,
      )
      this.#serving.catch(reject)
    })
  }

  /** A backend on an address of the loopback network; all backends of a Service have one port. */
  async backend(
    listener: RequestListener,
    options: { readonly address?: string; readonly port?: number } = {},
  ): Promise<number> {
    return await this.serve(createServer(listener), options)
  }

  /** Any server as a backend. */
  async serve(
    server: Server,
    { address = '127.0.0.1', port = 0 }: { readonly address?: string; readonly port?: number } = {},
  ): Promise<number> {
    await listen(server, port, address)
    this.#servers.push(server)
    return (server.address() as AddressInfo).port
  }

  /** Makes the table anew. */
  route(
    ingresses: readonly Ingress[],
    slices: readonly EndpointSlice[],
    services: Parameters<typeof snapshot>[1] = {},
  ): void {
    this.table = buildTable(snapshot(ingresses, { ...services, slices }), tableOptions)
    const all = [...this.table.hosts.values(), this.table.anyHost].flatMap((host) => [
      ...host.exact.values(),
      ...host.prefixes.values(),
    ])
    this.pools.keep(
      new Set(all.flatMap(({ backend }) => backend.endpoints.map((each) => poolKey(each, backend.protocol)))),
    )
  }

  /** Routes everything to one Service on this port of these addresses. */
  routeAll(ingress: Ingress, port: number, addresses: readonly string[] = ['127.0.0.1']): void {
    this.route([ingress], [slice('web', port, Object.fromEntries(addresses.map((each) => [each, {}])))])
  }

  async ask(path: string, options: Ask = {}): Promise<Reply> {
    return await new Promise((resolve, reject) => {
      const { method = 'GET', headers = {}, body, isSecure = false, serverName = '' } = options
      const where = {
        host: '127.0.0.1',
        port: isSecure ? this.ports.https : this.ports.http,
        path,
        method,
        agent: false,
      }
      const send = isSecure ? requestHttps : requestHttp
      const message = send({
        ...where,
        headers: { host: 'x.example', ...headers },
        servername: serverName,
        rejectUnauthorized: false,
      })
      message.on('error', reject)
      message.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString(),
            headers: response.headers,
            raw: response.rawHeaders,
            trailers: response.trailers,
          }),
        )
      })
      for (const part of body === undefined ? [] : [body].flat()) message.write(part)
      message.end()
    })
  }

  /** Sends bytes as they are and gives all that comes back until the connection ends, or until this is among it. */
  async raw(text: string, until?: RegExp): Promise<string> {
    return await new Promise((resolve) => {
      const socket = connect(this.ports.http, '127.0.0.1')
      let answer = ''
      const finish = (): void => {
        socket.destroy()
        resolve(answer)
      }
      socket.setTimeout(rawLimitMs, finish)
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1')
        if (until?.test(answer) === true) finish()
      })
      socket.on('error', finish)
      socket.on('close', finish)
      socket.write(Buffer.from(text, 'latin1'))
    })
  }

  /** A connection to the plain port. */
  connect(): Socket {
    return connect(this.ports.http, '127.0.0.1')
  }

  /** Asks the proxy to stop, as SIGTERM does; resolves when it has. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#serving
  }

  async close(): Promise<void> {
    await this.stop()
    this.pools.close()
    for (const server of this.#servers) {
      server.close()
      if ('closeAllConnections' in server)
        (server as Server & { closeAllConnections: () => void }).closeAllConnections()
    }
  }
}
