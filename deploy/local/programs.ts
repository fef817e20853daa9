/** Which processes make up the cluster and with which flags. Pure: options in, a list out. */

import { corefileConfigMap } from './corefile.ts'
import { ingressAddressFlags } from './ingress.ts'
import {
  apiserverPort,
  clusterDomain,
  etcdClientPort,
  type FamilyAddresses,
  familiesOf,
  frontProxyName,
  type IpFamilyOption,
  kubeconfigDir,
  logDir,
  type NodeLayout,
  nodeLayout,
  pkiDir,
  stateDir,
} from './layout.ts'
import type { LocalOptions } from './options.ts'

/** A process that the supervisor keeps running. */
export type ProgramSpec = {
  readonly name: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** The node whose namespaces it runs in; absent: the host. */
  readonly node?: NodeLayout
  readonly log: string
}

export type ProgramPaths = {
  /** The Node.js that runs our programs. */
  readonly node: string
  /** Folder of the bundles. */
  readonly dist: string
}

/** Health and metrics are for this machine alone, as kubeadm has it. */
const loopbackOnly = '--bind-address=127.0.0.1'

/** Everything that runs, in the order in which it is started. */
export function programsOf(options: LocalOptions, paths: ProgramPaths): readonly ProgramSpec[] {
  const nodes = nodesOf(options)
  return [
    ...controlPlanePrograms(options.ipFamily, paths),
    ...nodes.flatMap((node) => nodePrograms(node, options, paths)),
  ]
}

export function controlPlanePrograms(ipFamily: IpFamilyOption, paths: ProgramPaths): readonly ProgramSpec[] {
  return [
    program('etcd', etcdCommand()),
    program('apiserver', ours(paths, 'apiserver', apiserverFlags(familiesOf(ipFamily)))),
    program('controller-manager', ours(paths, 'controller-manager', controllerManagerFlags(familiesOf(ipFamily)))),
    program(
      'scheduler',
      ours(paths, 'scheduler', [`--kubeconfig=${kubeconfigDir}/scheduler.kubeconfig`, loopbackOnly]),
    ),
  ]
}

export function nodePrograms(node: NodeLayout, options: LocalOptions, paths: ProgramPaths): readonly ProgramSpec[] {
  const families = familiesOf(options.ipFamily)
  const kubeconfig = (name: string): string => `--kubeconfig=${kubeconfigDir}/${name}.kubeconfig`
  const on = (name: string, command: readonly string[]): ProgramSpec => ({
    ...program(`${node.name}/${name}`, command),
    node,
  })
  return [
    // Answers for the CNI plugins that containerd starts; without it each of them is a Node.js process.
    on('cni', ours(paths, 'cni', ['serve'])),
    on('containerd', ['containerd', '--config', `${node.dir}/containerd.toml`]),
    on(
      'kubelet',
      ours(paths, 'kubelet', [
        kubeconfig(node.name),
        `--config=${node.dir}/kubelet.json`,
        `--hostname-override=${node.name}`,
        `--node-ip=${node.addresses.join(',')}`,
        `--root-dir=${node.dir}/kubelet`,
        `--container-runtime-endpoint=unix://${node.containerdSocket}`,
      ]),
    ),
    on(
      'flanneld',
      ours(paths, 'flanneld', [
        '--kube-subnet-mgr',
        `--kubeconfig-file=${kubeconfigDir}/flanneld.kubeconfig`,
        `--net-config-path=${node.dir}/net-conf.json`,
        '--subnet-file=/run/flannel/subnet.env',
        '--iface=eth0',
        '--ip-masq',
        `--node-name=${node.name}`,
      ]),
    ),
    on(
      'kube-proxy',
      ours(paths, 'kube-proxy', [
        kubeconfig('kube-proxy'),
        `--hostname-override=${node.name}`,
        `--proxy-mode=${options.proxyMode}`,
        `--cluster-cidr=${list(families, 'pods')}`,
        `--policy-socket=${policySocket}`,
        // In this mode every node holds the addresses of load balancers; service-lb says which one answers for them.
        ...(options.proxyMode === 'ipvs' && options.hasLoadBalancer ? ['--ipvs-strict-arp'] : []),
      ]),
    ),
    on(
      'dns',
      ours(paths, 'dns', [
        kubeconfig('dns'),
        `--bind-address=${node.addresses[0]}`,
        `--cluster-domain=${clusterDomain}`,
        `--config-map=${corefileConfigMap.namespace}/${corefileConfigMap.name}`,
        // Ports that pods on the host network like to have.
        '--health-port=0',
        '--ready-port=0',
      ]),
    ),
    ...(options.hasLoadBalancer
      ? [
          on(
            'service-lb',
            ours(paths, 'service-lb', [
              kubeconfig('service-lb'),
              `--node-name=${node.name}`,
              ...families.map(({ loadBalancerPool }) => `--address-pool=${loadBalancerPool}`),
            ]),
          ),
        ]
      : []),
    ...(options.hasIngress
      ? [
          on(
            'ingress',
            ours(paths, 'ingress', [
              kubeconfig('ingress'),
              `--bind-address=${anyAddress(families)}`,
              ...ingressAddressFlags(options, nodesOf(options), node),
            ]),
          ),
        ]
      : []),
  ]
}

function nodesOf(options: LocalOptions): readonly NodeLayout[] {
  return Array.from({ length: options.nodes }, (_, index) => nodeLayout(index + 1, options.ipFamily))
}

type Families = readonly [FamilyAddresses, ...FamilyAddresses[]]

function list(families: Families, what: 'pods' | 'services'): string {
  return families.map((family) => family[what]).join(',')
}

/** IPv6's takes IPv4, too. */
function anyAddress(families: Families): string {
  return families.some(({ family }) => family === 'IPv6') ? '::' : '0.0.0.0'
}

function program(name: string, command: readonly string[]): ProgramSpec {
  return { name, command, env: {}, log: `${logDir}/${name.replace('/', '-')}.log` }
}

function ours({ node, dist }: ProgramPaths, name: string, flags: readonly string[]): readonly string[] {
  return [node, '--enable-source-maps', `${dist}/${name}.mjs`, ...flags]
}

function etcdCommand(): readonly string[] {
  const client = `https://127.0.0.1:${etcdClientPort}`
  // One member has no peers: its listener takes any free port, and nobody is told which.
  const peer = 'http://127.0.0.1:12380'
  return [
    'etcd',
    '--name=kubets',
    `--data-dir=${stateDir}/etcd`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    '--listen-peer-urls=http://127.0.0.1:0',
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=kubets=${peer}`,
    `--cert-file=${pkiDir}/etcd.crt`,
    `--key-file=${pkiDir}/etcd.key`,
    '--client-cert-auth',
    `--trusted-ca-file=${pkiDir}/etcd-ca.crt`,
    '--quota-backend-bytes=4294967296',
    '--logger=zap',
    '--log-level=warn',
  ]
}

function apiserverFlags(families: Families): readonly string[] {
  return [
    `--etcd-servers=https://127.0.0.1:${etcdClientPort}`,
    `--etcd-cafile=${pkiDir}/etcd-ca.crt`,
    `--etcd-certfile=${pkiDir}/etcd-client.crt`,
    `--etcd-keyfile=${pkiDir}/etcd-client.key`,
    `--bind-address=${anyAddress(families)}`,
    `--advertise-address=${families[0].host}`,
    `--secure-port=${apiserverPort}`,
    `--tls-cert-file=${pkiDir}/apiserver.crt`,
    `--tls-private-key-file=${pkiDir}/apiserver.key`,
    `--client-ca-file=${pkiDir}/ca.crt`,
    `--kubelet-client-certificate=${pkiDir}/apiserver-kubelet-client.crt`,
    `--kubelet-client-key=${pkiDir}/apiserver-kubelet-client.key`,
    `--kubelet-certificate-authority=${pkiDir}/ca.crt`,
    // Nobody resolves the nodes' names here.
    '--kubelet-preferred-address-types=InternalIP,Hostname',
    `--service-account-key-file=${pkiDir}/sa.pub`,
    `--service-account-signing-key-file=${pkiDir}/sa.key`,
    `--service-account-issuer=https://kubernetes.default.svc.${clusterDomain}`,
    `--service-cluster-ip-range=${list(families, 'services')}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--proxy-client-cert-file=${pkiDir}/front-proxy-client.crt`,
    `--proxy-client-key-file=${pkiDir}/front-proxy-client.key`,
    `--requestheader-client-ca-file=${pkiDir}/front-proxy-ca.crt`,
    `--requestheader-allowed-names=${frontProxyName}`,
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--allow-privileged=true',
  ]
}

function controllerManagerFlags(families: Families): readonly string[] {
  return [
    `--kubeconfig=${kubeconfigDir}/controller-manager.kubeconfig`,
    loopbackOnly,
    '--use-service-account-credentials=true',
    '--allocate-node-cidrs=true',
    `--cluster-cidr=${list(families, 'pods')}`,
    `--service-cluster-ip-range=${list(families, 'services')}`,
    `--root-ca-file=${pkiDir}/ca.crt`,
    `--service-account-private-key-file=${pkiDir}/sa.key`,
    `--cluster-signing-cert-file=${pkiDir}/ca.crt`,
    `--cluster-signing-key-file=${pkiDir}/ca.key`,
  ]
}

/** The kubelet's configuration file. Source: `kubelet.config.k8s.io/v1beta1`. */
export function kubeletConfiguration(
  node: NodeLayout,
  { ipFamily }: Pick<LocalOptions, 'ipFamily'>,
): Readonly<Record<string, unknown>> {
  const families = familiesOf(ipFamily)
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: anyAddress(families),
    authentication: {
      x509: { clientCAFile: `${pkiDir}/ca.crt` },
      webhook: { enabled: true },
      anonymous: { enabled: false },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: `${pkiDir}/${node.name}-server.crt`,
    tlsPrivateKeyFile: `${pkiDir}/${node.name}-server.key`,
    clusterDNS: [families[0].dns],
    clusterDomain,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: node.cgroup,
    staticPodPath: `${node.dir}/manifests`,
    podLogsDir: `${node.dir}/log/pods`,
    maxPods: 110,
    failSwapOn: false,
  }
}

/** containerd's configuration: everything of a node below its own folder. */
export function containerdConfiguration(
  node: NodeLayout,
  facts: {
    readonly restrictOomScoreAdj: boolean
    readonly snapshotter: 'overlayfs' | 'native'
    readonly sandboxImage: string
  },
): string {
  return `version = 2
root = "${node.dir}/containerd"
state = "/run/containerd"
oom_score = 0

[grpc]
  address = "${node.containerdSocket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${facts.sandboxImage}"
  restrict_oom_score_adj = ${facts.restrictOomScoreAdj}
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  max_container_log_line_size = -1
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "${facts.snapshotter}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${node.dir}/cni/bin"
    conf_dir = "${node.dir}/cni/net.d"
    max_conf_num = 1
`
}

/** Where new pods wait for their NetworkPolicies; each node has a /run of its own. */
const policySocket = '/run/kube-proxy/policy.sock'

/** The CNI chain flannel → bridge → host-local → portmap → bandwidth. */
export function cniConfiguration(node: NodeLayout): unknown {
  const delegate = { hairpinMode: true, isDefaultGateway: true, policySocket }
  const ipam = { dataDir: `${node.dir}/cni/networks` }
  return {
    cniVersion: '1.0.0',
    name: 'cbr0',
    plugins: [
      { type: 'flannel', subnetFile: '/run/flannel/subnet.env', dataDir: `${node.dir}/cni/flannel`, ipam, delegate },
      { type: 'portmap', capabilities: { portMappings: true } },
      // The runtime reads the limits from the pod's annotations.
      { type: 'bandwidth', capabilities: { bandwidth: true } },
    ],
  }
}

/** flanneld's `net-conf.json`. */
export function flannelConfiguration({ ipFamily, backend }: Pick<LocalOptions, 'ipFamily' | 'backend'>): unknown {
  const pods = new Map(familiesOf(ipFamily).map((one) => [one.family, one.pods]))
  const [ipv4, ipv6] = [pods.get('IPv4'), pods.get('IPv6')]
  return {
    ...(ipv4 === undefined ? {} : { Network: ipv4 }),
    ...(ipv6 === undefined ? {} : { IPv6Network: ipv6 }),
    EnableIPv4: ipv4 !== undefined,
    EnableIPv6: ipv6 !== undefined,
    Backend: { Type: backend },
  }
}
