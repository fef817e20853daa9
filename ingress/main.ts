/** ingress: requests from outside to Services, as Ingresses say. */
import { createClient } from '../client/rest/client.ts'
import { loadKubeconfig } from '../client/rest/kubeconfig.ts'
import { systemClock } from '../component-base/clock.ts'
import { runMain } from '../component-base/main.ts'
import { flags as flagSpecs } from './config.ts'
import { runIngress } from './ingress.ts'

await runMain({
  name: 'ingress',
  purpose: 'Routes HTTP and HTTPS requests to Services, as the Ingresses of networking.k8s.io/v1 say.',
  flags: flagSpecs,
  shutdownDelayMs: (flags) => flags['shutdown-delay'] + flags['shutdown-grace-period'],
  work: async ({ flags, logger }, signal) => {
    const client = createClient({ ...(await loadKubeconfig(flags.kubeconfig)), userAgent: 'ingress' })
    try {
      await runIngress({ flags, client, clock: systemClock, logger, random: Math.random }, signal)
    } finally {
      client.close()
    }
  },
})
