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

/** What a cluster has addresses of; the first family of `dual` is IPv4. */
export type IpFamilyOption = 'ipv4' | 'ipv6' | 'dual'

/** The addresses of one family. */
export type FamilyAddresses = {
  readonly family: 'IPv4' | 'IPv6'
  readonly host: string
  readonly prefix: number
  readonly nodeNetwork: string
  readonly node: (index: number) => string
  /** Addresses of the node network for Services of type LoadBalancer; nodes have .11 to .19. */
  readonly loadBalancerPool: string
  readonly pods: string
  readonly services: string
  readonly kubernetes: string
  readonly dns: string
}

const ipv4: FamilyAddresses = {
  family: 'IPv4',
  host: '172.31.240.1',
  prefix: 24,
  nodeNetwork: '172.31.240.0/24',
  node: (index) => `172.31.240.${10 + index}`,
  loadBalancerPool: '172.31.240.200-172.31.240.239',
  pods: '10.244.0.0/16',
  services: '10.96.0.0/12',
  kubernetes: '10.96.0.1',
  dns: '10.96.0.10',
}

const ipv6: FamilyAddresses = {
  family: 'IPv6',
  host: 'fd00:172:31:240::1',
  prefix: 64,
  nodeNetwork: 'fd00:172:31:240::/64',
  node: (index) => `fd00:172:31:240::${10 + index}`,
  loadBalancerPool: 'fd00:172:31:240::200-fd00:172:31:240::239',
  pods: 'fd00:10:244::/56',
  services: 'fd00:10:96::/112',
  kubernetes: 'fd00:10:96::1',
  dns: 'fd00:10:96::a',
}

/** Both families, for what is the same whatever the cluster has. */
export const allFamilies: readonly FamilyAddresses[] = [ipv4, ipv6]

/** The addresses of a cluster, the first family first. */
export function familiesOf(option: IpFamilyOption): readonly [FamilyAddresses, ...FamilyAddresses[]] {
  return option === 'ipv4' ? [ipv4] : option === 'ipv6' ? [ipv6] : [ipv4, ipv6]
}

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
  /** One of each family, the first family's first. */
  readonly addresses: readonly [string, ...string[]]
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
export function nodeLayout(index: number, option: IpFamilyOption = 'ipv4'): NodeLayout {
  const [first, ...others] = familiesOf(option)
  const name = `kubets-node-${index}`
  const dir = `${stateDir}/nodes/${name}`
  return {
    name,
    addresses: [first.node(index), ...others.map(({ node }) => node(index))],
    netns: name,
    mountNs: `${runDir}/ns/${name}`,
    link: `kubets-n${index}`,
    dir,
    containerdSocket: '/run/containerd/containerd.sock',
    cgroup: `/${cgroupRoot}/${name}`,
  }
}
