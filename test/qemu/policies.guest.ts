/** Runs inside the machine: policies and Services together in mode ipvs. Prints one line of JSON. */
import { Testbed } from '../packets/testbed.ts'
import { checkServices, layout } from '../policy/services.ts'

const bed = await Testbed.open(layout, { workerFile: '/test/prober.worker.mjs', timeoutMs: 20_000 })
await bed.addPlainRoutes()
await bed.settle(120_000)
const signal = new AbortController().signal
console.log(JSON.stringify(await checkServices(bed, 'ipvs', { answerMs: 60_000, silenceMs: 8_000 }, signal)))
process.exit(0)
