/** Command-line flags by upstream's names; most only override the configuration file. */
import { defineFlags, type FlagValues } from '../component-base/flags.ts'

const text = (description: string, value = '') => ({ type: 'string', default: value, description }) as const
const count = (description: string, value = 0) => ({ type: 'number', default: value, description }) as const
const toggle = (description: string, value = false) => ({ type: 'boolean', default: value, description }) as const
const duration = (description: string, value = 0) => ({ type: 'duration', default: value, description }) as const
const list = (description: string) => ({ type: 'strings', default: [], description }) as const

export const kubeletFlags = defineFlags({
  config: text('File with a KubeletConfiguration (kubelet.config.k8s.io/v1beta1).'),
  kubeconfig: text('File that says how to reach the API server, and as whom.'),
  'hostname-override': text('Name of the node instead of the host name.'),
  'node-ip': text('Address of the node that other nodes reach; two of unlike families for dual stack.'),
  'node-labels': list('Labels for the node when it registers: key=value.'),
  'provider-id': text('Identity of the machine at a cloud provider.'),
  'root-dir': text('Where volumes and other files of pods are kept.', '/var/lib/kubelet'),
  'cert-dir': text('Where a self-made serving certificate is kept; default: pki below --root-dir.'),
  'container-runtime-endpoint': text('Socket of the container runtime.'),
  'image-service-endpoint': text('Socket of the image service; default: that of the runtime.'),
  'cgroup-root': text('Cgroup that holds those of the pods.'),
  'cgroup-driver': text('cgroupfs or systemd; only cgroupfs is supported here.'),
  'register-node': toggle('Create the Node object.', true),
  'register-with-taints': list('Taints for the node when it registers: key=value:effect.'),
  address: text('Address to serve on.'),
  port: count('Port to serve on.'),
  'healthz-bind-address': text('Address of the health server.'),
  'healthz-port': count('Port of the health server; 0 turns it off.'),
  'tls-cert-file': text('Serving certificate.'),
  'tls-private-key-file': text('Its key.'),
  'client-ca-file': text('Authorities of client certificates.'),
  'anonymous-auth': toggle('Let requests without credentials in, to be authorized as system:anonymous.'),
  'authentication-token-webhook': toggle('Check bearer tokens with the API server.'),
  'authorization-mode': text('AlwaysAllow or Webhook.'),
  'cluster-dns': list('Addresses of the cluster DNS.'),
  'cluster-domain': text('Domain of the cluster.'),
  'resolv-conf': text("The node's own resolv.conf."),
  'pod-manifest-path': text('Folder of static pods.'),
  'max-pods': count('Most pods on this node.'),
  'sync-frequency': duration('How often a pod is looked at without a change.'),
  'node-status-update-frequency': duration('How often the status of the node is computed.'),
  'fail-swap-on': toggle('Refuse to start on a machine with swap.', true),
  'container-log-max-size': text('Size at which a log is rotated.'),
  'container-log-max-files': count('Log files kept per container.'),
})

export type KubeletFlags = FlagValues<typeof kubeletFlags>
