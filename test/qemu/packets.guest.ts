/** Runs inside the machine: the table of packets in mode ipvs. Prints one line of JSON; the test outside judges it. */
import { ask } from '../packets/ask.ts'
import { clusterObjects } from '../packets/cluster.ts'
import { questionsOf } from '../packets/judge.ts'
import { Proxies } from '../packets/proxies.ts'
import { layout, rows, services } from '../packets/table.ts'
import { Testbed } from '../packets/testbed.ts'

const { signal } = new AbortController()
const since = process.hrtime.bigint()
const log = (what: string) => console.error(`${(Number(process.hrtime.bigint() - since) / 1e9).toFixed(1)} s: ${what}`)
const questions = questionsOf(rows, { layout, services }).filter(({ protocol }) => protocol !== 'SCTP')
const objects = clusterObjects(layout, services)
log('start')
const bed = await Testbed.open(layout, { workerFile: '/test/prober.worker.mjs', timeoutMs: 20_000 })
await bed.addPlainRoutes()
log('testbed')
await bed.settle(120_000)
log('settled')
const proxies = new Proxies(bed, 'ipvs')
await proxies.sync(objects, signal)
log('synced')
const outcomes = await ask(bed, questions, 'ipvs', { answerMs: 40_000, silenceMs: 8_000, atOnce: 40 })
log('probed')
console.error(await bed.inside('node-1', 'ipvsadm', '-Sn'))
console.error(await bed.inside('node-1', 'ipvsadm', '-Ln'))
console.error(await bed.inside('node-1', 'ipset', 'save'))
console.error(await bed.inside('node-1', 'iptables-save'))
console.log(JSON.stringify({ outcomes }))
process.exit(0)
