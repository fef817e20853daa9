/** Where everything of the local cluster lives, and which addresses it has. Pure. */

/** State, certificates and logs; all of it is removed by `npm stop`. */
export const stateDir = '/var/lib/kubets'
/** Files that name namespaces and processes; all of it is removed by `npm stop`. */
export const runDir = '/run/kubets'

export const pkiDir = `${stateDir}/pki`
export const logDir = `${stateDir}/log`
export const kubeconfigDir = `${stateDir}/kubeconfig`
export const imageDir = `${stateDir}/images`
export const adminKubeconfig = `${stateDir}/kubeconfig/admin.kubeconfig`
export const clusterFile = `${runDir}/cluster.json`
export const supervisorPidFile = `${runDir}/supervisor.pid`

export const bridge = 'kubets0'
export const hostAddress = '172.31.240.1'
export const nodeNetwork = '172.31.240.0/24'
/** Addresses of the node network for Services of type LoadBalancer; nodes have .11 to .19. */
export const loadBalancerPool = '172.31.240.200-172.31.240.239'
export const podNetwork = '10.244.0.0/16'
export const serviceNetwork = '10.96.0.0/12'
export const kubernetesServiceAddress = '10.96.0.1'
export const dnsServiceAddress = '10.96.0.10'
export const clusterDomain = 'cluster.local'
/** Whom aggregated API servers believe. */
export const frontProxyName = 'front-proxy-client'
export const apiserverPort = 6443
/** Not 2379: an etcd of the machine's own may have that. */
export const etcdClientPort = 12379

/** Every process of the cluster carries this variable; `npm stop` finds processes by it. */
export const marker = 'KUBETS_CLUSTER'
/** Every container of the cluster runs below this cgroup. */
export const cgroupRoot = 'kubets'

export type NodeLayout = {
  readonly name: string
  readonly address: string
  /** Name of the network namespace for `ip netns`. */
  readonly netns: string
  /** File that holds the mount namespace. */
  readonly mountNs: string
  /** The end of the link that is a port of the bridge. */
  readonly link: string
  readonly dir: string
  readonly containerdSocket: string
  readonly cgroup: string
}

/** The layout of node 1, 2, … */
export function nodeLayout(index: number): NodeLayout {
  const name = `kubets-node-${index}`
  const dir = `${stateDir}/nodes/${name}`
  return {
    name,
    address: `172.31.240.${10 + index}`,
    netns: name,
    mountNs: `${runDir}/ns/${name}`,
    link: `kubets-n${index}`,
    dir,
    containerdSocket: '/run/containerd/containerd.sock',
    cgroup: `/${cgroupRoot}/${name}`,
  }
}
