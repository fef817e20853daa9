/**
 * The API server as one value: storage, caches, store, access control and transport put together, started, and stopped in
 * order. `main.ts` and tests start it the same way.
 */
import { hostname } from 'node:os'
import type { ResourceFacts } from '../api/facts/resources.ts'
import { definitions } from '../api/facts/table.ts'
import type { ApiObject } from '../api/resource.ts'
import { builtinResources } from '../api/resources.ts'
import { compileSchema } from '../apimachinery/schema/schema.ts'
import type { Clock } from '../component-base/clock.ts'
import { HealthChecks } from '../component-base/health.ts'
import type { Logger } from '../component-base/logger.ts'
import { createRegistry, type Registry } from '../component-base/metrics.ts'
import { aborted, runAll } from '../component-base/run.ts'
import { keptKeyPair, selfSignedKeyPair } from '../component-base/self-signed.ts'
import type { KeyPair } from '../component-base/tls.ts'
import { type Access, createAccess } from './access.ts'
import { type AdmissionChain, createAdmissionChain } from './admission/admission.ts'
import { runAvailability } from './aggregator/availability.ts'
import type { AggregatorBackend } from './aggregator/backend.ts'
import { RemoteResources, remoteDiscovery } from './aggregator/discovery.ts'
import { forward, remoteService } from './aggregator/proxy.ts'
import { type CustomResources, createCustomResources } from './apiextensions/controller.ts'
import { type Auditor, createAuditor } from './audit/auditor.ts'
import { serverId } from './bootstrap/identity-lease.ts'
import { createMembership } from './bootstrap/membership.ts'
import { runBootstrap } from './bootstrap/run.ts'
import { timeLimit } from './cel/time-limit.ts'
import { type Config, shutdownOptions } from './config.ts'
import { CredentialFiles } from './credential-files.ts'
import { createFlowControl, type StartedFlowControl } from './flowcontrol/start.ts'
import { componentStatusHandler, localHealth } from './handlers/component-status.ts'
import type { HandlerContext } from './handlers/context.ts'
import { type Descriptions, loadDescriptions } from './handlers/descriptions.ts'
import { type DispatchContext, dispatch, resourceNotServed, takesUpgrade, upgradeHandler } from './handlers/dispatch.ts'
import { ExpiredListError } from './handlers/list.ts'
import { createOpenApiHandler } from './handlers/openapi.ts'
import { answerPlainPath, type PlainContext } from './handlers/plain-paths.ts'
import { registerStateMetrics } from './handlers/state-metrics.ts'
import { subresourceBodies } from './handlers/subresource-body.ts'
import { addServerChecks, createSliMetrics, type SliMetrics } from './health.ts'
import { createAccessMetrics } from './http/access-metrics.ts'
import { Pipeline } from './http/pipeline.ts'
import { createProtobufEncoder } from './http/protobuf-answer.ts'
import { createRequestMetrics } from './http/request-metrics.ts'
import { sendText } from './http/respond.ts'
import { type SecureSettings, startTransport } from './http/transport.ts'
import { storageKey, storagePrefix } from './registry/keys.ts'
import { PortRange } from './registry/port-range.ts'
import type { ObjectReader } from './registry/reader.ts'
import { ResourceRegistry } from './registry/resource-registry.ts'
import { createStore, type Store } from './registry/store.ts'
import { findSni, parseSniFlag, sniNames, tlsOptions } from './serving-certificates.ts'
import { isRefused, refuse, serveUntil } from './shutdown.ts'
import { runCompactor } from './storage/compactor.ts'
import { prepareList } from './storage/conversion.ts'
import { createEncryptedStorage, type EncryptionOptions } from './storage/encryption/encrypted-storage.ts'
import { createKmsMetrics } from './storage/encryption/kms/metrics.ts'
import { type EncryptionConfiguration, loadEncryptionConfiguration } from './storage/encryption/load.ts'
import { Recovery } from './storage/encryption/recovery.ts'
import { createKeyReader } from './storage/encryption/resources.ts'
import { createEtcdStorage } from './storage/etcd.ts'
import { createMeasuredStorage, type KeyType } from './storage/measured-storage.ts'
import type { Storage } from './storage/storage.ts'
import { WatchCache } from './storage/watch-cache.ts'
import type { SubresourceHandler } from './subresources/subresource.ts'

export type ApiServerOptions = {
  readonly config: Config
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
}

export type RunningApiServer = {
  readonly url: string
  readonly port: number
  /** Resolves when the server has stopped, after `signal` aborted; rejects when it could not go on. */
  readonly stopped: Promise<void>
}

/** Where the flag leaves it open. Source: Go's default. */
const defaultMaxStreams = 250
/** Starts the server; resolves when it is ready to serve: caches filled and bootstrap objects written. */
export async function startApiServer(options: ApiServerOptions, signal: AbortSignal): Promise<RunningApiServer> {
  const { config, clock, logger } = options
  const metrics = createRegistry()
  const encryption = await encryptionOf(options, metrics)
  // Kinds are known before anything is asked of etcd.
  const typeOf = (key: string): KeyType => keyTypeOf(core.handlers.resources, key)
  const plainStorage = createMeasuredStorage(createEtcdStorage(etcdOptions(config), clock), metrics, clock, typeOf)
  const storage = encryption === undefined ? plainStorage : createEncryptedStorage(plainStorage, encryption)
  const core = createCore(options, storage)
  const ports = new PortRange(storage, config.flags['service-node-port-range'])
  const fresh = async (): Promise<unknown> => await core.caches.fresh()
  const access = await createAccess({
    config,
    lookup: core.lookup,
    store: core.store,
    clock,
    random: options.random,
    logger,
    schemas: core.handlers.schemas,
    resources: core.handlers.resources,
    ports,
    fresh,
  })
  core.setAdmission(createAdmissionChain(access.plugins, timeLimit(clock)))
  const slis = createSliMetrics()
  const health = new HealthChecks(slis.observe)
  const state = { stopping: false, refusing: false, bootstrapped: false, joined: false }
  addServerChecks(health, {
    caches: core.caches,
    state,
    isConfigured: () => flow.isConfigured(),
    clock,
    livezGraceMs: config.flags['livez-grace-period'],
  })
  if (encryption?.check !== undefined) health.add('kms-providers', encryption.check)
  const remote = new RemoteResources()
  const audit = await createAuditor({ ...options, flags: config.flags, metrics })
  const flow = createFlowControl({ ...core, ...core.handlers, flags: config.flags, logger })
  const backend = { reader: core.reader, identity: access.proxyIdentity, random: options.random }
  const pipeline = createPipeline(options, core, access, health, { backend, remote, flow, metrics, slis, audit })
  registerStateMetrics(metrics, core.handlers, () => pipeline.longRunning())
  const serving = await servingFiles(config, access.kubernetesServiceIp, clock)
  const transport = await startTransport({
    address: config.flags['bind-address'],
    port: config.flags['secure-port'],
    secure: serving.settings(access.clientCa()),
    tls: tlsOptions(config.flags['tls-cipher-suites'], config.flags['tls-min-version']),
    maxConcurrentStreams: config.flags['http2-max-streams-per-connection'] || defaultMaxStreams,
    onRequest: (request, response) => {
      if (isRefused(state, request.url ?? '')) return refuse(request, response)
      // `serve` answers every failure itself.
      void pipeline.serve(request, response)
    },
    onUpgrade: (request, socket, head) => {
      void pipeline.serveUpgrade(request, socket, head)
    },
  })
  const renew = (): void => transport.setSecure(serving.settings(access.clientCa()))
  serving.files.onChange(renew)
  access.onCredentialsChange(renew)
  core.setPort(transport.port)
  logger.info('Started listening', { address: config.flags['bind-address'], port: transport.port })

  const membership = createMembership({
    ...core,
    ...options,
    storage,
    ports,
    fresh,
    hostname: hostname(),
    address: config.advertiseAddress,
    port: transport.port,
    portRange: config.flags['service-node-port-range'],
    endpointReconciler: config.flags['endpoint-reconciler-type'],
  })
  const lifetime = new AbortController()
  let markReady: () => void = () => {}
  const ready = new Promise<void>((resolve) => {
    markReady = resolve
  })
  const tasks = runAll(lifetime.signal, {
    caches: async (end) => await core.caches.run(end),
    'custom resources': async (end) => await core.customResources.run(end),
    'encryption config': async (end) => await (encryption?.run(end) ?? aborted(end)),
    bookmarks: async (end) => await core.caches.runBookmarks(end),
    timeouts: async (end) => await pipeline.runTimeouts(end),
    'access configuration': async (end) => await access.run(end),
    'serving certificates': async (end) => await serving.files.run({ clock, logger }, end),
    audit: async (end) => await (audit?.run(end) ?? aborted(end)),
    'flow control': async (end) => await flow.run(end),
    compaction: async (end) => {
      const intervalMs = config.flags['etcd-compaction-interval']
      const onCompacted = (revision: number): void => core.caches.forgetBefore(revision)
      await runCompactor({ storage, clock, logger, intervalMs, onCompacted }, end)
    },
    'aggregated servers': async (end) => {
      while (!state.bootstrapped) await clock.sleep(100, end)
      await runAvailability({ ...backend, store: core.store, clock, logger, resources: remote }, end)
    },
    membership: async (end) => {
      while (!state.bootstrapped) await clock.sleep(5, end)
      state.joined = true
      await membership.run(end)
    },
    bootstrap: async (end) => {
      const onDone = (): void => {
        state.bootstrapped = true
        markReady()
      }
      await runBootstrap(
        {
          ...options,
          access,
          store: core.store,
          caches: core.caches,
          resources: core.handlers.resources,
          port: transport.port,
          onDone,
        },
        end,
      )
    },
  })
  const leave = async (): Promise<void> => await membership.leave()
  const running = { tasks, lifetime, pipeline, transport, storage, clock, state, leave, catchUp: fresh }
  const stopped = serveUntil(signal, running, shutdownOptions(config))
  await Promise.race([ready, stopped])
  signal.throwIfAborted()
  logger.info('Became ready', { port: transport.port })
  return { url: `https://127.0.0.1:${transport.port}`, port: transport.port, stopped }
}

type Encryption = EncryptionOptions & Pick<EncryptionConfiguration, 'run' | 'check'>

async function encryptionOf(
  { config: { flags }, clock, logger }: ApiServerOptions,
  metrics: Registry,
): Promise<Encryption | undefined> {
  const file = flags['encryption-provider-config']
  if (file === '') return undefined
  const recovery = new Recovery()
  const configuration = await loadEncryptionConfiguration({
    file,
    isReloaded: flags['encryption-provider-config-automatic-reload'],
    clock,
    logger,
    metrics: createKmsMetrics(metrics, serverId(hostname())),
    onGood: () => recovery.recovered(),
  })
  const prefixes = new Map<string, ResourceFacts>()
  for (const { facts } of builtinResources) {
    // Two groups serve events; upstream's rules name the older.
    if (facts.storagePrefix !== undefined && !prefixes.has(facts.storagePrefix))
      prefixes.set(facts.storagePrefix, facts)
  }
  return { ...configuration, keys: createKeyReader(prefixes), recovery }
}

function etcdOptions({ flags }: Config): Parameters<typeof createEtcdStorage>[0] {
  return {
    servers: flags['etcd-servers'],
    ...(flags['etcd-cafile'] === '' ? {} : { caFile: flags['etcd-cafile'] }),
    ...(flags['etcd-certfile'] === '' ? {} : { certFile: flags['etcd-certfile'] }),
    ...(flags['etcd-keyfile'] === '' ? {} : { keyFile: flags['etcd-keyfile'] }),
  }
}

/** What the server shows of itself, and whom it takes certificates from: as the files have it now. */
async function servingFiles(config: Config, serviceIp: string, clock: Clock): Promise<ServingFiles> {
  const { flags, advertiseAddress } = config
  const sni = flags['tls-sni-cert-key'].flatMap((text) => parseSniFlag(text) ?? [])
  const files = await CredentialFiles.read({
    'serving.cert': flags['tls-cert-file'],
    'serving.key': flags['tls-private-key-file'],
    ...Object.fromEntries(
      sni.flatMap(({ certFile, keyFile }, at) => [
        [`sni-${at}.cert`, certFile],
        [`sni-${at}.key`, keyFile],
      ]),
    ),
  })
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost']
  const own = async (): Promise<KeyPair> =>
    await selfSignedKeyPair('kube-apiserver', [...names, '127.0.0.1', advertiseAddress, serviceIp], clock.now())
  const fallback = flags['tls-cert-file'] === '' ? await keptKeyPair(flags['cert-dir'], 'apiserver', own) : undefined
  const pair = (name: string): KeyPair => ({
    cert: files.text(`${name}.cert`) ?? fallback?.cert ?? '',
    key: files.text(`${name}.key`) ?? fallback?.key ?? '',
  })
  return {
    files,
    settings: (clientCa) => {
      const entries = sni.map((flag, at) => {
        const value = pair(`sni-${at}`)
        return { names: sniNames(flag, value.cert), value }
      })
      return { ...pair('serving'), clientCa, certificateFor: (name) => findSni(entries, name) }
    },
  }
}

type ServingFiles = {
  readonly files: CredentialFiles
  readonly settings: (clientCa: readonly string[]) => SecureSettings
}

type Core = {
  readonly customResources: CustomResources
  readonly handlers: HandlerContext
  readonly descriptions: Descriptions
  readonly caches: WatchCache
  readonly store: Store
  readonly reader: ObjectReader
  readonly lookup: Parameters<typeof createAccess>[0]['lookup']
  readonly admission: () => AdmissionChain
  readonly setAdmission: (chain: AdmissionChain) => void
  readonly setPort: (port: number) => void
  readonly port: () => number
}

function createCore({ clock, logger, random, config }: ApiServerOptions, storage: Storage): Core {
  const descriptions = loadDescriptions()
  const eventTtlSeconds = Math.round(config.flags['event-ttl'] / 1000)
  const resources = new ResourceRegistry(
    builtinResources.map((resource) =>
      resource.ttlSeconds === undefined ? resource : { ...resource, ttlSeconds: eventTtlSeconds },
    ),
  )
  // Custom kinds come and go.
  const structs = new Map(compileSchema(definitions).structs)
  const schemas = { structs }
  const caches = new WatchCache({ storage, clock, logger })
  for (const resource of resources.all()) {
    if (resource.facts.storagePrefix !== undefined) caches.cache(storagePrefix(resource))
  }
  let admission = createAdmissionChain([])
  let port = 0
  const store = createStore({ resources, schemas, storage, caches, admission: () => admission, clock, random })
  const reader = createReader(resources, caches)
  const customResources = createCustomResources({ resources, structs, caches, reader, store, random, clock, logger })
  return {
    customResources,
    handlers: {
      watchEvents: new Map(),
      resources,
      schemas,
      storage,
      caches,
      store,
      clock,
      random,
      describe: descriptions.describe,
      shortestWatchSeconds: config.flags['min-request-timeout'],
    },
    descriptions,
    caches,
    store,
    reader,
    lookup: {
      reader,
      live: async (facts, namespace, name) => {
        await caches.fresh()
        return reader.get(facts, namespace, name)
      },
    },
    admission: () => admission,
    setAdmission: (chain) => {
      admission = chain
    },
    setPort: (value) => {
      port = value
    },
    port: () => port,
  }
}

function createReader(resources: ResourceRegistry, caches: WatchCache): ObjectReader {
  // Asked many times for each write; custom kinds come and go later.
  const builtIn = new Map(resources.all().map((resource) => [resource.facts, resource]))
  const resourceOf = (facts: ResourceFacts) => {
    const resource = builtIn.get(facts) ?? resources.get(facts.group, facts.version, facts.plural)
    return resource?.facts.storagePrefix === undefined ? undefined : resource
  }
  return {
    get: (facts, namespace, name): ApiObject | undefined => {
      const resource = resourceOf(facts)
      if (resource === undefined) return undefined
      const entry = caches.cache(storagePrefix(resource)).get(storageKey(resource, namespace, name))
      // What cannot be decrypted is for clients to hear of; the server itself goes on without it.
      return entry === undefined || entry.unreadable !== undefined ? undefined : entry.view(resource).object
    },
    list: (facts, namespace = '') => {
      const resource = resourceOf(facts)
      const cache = resource === undefined ? undefined : caches.cache(storagePrefix(resource))
      // Most clusters have no quotas, limits or policies, and every write asks for them.
      if (resource === undefined || cache === undefined || cache.size === 0) return []
      return cache
        .list(storageKey(resource, namespace, ''))
        .filter(({ unreadable }) => unreadable === undefined)
        .map((entry) => entry.view(resource).object)
    },
    prepare: async (facts, namespace) => {
      const resource = resourceOf(facts)
      if (resource === undefined) return
      const prefix = storageKey(resource, namespace, '')
      const readable = () =>
        caches
          .cache(storagePrefix(resource))
          .list(prefix)
          .filter((one) => one.unreadable === undefined)
      await prepareList(resource, readable)
    },
    revision: (facts) => {
      const resource = resourceOf(facts)
      return resource === undefined ? 0 : caches.cache(storagePrefix(resource)).changedRevision
    },
  }
}

type PipelineParts = {
  readonly backend: AggregatorBackend
  readonly remote: RemoteResources
  readonly flow: StartedFlowControl
  readonly metrics: Registry
  readonly slis: SliMetrics
  readonly audit: Auditor | undefined
}

function createPipeline(
  { config, clock, logger, random }: ApiServerOptions,
  core: Core,
  access: Access,
  health: HealthChecks,
  { backend, remote, flow, metrics, slis, audit }: PipelineParts,
): Pipeline {
  const { handlers, reader, store, customResources } = core
  const subresourceContext = {
    store,
    reader,
    authorizer: access.authorizer,
    admission: chainOf(core.admission),
    clock,
    ...subresourceBodies(handlers.schemas, clock),
  }
  const builtIn = new Map(
    [...access.subresources, ...componentStatuses(core)].map((handler) => [
      `${handler.group}/${handler.plural}/${handler.subresource}`,
      handler,
    ]),
  )
  const dispatchContext: DispatchContext = {
    handlers,
    subresources: { get: (path) => builtIn.get(path) ?? customResources.subresources.get(path) },
    subresourceContext,
    isComplete: customResources.isReady,
  }
  const openapi = createOpenApiHandler(handlers.schemas, handlers.resources, clock, core.descriptions)
  const discovery = remoteDiscovery(reader, remote)
  const startedMs = clock.now()
  const plain = (): PlainContext => ({
    resources: handlers.resources,
    remote: discovery,
    health,
    metrics,
    slis,
    debug: { flags: config.flags, startedMs, clock },
    serverAddress: `${config.advertiseAddress}:${core.port()}`,
    issuerDocument: access.issuerDocument(core.port()),
    keySet: access.keySet,
    openapi,
  })
  const observe = createRequestMetrics(
    metrics,
    clock,
    ({ group, version, resource }) => handlers.resources.get(group, version, resource) !== undefined,
  )
  access.registerMetrics(metrics)
  flow.register(metrics)
  return new Pipeline({
    authenticate: access.authenticate,
    impersonate: access.impersonate,
    authorizer: access.authorizer,
    accessMetrics: createAccessMetrics(metrics, clock),
    flowControl: flow.control,
    goawayChance: config.flags['goaway-chance'],
    random,
    ...(audit === undefined ? {} : { audit }),
    clock,
    logger,
    requestTimeoutMs: config.flags['request-timeout'],
    protobuf: createProtobufEncoder(handlers.schemas),
    statusMetadata: (error) => (error instanceof ExpiredListError ? { continue: error.continueToken } : {}),
    onDone: observe,
    handle: async (request, response) => {
      const elsewhere = remoteService(reader, request.info.path)
      if (elsewhere !== undefined) {
        // The state that a watch begins with is the other server's work.
        request.begun?.()
        await forward(backend, elsewhere, request, response)
      } else if (request.info.isResourceRequest) await dispatch(dispatchContext, request, response)
      else {
        const page = flow.page(request.info.path, request.query)
        if (page === undefined) await answerPlainPath(plain(), request, response)
        else sendText(response, 200, page)
      }
    },
    takesUpgrade: (info) => takesUpgrade(dispatchContext, info),
    upgrade: async (request, socket, head) => {
      const upgrade = upgradeHandler(dispatchContext, request)
      if (upgrade === undefined) throw resourceNotServed()
      await upgrade(request, socket, head, subresourceContext)
    },
  })
}

/** Labels of what a key belongs to; what is no object has none. */
function keyTypeOf(resources: ResourceRegistry, key: string): KeyType {
  const facts = resources.byKey(key)
  return { group: facts?.group ?? '', resource: facts?.plural ?? '' }
}

/** The ports are upstream's. */
function componentStatuses({ handlers, caches }: Core): readonly SubresourceHandler[] {
  const resource = handlers.resources.get('', 'v1', 'componentstatuses')
  if (resource === undefined) return []
  return [
    componentStatusHandler(
      resource,
      [
        { name: 'controller-manager', probe: localHealth(10257) },
        { name: 'etcd-0', probe: async () => (caches.isConnected ? undefined : 'etcd is not connected') },
        { name: 'scheduler', probe: localHealth(10259) },
      ],
      handlers.describe,
    ),
  ]
}

/** The chain as it is at the time of each call. */
function chainOf(current: () => AdmissionChain): AdmissionChain {
  return {
    mutate: async (...input) => await current().mutate(...input),
    validate: async (...input) => await current().validate(...input),
    settled: async (...input) => await current().settled(...input),
  }
}
