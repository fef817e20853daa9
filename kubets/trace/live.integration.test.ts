/** What a probe of SCTP says of servers, rules and silence, in namespaces with kube-proxy's rules. */
import { rm } from 'node:fs/promises'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addressesOf, clusterObjects, type PacketService, servicePort } from '../../test/packets/cluster.ts'
import { type IpFamily, ipOf, makeLayout } from '../../test/packets/layout.ts'
import { Proxies } from '../../test/packets/proxies.ts'
import { Testbed } from '../../test/packets/testbed.ts'
import { enterNode } from './enter.ts'
import { sendProbe } from './live.ts'

const { signal } = new AbortController()
const layout = makeLayout({ 'node-1': ['asker'], 'node-2': ['server'] })
const services: readonly PacketService[] = [
  { name: 'signal', protocol: 'SCTP', endpoints: ['server'] },
  { name: 'empty', protocol: 'SCTP', endpoints: [] },
  { name: 'closed', protocol: 'SCTP', endpoints: ['server'], hasLoadBalancer: true, allowedSources: ['client'] },
]
const root = new URL('../..', import.meta.url).pathname
const program = `${root}build/sctp-probe-${process.pid}.mjs`
/** A machine that is busy may answer later than a probe waits. */
const maxAttempts = 3
let bed: Testbed

beforeAll(async () => {
  await build({
    entryPoints: [`${root}kubets/trace/sctp-probe.worker.ts`],
    ...{ outfile: program, bundle: true, platform: 'node', format: 'esm', external: ['koffi'] },
  })
  bed = await Testbed.open(layout)
  await bed.addPlainRoutes()
  await bed.settle()
  await new Proxies(bed, 'nftables').sync(clusterObjects(layout, services), signal)
}, 120_000)

afterAll(async () => {
  await bed?.close()
  await rm(program, { force: true })
})

/** Servers of raw packets answer only while their own thread has asked something too: here, what nobody answers. */
async function withServers<T>(work: () => Promise<T>): Promise<T> {
  let isOver = false
  const ip = addressesOf(services, 'closed').loadBalancerIps.IPv4
  const asking = (async () => {
    while (!isOver) await bed.probe([{ from: 'asker', ip, port: servicePort, protocol: 'SCTP' }], 1_000)
  })()
  try {
    return await work()
  } finally {
    isOver = true
    await asking
  }
}

async function outcomesOver(family: IpFamily): Promise<Readonly<Record<string, string>>> {
  const inside = await enterNode(bed.namespace('asker'))
  if (inside === undefined) throw new Error('no way into the namespace of the asker')
  const asked = {
    'a pod': { ip: ipOf(layout, 'server', family), port: 8080 },
    'a port where nobody serves': { ip: ipOf(layout, 'server', family), port: 8081 },
    'a Service': { ip: addressesOf(services, 'signal').clusterIps[family], port: servicePort },
    'a Service without endpoints': { ip: addressesOf(services, 'empty').clusterIps[family], port: servicePort },
    'a load balancer for others': { ip: addressesOf(services, 'closed').loadBalancerIps[family], port: servicePort },
  }
  const outcomes = await Promise.all(
    Object.entries(asked).map(async ([name, to]) => {
      let outcome = 'silent'
      for (let attempt = 0; outcome === 'silent' && attempt < maxAttempts; attempt += 1)
        ({ outcome } = await sendProbe(inside, { protocol: 'sctp', ...to }, program, signal))
      return [name, outcome] as const
    }),
  )
  return Object.fromEntries(outcomes)
}

test.each(['IPv4', 'IPv6'] as const)(
  'sendProbe() tells by SCTP over %s who answers, who refuses and what is dropped',
  async (family) => {
    expect(await withServers(async () => await outcomesOver(family))).toEqual({
      'a pod': 'answered',
      'a port where nobody serves': 'refused',
      'a Service': 'answered',
      'a Service without endpoints': 'refused',
      'a load balancer for others': 'silent',
    })
  },
)
