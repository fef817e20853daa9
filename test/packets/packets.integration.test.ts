/** The table of packets (`table.ts`) in network namespaces: every proxy mode that this kernel has, over every way to join the nodes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask } from './ask.ts'
import { clusterObjects } from './cluster.ts'
import { Flannel, type FlannelBackend } from './flannel.ts'
import { judge, questionsOf } from './judge.ts'
import { Proxies } from './proxies.ts'
import { layout, type ModeName, rows, services } from './table.ts'
import { Testbed } from './testbed.ts'

const { signal } = new AbortController()
const cluster = { layout, services }
const objects = clusterObjects(layout, services)
const questions = questionsOf(rows, cluster)
const modes: readonly ModeName[] = ['iptables', 'nftables']
const ways: readonly ('plain routes' | FlannelBackend)[] = ['plain routes', 'host-gw', 'vxlan', 'udp']

describe.each(ways)('over %s', (way) => {
  let bed: Testbed
  let flannel: Flannel | undefined

  beforeAll(async () => {
    // Room for the headers of every tunnel.
    bed = await Testbed.open(layout, { podMtu: 1_400 })
    if (way === 'plain routes') await bed.addPlainRoutes()
    else flannel = await Flannel.start(bed, way)
    if (way === 'udp') await bed.addPlainRoutes(['IPv6'])
    await bed.settle()
  }, 120_000)

  afterAll(async () => {
    await flannel?.close()
    await bed.close()
  })

  test.each(modes)(
    'packets go where the table says in mode %s',
    async (mode) => {
      const proxies = new Proxies(bed, mode)
      await proxies.sync(objects, signal)
      const outcomes = await ask(bed, questions, mode)
      await proxies.cleanUp(signal)
      expect(judge(questions, outcomes, mode, cluster)).toEqual([])
    },
    180_000,
  )
})
