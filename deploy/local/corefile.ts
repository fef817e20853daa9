/** The configuration of DNS: a ConfigMap that `kubectl -n kube-system edit configmap coredns` changes while the cluster runs. */
import { hasReason } from '../../apimachinery/status.ts'
import type { Client } from '../../client/rest/client.ts'
import { clusterDomain } from './layout.ts'
import { namespacedRole } from './manifest.ts'

/** Where the Corefile is. */
export const corefileConfigMap = { namespace: 'kube-system', name: 'coredns' } as const

/** As kubeadm writes it. */
const corefile = `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes ${clusterDomain} in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success ${clusterDomain}
       disable denial ${clusterDomain}
    }
    loop
    reload
    loadbalance
}
`

/** DNS may read the one ConfigMap that is its configuration. */
export const corefileRole = namespacedRole(corefileConfigMap.namespace, 'system:coredns-config', 'system:coredns', [
  {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: [corefileConfigMap.name],
    verbs: ['get', 'list', 'watch'],
  },
])

/** Puts the Corefile in its place. One that is there already stays: somebody may have changed it. */
export async function createCorefile(client: Client, signal: AbortSignal): Promise<void> {
  const { namespace } = corefileConfigMap
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: corefileConfigMap, data: { Corefile: corefile } }
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  const headers = { 'content-type': 'application/json' }
  try {
    await client.raw({ method: 'POST', path, headers, body: JSON.stringify(object) }, signal)
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error
  }
}
