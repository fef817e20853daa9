/** Puts access control together from the configuration: who asks, what they may do, and what is made of a write. */
import { readFile } from 'node:fs/promises'
import type { Schemas } from '../apimachinery/schema/schema.ts'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import type { AdmissionPlugin } from './admission/admission.ts'
import { admissionPlugins } from './admission/plugins.ts'
import type { ProxyIdentity } from './aggregator/backend.ts'
import { createAuthenticator } from './authn/chain.ts'
import { createClientCertAuthenticator, parseCertificates } from './authn/client-cert.ts'
import { createRequestHeaderAuthenticator } from './authn/request-header.ts'
import { createServiceAccountVerifier } from './authn/service-account.ts'
import {
  discoveryDocument,
  keySetDocument,
  parseSigningKey,
  parseVerificationKeys,
} from './authn/service-account-keys.ts'
import {
  anyVerifier,
  createBootstrapTokenVerifier,
  createStaticTokenVerifier,
  parseTokenFile,
  type TokenVerifier,
} from './authn/token.ts'
import { createAuthorizer } from './authz/chain.ts'
import type { Config, Flags } from './config.ts'
import { createClusterIpAllocator } from './registry/cluster-ip-allocator.ts'
import { createNodePortAllocator } from './registry/node-port-allocator.ts'
import type { ResourceRegistry } from './registry/resource-registry.ts'
import type { Store } from './registry/store.ts'
import { find, type Lookup } from './registry/typed-reader.ts'
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
}
export type Access = {
  readonly authenticate: ReturnType<typeof createAuthenticator>
  readonly authorizer: ReturnType<typeof createAuthorizer>
  readonly plugins: readonly AdmissionPlugin[]
  readonly subresources: readonly SubresourceHandler[]
  /** Our certificate towards aggregated API servers. */
  readonly proxyIdentity: ProxyIdentity
  /** The address of the Service `kubernetes`. */
  readonly kubernetesServiceIp: string
  /** PEM bundles that may have signed client certificates. */
  readonly clientCa: readonly string[]
  readonly issuerDocument: object
  readonly keySet: object
  /** The data of the ConfigMap `extension-apiserver-authentication`. */
  readonly authenticationData: Readonly<Record<string, string>>
}

/** Reads the files that the configuration names. */
export async function createAccess(options: AccessOptions): Promise<Access> {
  const { config, lookup, store, clock, random, logger, schemas, resources } = options
  const { flags } = config
  const { reader } = lookup
  const [clientCa, proxyCa] = [
    await readOptional(flags['client-ca-file']),
    await readOptional(flags['requestheader-client-ca-file']),
  ]
  const signingPem = await readFile(flags['service-account-signing-key-file'], 'utf8')
  const keyPems = await Promise.all(flags['service-account-key-file'].map(async (file) => await readFile(file, 'utf8')))
  const keys = parseVerificationKeys(keyPems.length === 0 ? [signingPem] : keyPems)
  const verifyToken = anyVerifier([
    ...(await staticTokens(flags, config.apiAudiences)),
    createServiceAccountVerifier({
      issuers: config.serviceIssuers,
      keys,
      apiAudiences: config.apiAudiences,
      readObject: async (kind, namespace, name, signal) => await find(lookup, kind, namespace, name, signal),
      clock,
    }),
    ...(flags['enable-bootstrap-token-auth'] ? [createBootstrapTokenVerifier(reader, clock, config.apiAudiences)] : []),
  ])
  const clusterIps = createClusterIpAllocator(flags['service-cluster-ip-range'], random)
  const nodePorts = createNodePortAllocator(flags['service-node-port-range'], random)
  const kubelet = await kubeletOptions(flags)
  const authorizer = createAuthorizer(config.authorizationModes, reader)
  const issuer = config.serviceIssuers[0] ?? ''
  return {
    authenticate: createAuthenticator({
      ...(proxyCa === undefined ? {} : { requestHeader: requestHeader(flags, proxyCa) }),
      ...(clientCa === undefined
        ? {}
        : {
            clientCert: createClientCertAuthenticator({
              clientCas: parseCertificates(clientCa),
              ...(proxyCa === undefined ? {} : { otherCas: parseCertificates(proxyCa) }),
            }),
          }),
      verifyToken,
      anonymous: flags['anonymous-auth'],
    }),
    authorizer,
    plugins: admissionPlugins({
      lookup,
      store,
      authorizer,
      services: { clusterIps, nodePorts },
      clock,
      random,
      logger,
      schemas,
      equivalents: (resource) => resources.sharingStorage(resource),
      tolerationSeconds: {
        notReady: flags['default-not-ready-toleration-seconds'],
        unreachable: flags['default-unreachable-toleration-seconds'],
      },
      disabled: flags['disable-admission-plugins'],
    }),
    subresources: subresourceHandlers({ kubelet, verifyToken, random, tokenIssuer: tokenIssuer(config, signingPem) }),
    proxyIdentity: await proxyIdentity(flags),
    kubernetesServiceIp: clusterIps.firstAddress,
    clientCa: [clientCa, proxyCa].filter((pem) => pem !== undefined),
    issuerDocument: discoveryDocument(issuer, flags['service-account-jwks-uri'] || `${issuer}/openid/v1/jwks`, keys),
    keySet: keySetDocument(keys),
    authenticationData: authenticationData(flags, clientCa, proxyCa),
  }
}

async function readOptional(file: string): Promise<string | undefined> {
  return file === '' ? undefined : await readFile(file, 'utf8')
}

async function staticTokens(flags: Flags, audiences: readonly string[]): Promise<readonly TokenVerifier[]> {
  const text = await readOptional(flags['token-auth-file'])
  return text === undefined ? [] : [createStaticTokenVerifier(parseTokenFile(text), audiences)]
}

async function kubeletOptions(flags: Flags): Promise<KubeletClientOptions> {
  const [cert, key, ca] = await Promise.all([
    readOptional(flags['kubelet-client-certificate']),
    readOptional(flags['kubelet-client-key']),
    readOptional(flags['kubelet-certificate-authority']),
  ])
  return {
    preferredAddressTypes: flags['kubelet-preferred-address-types'],
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
  }
}

async function proxyIdentity(flags: Flags): Promise<ProxyIdentity> {
  const [cert, key] = [
    await readOptional(flags['proxy-client-cert-file']),
    await readOptional(flags['proxy-client-key-file']),
  ]
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
      : Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, JSON.stringify(values)]))),
  }
}
