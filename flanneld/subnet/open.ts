/** The subnet manager that the flags ask for: etcd or the Kubernetes API. */
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { createInformer } from '../../client/cache/informer.ts'
import { type Client, createClient } from '../../client/rest/client.ts'
import { type ClientConfig, loadKubeconfig } from '../../client/rest/kubeconfig.ts'
import { nodes, pods } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Task } from '../../component-base/run.ts'
import type { Flags } from '../flags.ts'
import { ConfigError } from '../json-fields.ts'
import { annotationNames } from './annotations.ts'
import { createEtcdSubnetManager } from './etcd.ts'
import { createKubeSubnetManager } from './kube.ts'
import type { SubnetManager } from './lease.ts'

type Environment = Readonly<Record<string, string | undefined>>
type OpenInput = {
  readonly flags: Flags
  readonly env: Environment
  readonly clock: Clock
  readonly logger: Logger
}

/** A subnet manager and what must run beside it. */
export type OpenManager = { readonly manager: SubnetManager; readonly tasks: Readonly<Record<string, Task>> }

/** Opens the subnet manager. */
export async function openSubnetManager(input: OpenInput, signal: AbortSignal): Promise<OpenManager> {
  const { flags, env, clock, logger } = input
  if (!flags['kube-subnet-mgr']) return { manager: await createEtcdSubnetManager({ flags, clock, logger }), tasks: {} }
  const names = annotationNames(flags['kube-annotation-prefix'])
  const client = createClient({ ...(await clientConfig(flags, env)), userAgent: 'flanneld' })
  const nodeName = await nodeNameOf(flags, env, client, signal)
  const informer = createInformer({ client, ref: nodes, clock, logger })
  const manager = createKubeSubnetManager({
    client,
    informer,
    nodeName,
    netConfigPath: flags['net-config-path'],
    names,
    setsNetworkUnavailable: flags['set-node-network-unavailable'],
    clock,
    logger,
  })
  return { manager, tasks: { nodes: informer.run } }
}

/** `--node-name`, `$NODE_NAME`, the node of our own pod, or the name of the host. */
async function nodeNameOf(flags: Flags, env: Environment, client: Client, signal: AbortSignal): Promise<string> {
  const given = flags['node-name'] || env['NODE_NAME']
  if (given !== undefined && given !== '') return given
  const { POD_NAME: name = '', POD_NAMESPACE: namespace = '' } = env
  if (name === '' || namespace === '') return hostname()
  const pod = await client.get(pods, { namespace, name }, signal)
  const node = pod.spec.nodeName ?? ''
  if (node === '') throw new ConfigError(`node name not present in pod spec '${namespace}/${name}'`)
  return node
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/** A kubeconfig file, whose server `--kube-api-url` replaces; a bare URL; or the pod's own account. */
async function clientConfig(flags: Flags, env: Environment): Promise<ClientConfig> {
  const { 'kube-api-url': server, 'kubeconfig-file': file } = flags
  if (file !== '') return { ...(await loadKubeconfig(file)), ...(server !== '' && { server }) }
  if (server !== '') return { server }
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = env
  if (host === '' || port === '') {
    throw new ConfigError('--kube-subnet-mgr outside of a pod needs --kubeconfig-file or --kube-api-url')
  }
  const [token, ca] = await Promise.all(
    ['token', 'ca.crt'].map(async (name) => await readFile(`${serviceAccount}/${name}`, 'utf8')),
  )
  const address = host.includes(':') ? `[${host}]` : host
  return { server: `https://${address}:${port}`, ...(ca !== undefined && { ca }), token: token?.trim() ?? '' }
}
