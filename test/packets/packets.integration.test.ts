/** The table of packets (`table.ts`) in network namespaces: every proxy mode that this kernel has, over every way to join the nodes. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask } from './ask.ts'
import { clusterObjects } from './cluster.ts'
import { judge, questionsOf } from './judge.ts'
import { Proxies } from './proxies.ts'
import { layout, type ModeName, rows, services } from './table.ts'
import { Testbed } from './testbed.ts'

const { signal } = new AbortController()
const cluster = { layout, services }
const objects = clusterObjects(layout, services)
const questions = questionsOf(rows, cluster).filter(({ protocol }) => protocol !== 'SCTP')
let bed: Testbed

beforeAll(async () => {
  bed = await Testbed.open(layout)
  await bed.addPlainRoutes()
  await bed.settle()
})

afterAll(async () => {
  await bed.close()
})

const modes: readonly ModeName[] = ['iptables', 'nftables']

test.each(modes)('packets go where the table says in mode %s over plain routes', async (mode) => {
  const proxies = new Proxies(bed, mode)
  await proxies.sync(objects, signal)
  const outcomes = await ask(bed, questions, mode)
  await proxies.cleanUp(signal)
  expect(judge(questions, outcomes, mode, cluster)).toEqual([])
})
