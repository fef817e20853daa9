/** Runs inside the machine: the table of packets in mode ipvs. Prints one line of JSON; the test outside judges it. */
import { clusterObjects } from '../packets/cluster.ts'
import { questionsOf } from '../packets/judge.ts'
import { Proxies } from '../packets/proxies.ts'
import { layout, rows, services } from '../packets/table.ts'
import { Testbed, type TestbedProbe } from '../packets/testbed.ts'

const { signal } = new AbortController()
const since = process.hrtime.bigint()
const log = (what: string) => console.error(`${(Number(process.hrtime.bigint() - since) / 1e9).toFixed(1)} s: ${what}`)
const questions = questionsOf(rows, { layout, services }).filter(({ protocol }) => protocol !== 'SCTP')
const objects = clusterObjects(layout, services)
log('start')
const bed = await Testbed.open(layout, { workerFile: '/test/prober.worker.mjs', timeoutMs: 5_000 })
await bed.addPlainRoutes()
log('testbed')
await bed.settle()
log('settled')
const proxies = new Proxies(bed, 'ipvs')
await proxies.sync(objects, signal)
log('synced')
const outcomes = await bed.probe(questions.map(({ row: _, family: __, ...probe }) => probe as TestbedProbe))
log('probed')
console.error(await bed.inside('node-1', 'ipvsadm', '-Sn'))
console.error(await bed.inside('node-1', 'ipvsadm', '-Ln'))
console.error(await bed.inside('node-1', 'ipset', 'save'))
console.error(await bed.inside('node-1', 'iptables-save'))
console.log(JSON.stringify({ outcomes }))
process.exit(0)
