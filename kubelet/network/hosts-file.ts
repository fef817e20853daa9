/** `/etc/hosts` that the kubelet keeps for a pod. Pure. Source: API field `spec.hostAliases`, upstream `managedHostsFileContent`. */
import type { HostAlias } from '../../api/core/v1.ts'

const header = '# Kubernetes-managed hosts file.\n'
const hostNetworkHeader = '# Kubernetes-managed hosts file (host network).\n'

export type HostsFileInput = {
  readonly hostName: string
  readonly domain: string
  readonly podIps: readonly string[]
  readonly aliases: readonly HostAlias[]
}

/** The file of a pod that has its own network. */
export function podHostsFile({ hostName, domain, podIps, aliases }: HostsFileInput): string {
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...podIps.map((ip) => (domain === '' ? `${ip}\t${hostName}` : `${ip}\t${hostName}.${domain}\t${hostName}`)),
  ]
  return `${header}${lines.join('\n')}\n${aliasLines(aliases)}`
}

/** The file of a pod on the node's network: the node's own file and the pod's aliases. */
export function hostNetworkHostsFile(nodeFile: string, aliases: readonly HostAlias[]): string {
  return `${hostNetworkHeader}${nodeFile}${aliasLines(aliases)}`
}

function aliasLines(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return ''
  const lines = aliases.map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join('\t')}`)
  return `\n# Entries added by HostAliases.\n${lines.join('\n')}\n`
}
