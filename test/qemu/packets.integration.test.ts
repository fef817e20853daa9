/** Packets through mode ipvs, in a machine whose kernel has it. */
import { expect, test } from 'vitest'
import { judge, questionsOf } from '../packets/judge.ts'
import { layout, rows, services } from '../packets/table.ts'
import { findParts, runMachine } from './machine.ts'

const cluster = { layout, services }

test('packets go where the table says in mode ipvs over plain routes', { timeout: 560_000 }, async (context) => {
  const parts = await findParts(process.env['PATH'] ?? '', (reason) => console.warn(`SKIPPED mode ipvs: ${reason}`))
  if (parts === undefined) return context.skip('no machine')
  const options = {
    entryPoints: ['test/qemu/packets.guest.ts', 'test/packets/prober.worker.ts'] as const,
    modules: ['br_netfilter', 'veth', 'dummy', 'ip_vs', 'ip_set', 'xt_set', 'nf_tables', 'nft_compat', 'nft_chain_nat'],
    timeoutMs: 550_000,
  }
  const result = await runMachine(parts, options, context.signal)
  console.log(result.console)
  expect(result.exitCode, result.console).toBe(0)
  const { outcomes } = JSON.parse(result.output)
  const questions = questionsOf(rows, cluster).filter(({ protocol }) => protocol !== 'SCTP')
  expect(judge(questions, outcomes, 'ipvs', cluster)).toEqual([])
})
