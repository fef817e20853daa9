/** NetworkPolicies in mode ipvs, in a machine whose kernel has it: IPVS sends what it translates through OUTPUT. */
import { beforeAll, expect, test } from 'vitest'
import type { ServiceCheck } from '../policy/services.ts'
import { findParts, runMachine } from './machine.ts'

/** Half a minute on an idle machine; more than ten times that where many work at the same time. */
const limitMs = 900_000
let seen: ServiceCheck | undefined
let reason = ''

beforeAll(async () => {
  const parts = await findParts(process.env['PATH'] ?? '', (why) => {
    reason = why
    console.warn(`SKIPPED: NetworkPolicies in mode ipvs: ${why}`)
  })
  if (parts === undefined) return
  const result = await runMachine(
    parts,
    {
      entryPoints: ['test/qemu/policies.guest.ts', 'test/packets/prober.worker.ts'],
      modules: [
        ...['br_netfilter', 'veth', 'dummy', 'ip_vs', 'ip_set', 'xt_set', 'nf_tables', 'nft_compat', 'nft_chain_nat'],
        ...['nf_conntrack'],
      ],
      timeoutMs: limitMs,
    },
    new AbortController().signal,
  )
  if (result.exitCode !== 0) {
    throw new Error(`the program in the machine ended with ${result.exitCode}: ${result.console}`)
  }
  // The boundary to the machine: the program prints nothing else.
  seen = JSON.parse(result.output) as ServiceCheck
}, limitMs + 60_000)

test('mode ipvs: endpoints are judged after translation', ({ skip }) => {
  if (seen === undefined) return skip(reason)
  expect(seen).toEqual({ before: [], complaints: [] })
})
