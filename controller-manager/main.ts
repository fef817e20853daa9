/** kube-controller-manager: the loops that turn what users wish into objects that others act on. */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { runWithLease } from '../client/controller/leader-election.ts'
import { followClientAuthorities } from '../client/delegation/client-authorities.ts'
import { guarded } from '../client/delegation/guard.ts'
import { createClient } from '../client/rest/client.ts'
import { type ClientConfig, loadKubeconfig } from '../client/rest/kubeconfig.ts'
import { systemClock } from '../component-base/clock.ts'
import { FlagError } from '../component-base/flags.ts'
import { HealthChecks } from '../component-base/health.ts'
import { diagnosticsHandler, serveHttp } from '../component-base/http.ts'
import type { Logger } from '../component-base/logger.ts'
import { runMain } from '../component-base/main.ts'
import { createRegistry } from '../component-base/metrics.ts'
import { aborted, runAll, type Task } from '../component-base/run.ts'
import { selfSignedKeyPair } from '../component-base/self-signed.ts'
import { type KeyPair, readKeyPair } from '../component-base/tls.ts'
import { kubernetesVersion } from '../component-base/version.ts'
import { type Config, configOf, type Flags, flags as flagSpecs } from './config.ts'
import { runControllers } from './controllers.ts'

const program = 'kube-controller-manager'

await runMain({
  name: program,
  purpose: 'Runs the control loops of a Kubernetes cluster.',
  flags: flagSpecs,
  work: async ({ flags, logger }, signal) => {
    const connection = await connectionOf(flags)
    const config = await readConfig(flags)
    const controllers = controllersTask(flags, config, connection, logger)
    await runAll(signal, { 'health and metrics': diagnosticsTask(flags, connection, logger), controllers })
  },
})

async function connectionOf(flags: Flags): Promise<ClientConfig> {
  if (flags.kubeconfig === '') throw new FlagError('--kubeconfig is required')
  const connection = await loadKubeconfig(flags.kubeconfig)
  const server = flags.master === '' ? connection.server : flags.master
  return { ...connection, server, userAgent: `${program}/${kubernetesVersion}` }
}

async function readConfig(flags: Flags): Promise<Config> {
  const [rootCa, serviceAccountKey, signingCert, signingKey] = await Promise.all([
    textOf(flags['root-ca-file']),
    textOf(flags['service-account-private-key-file']),
    textOf(flags['cluster-signing-cert-file']),
    textOf(flags['cluster-signing-key-file']),
  ])
  return configOf(flags, { rootCa, serviceAccountKey, signingCert, signingKey })
}

async function textOf(path: string): Promise<string | undefined> {
  return path === '' ? undefined : await readFile(path, 'utf8')
}

function controllersTask(flags: Flags, config: Config, connection: ClientConfig, logger: Logger): Task {
  const client = createClient(connection)
  const work: Task = async (signal) =>
    await runControllers(
      {
        client,
        connection,
        clock: systemClock,
        logger,
        random: Math.random,
        config,
        wanted: flags.controllers,
        useServiceAccounts: flags['use-service-account-credentials'],
      },
      signal,
    )
  if (!flags['leader-elect']) return work
  const lease = {
    client,
    namespace: flags['leader-elect-resource-namespace'],
    name: flags['leader-elect-resource-name'],
    identity: `${hostname()}_${randomUUID()}`,
    clock: systemClock,
    logger,
    leaseDurationMs: flags['leader-elect-lease-duration'],
    renewDeadlineMs: flags['leader-elect-renew-deadline'],
    retryPeriodMs: flags['leader-elect-retry-period'],
  }
  return async (signal) => await runWithLease(lease, work, signal)
}

function diagnosticsTask(flags: Flags, connection: ClientConfig, logger: Logger): Task {
  const port = flags['secure-port']
  if (port === 0) return aborted
  const access = { client: createClient(connection), clock: systemClock, logger }
  const handler = guarded(diagnosticsHandler(new HealthChecks(), createRegistry()), access)
  const clientAuthorities = async (apply: (pem: string) => void, signal: AbortSignal): Promise<void> =>
    await followClientAuthorities(access, apply, signal)
  return async (signal) => {
    const tls = await servingKeyPair(flags)
    const onListening = (actual: number): void => logger.info('Serving health and metrics', { port: actual })
    await serveHttp(
      { address: flags['bind-address'], port, tls, clientAuthorities, handler, onListening },
      signal,
    ).finally(() => access.client.close())
  }
}

async function servingKeyPair(flags: Flags): Promise<KeyPair> {
  const [cert, key] = [flags['tls-cert-file'], flags['tls-private-key-file']]
  if (cert !== '' && key !== '') return await readKeyPair(cert, key)
  return await selfSignedKeyPair(program, ['localhost', '127.0.0.1', hostname()], systemClock.now())
}
