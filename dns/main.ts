/** dns: the names of the cluster, and a way to those outside. */
import { systemClock } from '../component-base/clock.ts'
import { runMain } from '../component-base/main.ts'
import { runDns } from './dns.ts'
import { flags } from './flags.ts'

await runMain({
  name: 'dns',
  purpose: 'dns answers for the names of Services and Pods, and forwards everything else.',
  flags,
  work: async ({ flags: values, logger }, signal) => {
    await runDns({ flags: values, clock: systemClock, logger, environment: process.env }, signal)
  },
})
