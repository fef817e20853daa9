import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { followClientAuthorities } from '../client/delegation/client-authorities.ts'
import { guarded } from '../client/delegation/guard.ts'
import { createClient } from '../client/rest/client.ts'
import { loadKubeconfig } from '../client/rest/kubeconfig.ts'
import { systemClock } from '../component-base/clock.ts'
import { readConfigFile } from '../component-base/config-file.ts'
import { HealthChecks } from '../component-base/health.ts'
import { diagnosticsHandler, serveHttp } from '../component-base/http.ts'
import { runMain } from '../component-base/main.ts'
import { createRegistry } from '../component-base/metrics.ts'
import { runAll } from '../component-base/run.ts'
import { selfSignedKeyPair } from '../component-base/self-signed.ts'
import { readKeyPair } from '../component-base/tls.ts'
import { flags, parseConfig, type SchedulerConfig } from './config.ts'
import { startScheduler } from './start.ts'

async function keyPair({ tlsCertFile, tlsPrivateKeyFile }: SchedulerConfig) {
  return tlsCertFile === ''
    ? await selfSignedKeyPair('kube-scheduler', [hostname(), 'localhost', '127.0.0.1'], systemClock.now())
    : await readKeyPair(tlsCertFile, tlsPrivateKeyFile)
}

await runMain({
  name: 'kube-scheduler',
  purpose: 'The Kubernetes scheduler assigns pods to nodes.',
  flags,
  work: async ({ flags: values, given, logger }, signal) => {
    const file = values.config === '' ? undefined : await readConfigFile(values.config)
    const config = parseConfig(values, given, file)
    const client = createClient({ ...(await loadKubeconfig(config.kubeconfig)), userAgent: 'kube-scheduler' })
    const registry = createRegistry()
    const health = new HealthChecks()
    health.add('ping', () => undefined)
    const identity = `${hostname()}_${randomUUID()}`
    const clock = systemClock
    const tls = await keyPair(config)
    try {
      await runAll(signal, {
        scheduler: (stop) =>
          startScheduler({ config, client, identity, registry, health, clock, random: Math.random, logger }, stop),
        ...(config.securePort === 0
          ? {}
          : {
              server: (stop) =>
                serveHttp(
                  {
                    address: config.bindAddress,
                    port: config.securePort,
                    tls,
                    clientAuthorities: async (apply, end) =>
                      await followClientAuthorities({ client, clock, logger }, apply, end),
                    handler: guarded(diagnosticsHandler(health, registry), { client, clock, logger }),
                  },
                  stop,
                ),
            }),
      })
    } finally {
      client.close()
    }
  },
})
