/** Host name and domain of a pod. Pure. Source: API fields `spec.hostname`, `subdomain`, `setHostnameAsFQDN`. */
import type { Pod } from '../../api/core/v1.ts'

const maxHostNameLength = 63
const maxFqdnLength = 64

/** `hostName` is one label; `domain` is empty without a subdomain. */
export function podHostName(pod: Pod, clusterDomain: string): { readonly hostName: string; readonly domain: string } {
  const override = pod.spec.hostnameOverride
  if (override !== undefined && override !== '') return { hostName: override, domain: '' }
  const wanted = pod.spec.hostname === undefined || pod.spec.hostname === '' ? pod.metadata.name : pod.spec.hostname
  const hostName = wanted.slice(0, maxHostNameLength).replace(/[-.]+$/, '')
  const { subdomain } = pod.spec
  if (subdomain === undefined || subdomain === '') return { hostName, domain: '' }
  return { hostName, domain: `${subdomain}.${pod.metadata.namespace ?? ''}.svc.${clusterDomain}` }
}

/** What `hostname` prints inside the pod. */
export function sandboxHostName(pod: Pod, clusterDomain: string): string {
  const { hostName, domain } = podHostName(pod, clusterDomain)
  const full = `${hostName}.${domain}`
  return pod.spec.setHostnameAsFQDN === true && domain !== '' && full.length <= maxFqdnLength ? full : hostName
}
