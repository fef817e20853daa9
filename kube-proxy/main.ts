import { writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { availableParallelism, hostname, networkInterfaces } from 'node:os'
import { createClient } from '../client/rest/client.ts'
import { loadKubeconfig } from '../client/rest/kubeconfig.ts'
import { systemClock } from '../component-base/clock.ts'
import { readConfigFile } from '../component-base/config-file.ts'
import { HealthChecks } from '../component-base/health.ts'
import { diagnosticsHandler, serveHttp } from '../component-base/http.ts'
import type { Logger } from '../component-base/logger.ts'
import { runMain } from '../component-base/main.ts'
import { createRegistry } from '../component-base/metrics.ts'
import { runAll, type Task } from '../component-base/run.ts'
import type { Family } from '../netfilter/iptables.ts'
import { flags, type ProxyConfig, parseConfig, splitAddress } from './config.ts'
import { ConfigError } from './config-error.ts'
import { createProxyMetrics, type ProxyMetrics } from './metrics.ts'
import type { ModeOptions, ModeSettings, ProxyMode } from './mode.ts'
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

function healthHandler(health: ProxyHealth, metrics: ProxyMetrics): Handler {
  return async (request, response) => {
    const path = (request.url ?? '').split('?')[0]
    const known = path === '/healthz' || path === '/livez' ? path : undefined
    const answer = known === undefined ? undefined : health.answer(known)
    if (known !== undefined && answer !== undefined) metrics.countHealthz(known, answer.status)
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
  const { udpTimeoutMs, udpStreamTimeoutMs } = conntrack
  return {
    hasLocalhostNodePorts: localhostNodePorts,
    conntrack: {
      max: maxPerCore === 0 ? 0 : Math.max(maxPerCore * availableParallelism(), min),
      tcpTimeoutEstablishedSeconds: Math.floor(tcpTimeoutEstablishedMs / 1_000),
      tcpTimeoutCloseWaitSeconds: Math.floor(tcpTimeoutCloseWaitMs / 1_000),
      udpTimeoutSeconds: Math.floor(udpTimeoutMs / 1_000),
      udpStreamTimeoutSeconds: Math.floor(udpStreamTimeoutMs / 1_000),
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

function warn({ unknownFields, mode, nodePortAddresses }: ProxyConfig, logger: Logger): void {
  if (unknownFields.length > 0) {
    const error = `strict decoding error: ${unknownFields.map((field) => `unknown field "${field}"`).join(', ')}`
    logger.info('Using lenient decoding as strict decoding failed', { error })
  }
  if (nodePortAddresses.length === 0) {
    logger.info('Node ports are accepted on all local addresses; consider --nodeport-addresses=primary', { mode })
  }
}

/** The kernel ends this process late when memory runs out: without it no Service of the node keeps up. */
async function applyOomScore(score: number, logger: Logger): Promise<void> {
  try {
    await writeFile('/proc/self/oom_score_adj', String(score))
  } catch (error) {
    logger.info('OOM score not set', { score, reason: error instanceof Error ? error.message : String(error) })
  }
}

/** For both families where there are both. */
function anyAddress(modes: readonly ProxyMode[]): string {
  return modes.some(({ family }) => family === 'ip6') ? '::' : '0.0.0.0'
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
    const file = values.config === '' ? undefined : { value: await readConfigFile(values.config) }
    const config = parseConfig(values, given, file)
    warn(config, logger)
    const clock = systemClock
    const optionsOf = (kernel: KernelSettings) => ({ settings: settingsOf(config, kernel), hostIps, clock, logger })
    if (config.cleanup) return await cleanUpNode(optionsOf({ seesBridged: true, isTcpLiberal: false }), signal)
    if (config.kubeconfig === '')
      throw new ConfigError('--kubeconfig is required: in-cluster configuration is not read')
    const client = createClient({ ...(await loadKubeconfig(config.kubeconfig)), userAgent: 'kube-proxy' })
    const registry = createRegistry()
    const health = new ProxyHealth({ now: clock.now, syncPeriodMs: config.syncPeriodMs })
    const checks = new HealthChecks()
    checks.add('rules', () => (health.isHealthy() ? undefined : 'rules are not in step with the cluster'))
    await applyOomScore(config.oomScoreAdj, logger)
    const kernel = await prepareKernel(kernelWishes(config), logger, signal)
    if (config.initOnly) return client.close()
    const isProxyHealthy = () => health.isHealthy()
    const modeOptions = optionsOf(kernel)
    const nodeName = (config.hostnameOverride || hostname()).trim().toLowerCase()
    const modes = await createModes(config.mode, modeOptions, signal)
    const ruleCounts = (family: Family) => modes.find((mode) => mode.family === family)?.ruleCounts?.() ?? {}
    const proxyMetrics = createProxyMetrics(registry, config.mode, ruleCounts)
    const proxy: Task = async (stop) =>
      await startProxy(
        {
          ...{ config, client, health, hostIps, clock, logger },
          nodeName,
          modes,
          cleanUpOthers: async (whileRunning) => {
            let isGone = true
            for (const { family } of modes) {
              if (!(await cleanUpOtherModes(config.mode, { ...modeOptions, family }, whileRunning))) isGone = false
            }
            return isGone
          },
          healthChecks: new HealthCheckServers({ address: anyAddress(modes), isProxyHealthy, logger }),
          metrics: proxyMetrics,
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
    const healthz = serveAt(config.healthzBindAddress, healthHandler(health, proxyMetrics))
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
