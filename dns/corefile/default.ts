/** The Corefile that stands in for a missing one: kubeadm's, with the flags put in. Pure. */

/** What the flags say. */
export type DefaultFacts = {
  readonly domain: string
  readonly ttlSeconds: number
  /** Name servers, or a file that names them; empty: names outside the cluster are not answered. */
  readonly upstreams: readonly string[]
  readonly timeout: string
  readonly maxConcurrent: number
  readonly cacheSeconds: number
  readonly metricsPort: number
}

/** The text of a Corefile. */
export function defaultCorefile(facts: DefaultFacts): string {
  const { domain, ttlSeconds, upstreams, timeout, maxConcurrent, cacheSeconds, metricsPort } = facts
  const forward = `
    forward . ${upstreams.join(' ')} {
       max_concurrent ${maxConcurrent}
       read_timeout ${timeout}
    }`
  return `. {
    errors
    health
    ready
    kubernetes ${domain} in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl ${ttlSeconds}
    }
    prometheus :${metricsPort}${upstreams.length === 0 ? '' : forward}${cacheSeconds > 0 ? `\n    cache ${cacheSeconds}` : ''}
    loop
    reload
    loadbalance
}
`
}
