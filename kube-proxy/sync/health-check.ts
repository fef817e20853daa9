/** Answers load balancers that ask on a Service's healthCheckNodePort whether this node has endpoints of it. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { serveHttp } from '../../component-base/http.ts'
import { linkSignals } from '../../component-base/linked-signal.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { PlannedPort } from '../plan/planner.ts'

export type ServiceHealth = { readonly namespace: string; readonly name: string; readonly localEndpoints: number }

/** By health check port: the Service and how many ready endpoints it has here. Ports of one Service count once. */
export function serviceHealthOf(ports: readonly PlannedPort[]): ReadonlyMap<number, ServiceHealth> {
  const result = new Map<number, ServiceHealth>()
  for (const { port, localReady } of ports) {
    if (port.healthCheckNodePort === 0) continue
    const { namespace, name } = port
    const known = result.get(port.healthCheckNodePort)?.localEndpoints ?? 0
    result.set(port.healthCheckNodePort, { namespace, name, localEndpoints: Math.max(known, localReady) })
  }
  return result
}

/** One server for each port in use. */
export class HealthCheckServers {
  readonly #address: string
  readonly #isProxyHealthy: () => boolean
  readonly #logger: Logger
  readonly #stops = new Map<number, AbortController>()
  #health: ReadonlyMap<number, ServiceHealth> = new Map()

  constructor(options: { readonly address: string; readonly isProxyHealthy: () => boolean; readonly logger: Logger }) {
    this.#address = options.address
    this.#isProxyHealthy = options.isProxyHealthy
    this.#logger = options.logger
  }

  /** Starts and stops servers so that exactly the given ports answer. */
  update(health: ReadonlyMap<number, ServiceHealth>, signal: AbortSignal): void {
    this.#health = health
    for (const [port, stop] of this.#stops) {
      if (health.has(port)) continue
      this.#stops.delete(port)
      stop.abort()
    }
    for (const port of health.keys()) if (!this.#stops.has(port)) this.#start(port, signal)
  }

  #start(port: number, signal: AbortSignal): void {
    const stop = new AbortController()
    this.#stops.set(port, stop)
    const handler = async (_request: IncomingMessage, response: ServerResponse) => this.#answer(port, response)
    const both = linkSignals([signal, stop.signal])
    // A port that cannot be opened is tried again with the next sync; other Services go on.
    serveHttp({ address: this.#address, port, handler }, both.signal)
      .catch((error: unknown) => {
        this.#stops.delete(port)
        this.#logger.error('Health check port not served', { port, error })
      })
      .finally(both.unlink)
  }

  #answer(port: number, response: ServerResponse): void {
    const { namespace, name, localEndpoints } = this.#health.get(port) ?? { namespace: '', name: '', localEndpoints: 0 }
    const isHealthy = this.#isProxyHealthy()
    response.writeHead(localEndpoints > 0 && isHealthy ? 200 : 503, {
      'Content-Type': 'application/json',
      'X-Content-Type-Options': 'nosniff',
      'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
    })
    response.end(
      JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: isHealthy }, undefined, 2),
    )
  }
}
