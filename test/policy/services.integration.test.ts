/** Policies and Services together, by iptables and by nftables; mode ipvs has its test in `test/qemu/`. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Testbed } from '../packets/testbed.ts'
import { checkServices, layout } from './services.ts'

const signal = new AbortController().signal
let bed: Testbed

beforeAll(async () => {
  bed = await Testbed.open(layout)
  await bed.addPlainRoutes()
  await bed.settle()
}, 120_000)

afterAll(async () => {
  await bed?.close()
})

test.each(['iptables', 'nftables'] as const)(
  'mode %s: endpoints are judged after translation',
  async (mode) => {
    const { before, complaints } = await checkServices(bed, mode, { answerMs: 10_000, silenceMs: 1_500 }, signal)
    expect(before).toEqual([])
    expect(complaints).toEqual([])
  },
  120_000,
)
