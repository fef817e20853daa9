/** flanneld: the pod network between nodes. */
import { systemClock } from '../component-base/clock.ts'
import { runMain } from '../component-base/main.ts'
import { flags, withEnvironment } from './flags.ts'
import { runFlanneld } from './flanneld.ts'

await runMain({
  name: 'flanneld',
  purpose: 'flanneld leases a subnet for this host and carries pod traffic to the other hosts of the network.',
  flags,
  takesSingleHyphens: true,
  work: async ({ flags: values, given, env, logger }, signal) => {
    await runFlanneld({ flags: withEnvironment(values, given, env), env, clock: systemClock, logger }, signal)
  },
})
