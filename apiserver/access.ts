/** Puts access control together from the configuration: who asks, what they may do, and what is made of a write. */
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { Schemas } from '../apimachinery/schema/schema.ts'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import type { Registry } from '../component-base/metrics.ts'
import type { AdmissionPlugin } from './admission/admission.ts'
import { readAdmissionConfig } from './admission/configuration.ts'
import { admissionPlugins } from './admission/plugins.ts'
import { createPolicyMetrics } from './admission/policy/metrics.ts'
import type { ProxyIdentity } from './aggregator/backend.ts'
import { createBootstrapTokenVerifier } from './authn/bootstrap-token.ts'
import { createAuthenticator } from './authn/chain.ts'
import { createClientCertAuthenticator, parseCertificates } from './authn/client-cert.ts'
import { createImpersonation, type Impersonate } from './authn/impersonation.ts'
import { createJwtAuthentication, type JwtAuthentication } from './authn/jwt/authentication.ts'
import { authenticatorOfFlags } from './authn/jwt/flags.ts'
import { createRequestHeaderAuthenticator } from './authn/request-header.ts'
import { createReviewClient } from './authn/review-client.ts'
import { labelSecrets } from './authn/secret-labels.ts'
import { createServiceAccountVerifier } from './authn/service-account.ts'
import {
  discoveryDocument,
  keySetDocument,
  parseSigningKey,
  parseVerificationKeys,
} from './authn/service-account-keys.ts'
import { anyVerifier, createStaticTokenVerifier, parseTokenFile, type TokenVerifier } from './authn/token.ts'
import { createWebhookTokenVerifier } from './authn/webhook-token.ts'
import { createAuthorization } from './authz/authorization.ts'
import type { Authorizer } from './authz/authorizer.ts'
import { authorizersOfFlags } from './authz/flags.ts'
import { type Config, type Flags, serviceRanges } from './config.ts'
import { CredentialFiles } from './credential-files.ts'
import { firstAddress } from './registry/cluster-ip-allocator.ts'
import { createNodePortAllocator } from './registry/node-port-allocator.ts'
import type { PortRange } from './registry/port-range.ts'
import type { ResourceRegistry } from './registry/resource-registry.ts'
import { createServiceCidrAllocator } from './registry/service-cidrs.ts'
import { createServiceClaims } from './registry/service-claims.ts'
import type { Store } from './registry/store.ts'
import { find, type Lookup, read } from './registry/typed-reader.ts'
import { subresourceHandlers } from './subresources/handlers.ts'
import type { KubeletClientOptions } from './subresources/kubelet-client.ts'
import type { SubresourceHandler } from './subresources/subresource.ts'
import type { TokenIssuer } from './subresources/token-request.ts'

export type AccessOptions = {
  readonly config: Config
  readonly lookup: Lookup
  readonly store: Store
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  readonly schemas: Schemas
  readonly resources: ResourceRegistry
  /** The node ports that are given out in the cluster. */
  readonly ports: PortRange
  /** Waits until the caches are current. */
  readonly fresh: () => Promise<unknown>
}
export type Access = {
  readonly authenticate: ReturnType<typeof createAuthenticator>
  readonly impersonate: Impersonate
  readonly authorizer: Authorizer
  readonly plugins: readonly AdmissionPlugin[]
  readonly subresources: readonly SubresourceHandler[]
  readonly registerMetrics: (registry: Registry) => void
  /** Follows the configuration files that may change, and discovers issuers of tokens. */
  readonly run: (signal: AbortSignal) => Promise<void>
  /** Our certificate towards aggregated API servers, as it is now. */
  readonly proxyIdentity: () => ProxyIdentity
  /** Told when certificates or authorities have been replaced. */
  readonly onCredentialsChange: (listener: () => void) => void
  /** The address of the Service `kubernetes`. */
  readonly kubernetesServiceIp: string
  /** PEM bundles that may have signed client certificates. */
  readonly clientCa: () => readonly string[]
  readonly issuerDocument: (port: number) => object
  readonly keySet: object
  /** The data of the ConfigMap `extension-apiserver-authentication`. */
  readonly authenticationData: () => Readonly<Record<string, string>>
}

/** Reads the files that the configuration names. */
export async function createAccess(options: AccessOptions): Promise<Access> {
  const { config, lookup, store, clock, random, logger, schemas, resources } = options
  const { flags } = config
  const { reader } = lookup
  const files = await CredentialFiles.read({
    'client-ca': flags['client-ca-file'],
    'requestheader-client-ca': flags['requestheader-client-ca-file'],
    'kubelet.cert': flags['kubelet-client-certificate'],
    'kubelet.key': flags['kubelet-client-key'],
    'kubelet-ca': flags['kubelet-certificate-authority'],
    'proxy.cert': flags['proxy-client-cert-file'],
    'proxy.key': flags['proxy-client-key-file'],
  })
  const frontProxy = files.derived('requestheader-client-ca', (pem) => requestHeader(flags, pem))
  const clientCert = files.derived('client-ca', (pem) =>
    createClientCertAuthenticator({ clientCas: parseCertificates(pem) }),
  )
  const signingPem = await readFile(flags['service-account-signing-key-file'], 'utf8')
  const keyPems = await Promise.all(flags['service-account-key-file'].map(async (file) => await readFile(file, 'utf8')))
  const keys = parseVerificationKeys(keyPems.length === 0 ? [signingPem] : keyPems)
  const jwt = await jwtAuthentication(options)
  const verifyToken = anyVerifier([
    ...(await staticTokens(flags, config.apiAudiences)),
    createServiceAccountVerifier({
      issuers: config.serviceIssuers,
      keys,
      apiAudiences: config.apiAudiences,
      readObject: async (kind, namespace, name, lifetime) =>
        read(reader, kind, namespace, name) ?? (await find(lookup, kind, namespace, name, lifetime.signal)),
      labelSecret: labelSecrets(store, logger),
      clock,
    }),
    ...(flags['enable-bootstrap-token-auth'] ? [createBootstrapTokenVerifier(reader, clock, config.apiAudiences)] : []),
    jwt.verify,
    ...(await webhookTokens(options)),
  ])
  const clusterIps = createServiceCidrAllocator(serviceRanges(flags), reader, random)
  const nodePorts = createNodePortAllocator(flags['service-node-port-range'], random)
  const kubelet = kubeletOptions(flags, files)
  const authorization = await createAuthorization({
    configFile: flags['authorization-config'],
    fromFlags: authorizersOfFlags(flags),
    policyFile: flags['authorization-policy-file'],
    ...options,
    reader,
  })
  const authorizer = authorization.authorize
  const issuer = config.serviceIssuers[0] ?? ''
  const policyMetrics = createPolicyMetrics()
  return {
    authenticate: createAuthenticator({
      requestHeader: (request, lifetime) => frontProxy()?.(request, lifetime),
      clientCert: (request, lifetime) => clientCert()?.(request, lifetime),
      verifyToken,
      anonymous: jwt.anonymous ?? { enabled: flags['anonymous-auth'] },
    }),
    impersonate: createImpersonation(authorizer),
    authorizer,
    run: async (signal) => {
      await Promise.all([jwt.run(signal), authorization.run(signal), files.run({ clock, logger }, signal)])
    },
    plugins: admissionPlugins({
      lookup,
      store,
      authorizer,
      services: {
        clusterIps,
        nodePorts,
        claims: createServiceClaims({ store, reader, ports: options.ports, fresh: options.fresh }),
        onError: (error) => logger.error('Could not give back the addresses of a Service', { error }),
      },
      clock,
      random,
      logger,
      schemas,
      equivalents: (resource) => resources.sharingStorage(resource),
      policies: { resourceOfKind: (...kind) => resources.ofKind(...kind), metrics: policyMetrics },
      tolerationSeconds: {
        notReady: flags['default-not-ready-toleration-seconds'],
        unreachable: flags['default-unreachable-toleration-seconds'],
      },
      ...(await readAdmissionConfig(flags['admission-control-config-file'])),
      enabled: flags['enable-admission-plugins'],
      disabled: flags['disable-admission-plugins'],
    }),
    subresources: subresourceHandlers({
      kubelet,
      verifyToken,
      rulesFor: authorization.rulesFor,
      random,
      tokenIssuer: tokenIssuer(config, signingPem),
    }),
    registerMetrics: policyMetrics.register,
    proxyIdentity: () => pairOf(files, 'proxy'),
    onCredentialsChange: (listener) => files.onChange(listener),
    kubernetesServiceIp: firstAddress(serviceRanges(flags)[0] ?? ''),
    clientCa: () => [files.text('client-ca'), files.text('requestheader-client-ca')].filter((pem) => pem !== undefined),
    issuerDocument: (port) =>
      discoveryDocument(
        issuer,
        flags['service-account-jwks-uri'] || `https://${externalAddress(config, port)}/openid/v1/jwks`,
        keys,
      ),
    keySet: keySetDocument(keys),
    authenticationData: () => authenticationData(flags, files.text('client-ca'), files.text('requestheader-client-ca')),
  }
}

/** Source: `genericapiserver.Config.ExternalAddress`. */
function externalAddress({ flags, advertiseAddress }: Config, port: number): string {
  const host = flags['external-hostname'] || advertiseAddress
  if (isIP(host) === 6) return `[${host}]:${port}`
  return /:\d+$/.test(host) ? host : `${host}:${port}`
}

async function readOptional(file: string): Promise<string | undefined> {
  return file === '' ? undefined : await readFile(file, 'utf8')
}

async function staticTokens(flags: Flags, audiences: readonly string[]): Promise<readonly TokenVerifier[]> {
  const text = await readOptional(flags['token-auth-file'])
  return text === undefined
    ? []
    : [createStaticTokenVerifier(parseTokenFile(text, flags['token-auth-file']), audiences)]
}

async function jwtAuthentication({ config, clock, logger }: AccessOptions): Promise<JwtAuthentication> {
  const { flags } = config
  const fromFlags = authenticatorOfFlags({
    issuerUrl: flags['oidc-issuer-url'],
    clientId: flags['oidc-client-id'],
    ca: (await readOptional(flags['oidc-ca-file'])) ?? '',
    usernameClaim: flags['oidc-username-claim'],
    usernamePrefix: flags['oidc-username-prefix'],
    groupsClaim: flags['oidc-groups-claim'],
    groupsPrefix: flags['oidc-groups-prefix'],
    requiredClaims: flags['oidc-required-claim'],
  })
  return await createJwtAuthentication({
    configFile: flags['authentication-config'],
    fromFlags,
    flagAlgorithms: flags['oidc-signing-algs'],
    serviceAccountIssuers: config.serviceIssuers,
    apiAudiences: config.apiAudiences,
    clock,
    logger,
  })
}

/** Source: the default timeout of upstream's webhook clients. */
const webhookTimeoutMs = 30_000

async function webhookTokens({ config, clock, random }: AccessOptions): Promise<readonly TokenVerifier[]> {
  const { flags, apiAudiences } = config
  const kubeconfig = flags['authentication-token-webhook-config-file']
  if (kubeconfig === '') return []
  return [
    createWebhookTokenVerifier({
      review: await createReviewClient({ kubeconfig, timeoutMs: webhookTimeoutMs, clock, random }),
      version: flags['authentication-token-webhook-version'],
      apiAudiences,
      cacheTtlMs: flags['authentication-token-webhook-cache-ttl'],
      clock,
    }),
  ]
}

/** Read anew by every connection, because the files may have changed. */
function kubeletOptions(flags: Flags, files: CredentialFiles): () => KubeletClientOptions {
  return () => {
    const ca = files.text('kubelet-ca')
    return {
      preferredAddressTypes: flags['kubelet-preferred-address-types'],
      ...pairOf(files, 'kubelet'),
      ...(ca === undefined ? {} : { ca }),
    }
  }
}

function pairOf(files: CredentialFiles, name: 'kubelet' | 'proxy'): ProxyIdentity {
  const [cert, key] = [files.text(`${name}.cert`), files.text(`${name}.key`)]
  return cert === undefined || key === undefined ? undefined : { cert, key }
}

function requestHeader(flags: Flags, ca: string): ReturnType<typeof createRequestHeaderAuthenticator> {
  return createRequestHeaderAuthenticator({
    cas: parseCertificates(ca),
    allowedNames: flags['requestheader-allowed-names'],
    usernameHeaders: flags['requestheader-username-headers'],
    uidHeaders: flags['requestheader-uid-headers'],
    groupHeaders: flags['requestheader-group-headers'],
    extraHeaderPrefixes: flags['requestheader-extra-headers-prefix'],
  })
}

function tokenIssuer(config: Config, signingPem: string): TokenIssuer {
  const longestMs = config.flags['service-account-max-token-expiration']
  return {
    issuer: config.serviceIssuers[0] ?? '',
    key: parseSigningKey(signingPem),
    apiAudiences: config.apiAudiences,
    ...(longestMs === 0 ? {} : { maxExpirationSeconds: longestMs / 1000 }),
    extendExpiration: config.flags['service-account-extend-token-expiration'],
  }
}

function authenticationData(
  flags: Flags,
  clientCa: string | undefined,
  proxyCa: string | undefined,
): Readonly<Record<string, string>> {
  const lists = {
    'requestheader-allowed-names': flags['requestheader-allowed-names'],
    'requestheader-extra-headers-prefix': flags['requestheader-extra-headers-prefix'],
    'requestheader-group-headers': flags['requestheader-group-headers'],
    'requestheader-uid-headers': flags['requestheader-uid-headers'],
    'requestheader-username-headers': flags['requestheader-username-headers'],
  }
  return {
    ...(clientCa === undefined ? {} : { 'client-ca-file': clientCa }),
    ...(proxyCa === undefined ? {} : { 'requestheader-client-ca-file': proxyCa }),
    ...(proxyCa === undefined
      ? {}
      : Object.fromEntries(
          Object.entries(lists)
            .filter(([name, values]) => name !== 'requestheader-uid-headers' || values.length > 0)
            .map(([name, values]) => [name, JSON.stringify(values)]),
        )),
  }
}
