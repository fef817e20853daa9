/** The common table of packets through rules, routes and devices as they were read back from real kernels. */
import { setMaxListeners } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clusterObjects } from '../../test/packets/cluster.ts'
import { Proxies } from '../../test/packets/proxies.ts'
import { layout, services } from '../../test/packets/table.ts'
import { Testbed } from '../../test/packets/testbed.ts'
import { complaintsOfTracer } from '../../test/packets/tracer.ts'
import { enterNode } from './enter.ts'
import { modeIn, readNode } from './kernel.ts'
import type { NodeFacts } from './world.ts'

const { signal } = new AbortController()
setMaxListeners(0, signal)
let bed: Testbed

beforeAll(async () => {
  bed = await Testbed.open(layout)
  await bed.addPlainRoutes()
})

afterAll(async () => await bed.close())

async function factsOf(node: string): Promise<NodeFacts> {
  const inside = await enterNode(bed.namespace(node))
  if (inside === undefined) throw new Error(`no way into ${node}`)
  return await readNode(inside, signal)
}

test.each(['iptables', 'nftables'] as const)(
  'readNode() gives rules that say what the table says in mode %s',
  async (mode) => {
    const proxies = new Proxies(bed, mode)
    await proxies.sync(clusterObjects(layout, services), signal)
    const facts = new Map<string, NodeFacts>()
    for (const { name } of layout.nodes) facts.set(name, await factsOf(name))
    await proxies.cleanUp(signal)
    for (const { rules } of facts.values()) expect(modeIn(rules)).toBe(mode)
    expect(complaintsOfTracer(mode, facts)).toEqual([])
  },
)
