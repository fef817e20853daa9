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
import { flags, type ProxyConfig, parseConfig, splitAddress } from './config.ts'
import { createProxyMetrics } from './metrics.ts'
import type { ModeOptions, ModeSettings } from './mode.ts'
import { cleanUpOtherModes, createModes } from './modes.ts'
import { cleanUpPolicies, createPolicyApplier } from './policy/apply/appliers.ts'
import { createPolicyMetrics } from './policy/metrics.ts'
import { startPolicies } from './policy/start.ts'
import { startProxy } from './start.ts'
import { HealthCheckServers } from './sync/health-check.ts'
import { ProxyHealth } from './sync/proxy-health.ts'
import { type KernelSettings, type KernelWishes, prepareKernel } from './sync/sysctl.ts'

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

function metricsHandler(diagnostics: Handler, mode: string): Handler {
  return async (request, response) => {
    if (request.url !== '/proxyMode') return await diagnostics(request, response)
    response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' })
    response.end(mode)
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

function settingsOf(config: ProxyConfig, kernel: KernelSettings): ModeSettings {
  const { masqueradeAll, masqueradeMark, localhostNodePorts } = config
  return {
    ...{ masqueradeAll, masqueradeMark, hasLocalhostNodePorts: localhostNodePorts },
    ...{ dropsInvalid: !kernel.isTcpLiberal, seesBridged: kernel.seesBridged },
    ...(config.ipvs === undefined ? {} : { ipvs: config.ipvs }),
  }
}

function hostIps(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address))
}

async function cleanUpNode(options: Omit<ModeOptions, 'family'>, signal: AbortSignal): Promise<void> {
  for (const family of ['ip', 'ip6'] as const) await cleanUpOtherModes(undefined, { ...options, family }, signal)
  await cleanUpPolicies(undefined, options.clock, signal)
}

await runMain({
  name: 'kube-proxy',
  purpose: 'The Kubernetes network proxy runs on each node and forwards traffic to Services to their endpoints.',
  flags,
  work: async ({ flags: values, given, logger }, signal) => {
    const config = parseConfig(values, given, values.config === '' ? undefined : await readConfigFile(values.config))
    const clock = systemClock
    const optionsOf = (kernel: KernelSettings) => ({ settings: settingsOf(config, kernel), hostIps, clock, logger })
    if (config.cleanup) return await cleanUpNode(optionsOf({ seesBridged: true, isTcpLiberal: false }), signal)
    const client = createClient({ ...(await loadKubeconfig(config.kubeconfig)), userAgent: 'kube-proxy' })
    const registry = createRegistry()
    const health = new ProxyHealth({ now: clock.now, syncPeriodMs: config.syncPeriodMs })
    const checks = new HealthChecks()
    checks.add('rules', () => (health.isHealthy() ? undefined : 'rules are not in step with the cluster'))
    const kernel = await prepareKernel(kernelWishes(config), logger, signal)
    const isProxyHealthy = () => health.isHealthy()
    const modeOptions = optionsOf(kernel)
    const nodeName = (config.hostnameOverride || hostname()).trim().toLowerCase()
    const modes = await createModes(config.mode, modeOptions, signal)
    const proxy: Task = async (stop) =>
      await startProxy(
        {
          ...{ config, client, health, hostIps, clock, logger },
          nodeName,
          modes,
          cleanUpOthers: async (whileRunning) => {
            for (const { family } of modes) {
              await cleanUpOtherModes(config.mode, { ...modeOptions, family }, whileRunning)
            }
          },
          healthChecks: new HealthCheckServers({ address: '0.0.0.0', isProxyHealthy, logger }),
          metrics: createProxyMetrics(registry),
        },
        stop,
      )
    const policies: Task = async (stop) =>
      await startPolicies(
        {
          ...{ client, clock, logger },
          nodeName,
          appliers: modes.map(({ family }) => createPolicyApplier(config.mode, family, clock)),
          cleanUpOthers: async (whileRunning) => await cleanUpPolicies(config.mode, clock, whileRunning),
          socketPath: config.policySocket,
          seesBridged: kernel.seesBridged,
          syncPeriodMs: config.syncPeriodMs,
          observe: createPolicyMetrics(registry),
        },
        stop,
      )
    const healthz = serveAt(config.healthzBindAddress, healthHandler(health))
    const metrics = serveAt(
      config.metricsBindAddress,
      metricsHandler(diagnosticsHandler(checks, registry), config.mode),
    )
    try {
      await runAll(signal, {
        ...{ proxy, policies },
        ...(healthz === undefined ? {} : { healthz }),
        ...(metrics === undefined ? {} : { metrics }),
      })
    } finally {
      client.close()
    }
  },
})
