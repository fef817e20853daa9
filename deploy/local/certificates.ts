/**
 * The cluster's certificates and kubeconfig files, with upstream's identities (as kubeadm makes them). Existing files are
 * kept, so that a second start changes nothing; keys are readable by root alone.
 */
import 'reflect-metadata'
import { generateKeyPairSync, webcrypto } from 'node:crypto'
import { access, mkdir, readFile, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import {
  adminKubeconfig,
  allFamilies,
  apiserverPort,
  clusterDomain,
  frontProxyName,
  kubeconfigDir,
  nodeLayout,
  pkiDir,
} from './layout.ts'

type Usage = 'server' | 'client'
type Request = {
  readonly file: string
  readonly ca: 'ca' | 'etcd-ca' | 'front-proxy-ca'
  readonly commonName: string
  readonly organization?: string
  readonly names?: readonly string[]
  readonly usages: readonly Usage[]
}
type Authority = { readonly certificate: X509Certificate; readonly key: webcrypto.CryptoKey }

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const yearMs = 365 * 86_400_000

/** Every certificate of a cluster with this many nodes. Pure. */
export function certificateRequests(nodes: number): readonly Request[] {
  const local = ['localhost', '127.0.0.1']
  const service = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${clusterDomain}`,
  ]
  const client = (file: string, commonName: string, organization?: string): Request => ({
    file,
    ca: 'ca',
    commonName,
    ...(organization === undefined ? {} : { organization }),
    usages: ['client'],
  })
  return [
    {
      file: 'apiserver',
      ca: 'ca',
      commonName: 'kube-apiserver',
      names: [...service, ...local, '::1', ...allFamilies.flatMap(({ host, kubernetes }) => [host, kubernetes])],
      usages: ['server'],
    },
    client('apiserver-kubelet-client', 'kube-apiserver-kubelet-client', 'kubeadm:cluster-admins'),
    client('admin', 'kubernetes-admin', 'system:masters'),
    client('scheduler', 'system:kube-scheduler'),
    client('controller-manager', 'system:kube-controller-manager'),
    client('kube-proxy', 'system:kube-proxy'),
    client('flanneld', 'system:flannel'),
    client('dns', 'system:coredns'),
    client('service-lb', 'system:service-lb'),
    client('ingress', 'system:ingress'),
    { file: 'etcd', ca: 'etcd-ca', commonName: 'etcd', names: local, usages: ['server', 'client'] },
    // What aggregated API servers believe when the API server says who asks.
    { file: 'front-proxy-client', ca: 'front-proxy-ca', commonName: frontProxyName, usages: ['client'] },
    { file: 'etcd-client', ca: 'etcd-ca', commonName: 'kube-apiserver-etcd-client', usages: ['client'] },
    ...Array.from({ length: nodes }, (_, index) => nodeLayout(index + 1)).flatMap(({ name }, index): Request[] => [
      client(name, `system:node:${name}`, 'system:nodes'),
      {
        file: `${name}-server`,
        ca: 'ca',
        commonName: `system:node:${name}`,
        organization: 'system:nodes',
        names: [name, ...allFamilies.map(({ node }) => node(index + 1)), '127.0.0.1', '::1'],
        usages: ['server'],
      },
    ]),
  ]
}

/** Makes what is missing; `host` is where clients find the API server. */
export async function makeCertificates(nodes: number, host: string, nowMs: number): Promise<void> {
  cryptoProvider.set(webcrypto)
  await mkdir(pkiDir, { recursive: true, mode: 0o700 })
  await mkdir(kubeconfigDir, { recursive: true, mode: 0o700 })
  const authorities = {
    ca: await authority('ca', 'kubernetes', nowMs),
    'etcd-ca': await authority('etcd-ca', 'etcd-ca', nowMs),
    'front-proxy-ca': await authority('front-proxy-ca', 'front-proxy-ca', nowMs),
  }
  for (const request of certificateRequests(nodes)) {
    if (!(await exists(`${pkiDir}/${request.file}.crt`))) await issue(request, authorities[request.ca], nowMs)
  }
  if (!(await exists(`${pkiDir}/sa.pub`))) await makeServiceAccountKeys()
  const users = ['scheduler', 'controller-manager', 'kube-proxy', 'flanneld', 'dns', 'service-lb', 'ingress']
  for (let index = 1; index <= nodes; index++) users.push(nodeLayout(index).name)
  for (const user of users) await writeKubeconfig(`${kubeconfigDir}/${user}.kubeconfig`, user, host)
  await writeKubeconfig(adminKubeconfig, 'admin', host)
}

async function authority(file: string, commonName: string, nowMs: number): Promise<Authority> {
  const certFile = `${pkiDir}/${file}.crt`
  if (await exists(certFile)) {
    const pkcs8 = pemBytes(await readFile(`${pkiDir}/${file}.key`, 'utf8'))
    const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign'])
    return { certificate: new X509Certificate(await readFile(certFile, 'utf8')), key }
  }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(nowMs - 300_000),
    notAfter: new Date(nowMs + 10 * yearMs),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(
        KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment,
        true,
      ),
    ],
  })
  await save(file, certificate, keys.privateKey)
  return { certificate, key: keys.privateKey }
}

async function issue(request: Request, ca: Authority, nowMs: number): Promise<void> {
  const { commonName, organization, names = [], usages } = request
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.create({
    subject: [...(organization === undefined ? [] : [{ O: [organization] }]), { CN: [commonName] }],
    issuer: ca.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: ca.key,
    signingAlgorithm: algorithm,
    notBefore: new Date(nowMs - 300_000),
    notAfter: new Date(nowMs + yearMs),
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
      new ExtendedKeyUsageExtension(
        usages.map((usage) => (usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth)),
      ),
      ...(names.length === 0
        ? []
        : [
            new SubjectAlternativeNameExtension(
              names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
            ),
          ]),
    ],
  })
  await save(request.file, certificate, keys.privateKey)
}

/** The key goes first: a certificate that is there means that both are. */
async function save(file: string, certificate: X509Certificate, key: webcrypto.CryptoKey): Promise<void> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  await writePrivate(`${pkiDir}/${file}.key`, pem('PRIVATE KEY', pkcs8))
  await writePrivate(`${pkiDir}/${file}.crt`, `${certificate.toString('pem')}\n`)
}

async function makeServiceAccountKeys(): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  await writePrivate(`${pkiDir}/sa.key`, privateKey)
  await writePrivate(`${pkiDir}/sa.pub`, publicKey)
}

async function writeKubeconfig(path: string, user: string, host: string): Promise<void> {
  const base64 = async (file: string): Promise<string> => (await readFile(`${pkiDir}/${file}`)).toString('base64')
  const cluster = {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${apiserverPort}`,
    'certificate-authority-data': await base64('ca.crt'),
  }
  const credentials = {
    'client-certificate-data': await base64(`${user}.crt`),
    'client-key-data': await base64(`${user}.key`),
  }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'kubets', cluster }],
    users: [{ name: user, user: credentials }],
    contexts: [{ name: 'kubets', context: { cluster: 'kubets', user } }],
    'current-context': 'kubets',
  }
  await writePrivate(path, `${JSON.stringify(config, undefined, 2)}\n`)
}

async function writePrivate(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 })
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}

function pem(label: string, base64: string): string {
  return `-----BEGIN ${label}-----\n${(base64.match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${label}-----\n`
}

function pemBytes(text: string): Buffer {
  return Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64')
}
