/** Mode ipvs in a machine whose kernel has it: one machine for all, because it takes its time. */
import { beforeAll, expect, test } from 'vitest'
import { findParts, runMachine } from './machine.ts'
import type { GuestReport } from './packets.guest.ts'

/** A minute on an idle machine; more than ten times that where many work at the same time. */
const limitMs = 900_000
let report: GuestReport | undefined
let reason = ''

beforeAll(async () => {
  const parts = await findParts(process.env['PATH'] ?? '', (why) => {
    reason = why
    console.warn(`SKIPPED: packets in mode ipvs: ${why}`)
  })
  if (parts === undefined) return
  const result = await runMachine(
    parts,
    {
      entryPoints: ['test/qemu/packets.guest.ts', 'test/packets/prober.worker.ts'],
      // Loaded before, because two nodes that load one at the same time get in each other's way.
      modules: [
        ...['br_netfilter', 'veth', 'dummy', 'ip_vs', 'ip_set', 'xt_set', 'nf_tables', 'nft_compat', 'nft_chain_nat'],
        'sctp',
      ],
      timeoutMs: limitMs,
    },
    new AbortController().signal,
  )
  if (process.env['MACHINE_LOG'] !== undefined) console.log(result.console)
  if (result.exitCode !== 0)
    throw new Error(`the program in the machine ended with ${result.exitCode}: ${result.console}`)
  // The boundary to the machine: the program prints nothing else.
  report = JSON.parse(result.output) as GuestReport
}, limitMs + 60_000)

type Rule = readonly [rule: string, look: (seen: GuestReport) => unknown, wanted: unknown]
const rules: readonly Rule[] = [
  ['nothing fails on the way', ({ failures }) => failures, []],
  ['packets go where the table says', ({ table }) => table, []],
  ['SCTP is spoken by the kernel', ({ associations = 0 }) => associations > 0, true],
  ['a restarted proxy changes no server', ({ again }) => again, { isDisturbed: false, changedServers: false }],
  [
    'an endpoint that leaves takes no new TCP connections and keeps the open one',
    ({ leaving }) => [leaving?.connection, leaving?.tcp.map((line) => line.replace(/^-a -t \S+ /, ''))],
    ['open', ['-r 10.244.2.5:9000 -m -w 0']],
  ],
  ['an endpoint of UDP leaves at once', ({ leaving }) => leaving?.udp, []],
  [
    'what others take away is noticed and brought back',
    ({ disturbance }) => disturbance,
    { isNoticed: true, isRepaired: true },
  ],
  [
    'every scheduler of the kernel works; one that it has not is refused in one sentence',
    ({ schedulers }) => schedulers,
    { refused: [], obstacle: 'the kernel has no IPVS scheduler "none-such" (module ip_vs_none-such)' },
  ],
  [
    'scheduler mh hashes ports too',
    ({ hashed }) => hashed,
    { table: [], server: '-A -t 10.96.0.10:80 -s mh -b mh-port' },
  ],
  ...['iptables after ipvs', 'ipvs after iptables', 'nftables after ipvs', 'ipvs after nftables'].map(
    (name): Rule => [
      `mode ${name}: an open connection lives on, and nothing is left`,
      ({ takeovers }) => takeovers[name],
      { connection: [], rows: [], rest: [] },
    ],
  ),
  ['clean-up leaves nothing', ({ afterCleanUp }) => afterCleanUp, []],
]

test.for(rules)('%s', ([_, look, wanted], { skip }) => {
  if (report === undefined) return skip(reason)
  expect(look(report)).toEqual(wanted)
})
