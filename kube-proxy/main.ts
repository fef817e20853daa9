import type { IncomingMessage, ServerResponse } from 'node:http'
import { availableParallelism, hostname, networkInterfaces } from 'node:os'
import { createClient } from '../client/rest/client.ts'
import { loadKubeconfig } from '../client/rest/kubeconfig.ts'
import { systemClock } from '../component-base/clock.ts'
import { readConfigFile } from '../component-base/config-file.ts'
import { HealthChecks } from '../component-base/health.ts'
import { diagnosticsHandler, serveHttp } from '../component-base/http.ts'
import { runMain } from '../component-base/main.ts'
import { createRegistry } from '../component-base/metrics.ts'
import { runAll, type Task } from '../component-base/run.ts'
import { createIptables } from '../netfilter/iptables.ts'
import { cleanUp } from './cleanup.ts'
import { flags, type ProxyConfig, parseConfig, splitAddress } from './config.ts'
import { createProxyMetrics } from './metrics.ts'
import { baseJumps } from './render/base.ts'
import { startProxy } from './start.ts'
import { HealthCheckServers } from './sync/health-check.ts'
import { ProxyHealth } from './sync/proxy-health.ts'
import { type KernelWishes, prepareKernel } from './sync/sysctl.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

function serveAt(text: string, handler: Handler): Task | undefined {
  const at = splitAddress(text)
  return at === undefined ? undefined : async (signal) => await serveHttp({ ...at, handler }, signal)
}

function healthHandler(health: ProxyHealth): Handler {
  return async (request, response) => {
    const path = (request.url ?? '').split('?')[0]
    const answer = path === '/healthz' || path === '/livez' ? health.answer(path) : undefined
    response.writeHead(answer?.status ?? 404, {
      'Content-Type': answer === undefined ? 'text/plain' : 'application/json',
      'X-Content-Type-Options': 'nosniff',
    })
    response.end(answer?.body ?? '404 page not found\n')
  }
}

function metricsHandler(diagnostics: Handler): Handler {
  return async (request, response) => {
    if (request.url !== '/proxyMode') return await diagnostics(request, response)
    response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' })
    response.end('iptables')
  }
}

function kernelWishes({ localhostNodePorts, conntrack }: ProxyConfig): KernelWishes {
  const { maxPerCore, min, tcpTimeoutEstablishedMs, tcpTimeoutCloseWaitMs, isTcpLiberal } = conntrack
  return {
    hasLocalhostNodePorts: localhostNodePorts,
    conntrack: {
      max: maxPerCore === 0 ? 0 : Math.max(maxPerCore * availableParallelism(), min),
      tcpTimeoutEstablishedSeconds: Math.floor(tcpTimeoutEstablishedMs / 1_000),
      tcpTimeoutCloseWaitSeconds: Math.floor(tcpTimeoutCloseWaitMs / 1_000),
      isTcpLiberal,
    },
  }
}

async function cleanUpNode(config: ProxyConfig, signal: AbortSignal): Promise<void> {
  const options = { hasLocalhostNodePorts: config.localhostNodePorts, family: 'ip' } as const
  await cleanUp(createIptables('ip'), baseJumps(options), signal)
}

await runMain({
  name: 'kube-proxy',
  purpose: 'The Kubernetes network proxy runs on each node and forwards traffic to Services to their endpoints.',
  flags,
  work: async ({ flags: values, given, logger }, signal) => {
    const config = parseConfig(values, given, values.config === '' ? undefined : await readConfigFile(values.config))
    if (config.cleanup) return await cleanUpNode(config, signal)
    const clock = systemClock
    const client = createClient({ ...(await loadKubeconfig(config.kubeconfig)), userAgent: 'kube-proxy' })
    const registry = createRegistry()
    const health = new ProxyHealth({ now: clock.now, syncPeriodMs: config.syncPeriodMs })
    const checks = new HealthChecks()
    checks.add('rules', () => (health.isHealthy() ? undefined : 'rules are not in step with the cluster'))
    const kernel = await prepareKernel(kernelWishes(config), logger, signal)
    const isProxyHealthy = () => health.isHealthy()
    const proxy: Task = async (stop) =>
      await startProxy(
        {
          ...{ config, client, kernel, health, clock, logger },
          nodeName: (config.hostnameOverride || hostname()).trim().toLowerCase(),
          iptables: createIptables('ip'),
          hostIps: () =>
            Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address)),
          healthChecks: new HealthCheckServers({ address: '0.0.0.0', isProxyHealthy, logger }),
          metrics: createProxyMetrics(registry),
        },
        stop,
      )
    const healthz = serveAt(config.healthzBindAddress, healthHandler(health))
    const metrics = serveAt(config.metricsBindAddress, metricsHandler(diagnosticsHandler(checks, registry)))
    try {
      await runAll(signal, {
        proxy,
        ...(healthz === undefined ? {} : { healthz }),
        ...(metrics === undefined ? {} : { metrics }),
      })
    } finally {
      client.close()
    }
  },
})
